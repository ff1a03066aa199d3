"""Incidents: what people are told of, from the episodes of one rule at one subject, against what was told before. Pure.

Episodes that follow each other within the rule's reopening time are one incident: it opens, may be raised, lowered, recover,
reopen and resolve. What is stored is compared with what the data say now, and each difference is a change with its reason:

    opened       with how late that is, where the data came late; also one that is over already
    raised, lowered, recovering, fired again, reopened, resolved
    corrected    late data moved its beginning or end, or its greatest level, and people were told otherwise
    withdrawn    late data say that there was none
    joined       late data made one of two
    noted        its last point or its peak moved: written, and nobody is told

Computing again without new data gives no change: a restart, a crash and a second evaluator repeat nothing.
"""

from collections.abc import Mapping, Sequence

from processors.alerts.episodes import Episode
from store.incidents import Change, Draft, Incident, Phase, What


def drafts(episodes: Sequence[Episode], reopen: int) -> list[Draft]:
    """The incidents of episodes in order of time; two of which the second began at most `reopen` [ms] after the first was well
    are one."""
    found: list[list[Episode]] = []
    for one in episodes:
        before = found[-1][-1] if found else None
        if before is not None and before.well is not None and one.since - before.well <= reopen:
            found[-1].append(one)
        else:
            found.append([one])
    return [_draft(group) for group in found]


def _draft(group: Sequence[Episode]) -> Draft:
    last = group[-1]
    peak = max(group, key=lambda one: (one.peak.level or 0, -one.peak.at)).peak
    return Draft(
        group[0].since, group[0].fired, last.level, max(one.greatest for one in group), last.phase, last.well, last.resolved,
        last.last, len(group), {"peak_at": peak.at, **peak.shown},
    )  # fmt: skip


def changes(known: Sequence[Incident], now: Sequence[Draft], reopen: int) -> list[Change]:
    """From what is stored of a rule at a subject, in the span that was looked at again, to what the data say."""
    found: list[Change] = []
    left = list(known)
    for draft in now:
        same = [one for one in left if _touch(one.draft, draft, reopen)]
        if not same:
            found.append(Change(None, "opened", _why_opened(draft), draft))
            continue
        first = same[0]
        for one in same:
            left.remove(one)
        found += [
            Change(one.id, "joined", f"late data made one incident of {first.id} and {one.id}", None, first.id)
            for one in same[1:]
        ]
        found += _moved(first, draft)
    found += [Change(one.id, "withdrawn", "late data say that it was not so", None) for one in left]
    return found


def _touch(one: Draft, other: Draft, reopen: int) -> bool:
    """Whether two are of one incident: their times meet, or are no further apart than reopening allows."""
    return one.since <= _end(other) + reopen and other.since <= _end(one) + reopen


def _end(one: Draft) -> int:
    return one.last if one.well is None else one.well


def _why_opened(draft: Draft) -> str:
    return "it was over when the data came" if draft.phase == "resolved" else "the condition held for its dwell"


def _moved(known: Incident, draft: Draft) -> list[Change]:
    """What became of a stored incident."""
    before = known.draft
    told = _corrected(before, draft)
    if before.phase == "resolved":
        told += _after_its_end(before, draft)
    else:
        told += _level(before, draft)
        if draft.phase != before.phase:
            told.append(_PHASES[draft.phase])
    if not told and draft != before:
        told.append(("noted", ""))
    return [Change(known.id, what, why, draft) for what, why in told]


_PHASES: Mapping[Phase, tuple[What, str]] = {
    "resolved": ("resolved", "the value was within the clear limits for the clear time"),
    "recovering": ("recovering", "the value is within the clear limits"),
    "firing": ("fired again", "the value left the clear limits before the clear time was over"),
}


def _corrected(before: Draft, draft: Draft) -> list[tuple[What, str]]:
    """What people were told otherwise of what lies behind."""
    told: list[tuple[What, str]] = []
    if (draft.since, draft.fired) != (before.since, before.fired):
        told.append(("corrected", "late data moved its beginning"))
    if draft.greatest < before.greatest:
        told.append(("corrected", "late data say that it was never of its highest level"))
    return told


def _level(before: Draft, draft: Draft) -> list[tuple[What, str]]:
    if draft.level > before.level or draft.greatest > before.greatest:
        return [("raised", "a higher limit was exceeded for its dwell")]
    if draft.level < before.level:
        return [("lowered", "the value was below the clear limit for the clear time")]
    return []


def _after_its_end(before: Draft, draft: Draft) -> list[tuple[What, str]]:
    """What is told of an incident that was resolved."""
    over = draft.phase == "resolved"
    if not over or draft.episodes > before.episodes:
        told: list[tuple[What, str]] = [("reopened", "the condition holds again")]
        return [*told, ("resolved", "it was over when the data came")] if over else told
    if draft.greatest > before.greatest:
        return [("corrected", "late data say that it was of a higher level")]
    return [("corrected", "late data moved its end")] if draft.well != before.well else []
