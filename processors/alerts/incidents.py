"""Incidents: what people are told of, from the episodes of one rule at one subject, against what was told before. Pure.

Episodes that follow each other within the rule's reopening time are one incident: it opens, may be raised, lowered, recover,
reopen and resolve. What is stored is compared with what the data say now, and each difference is a change with its reason:

    opened       with how late that is, where the data came late; also one that is over already
    raised, lowered, recovering, fired again, reopened, resolved
    corrected    late data moved its beginning or end, or its greatest level, and people were told otherwise
    withdrawn    late data say that there was none
    closed       nobody measures it any more, or the rule is out of force
    joined       late data made one of two
    flapping     it came and went so often that it is not told any more, until it was well for the rule's reopening time
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
        last.last, len(group), {"peak_at": peak.at, **peak.shown}, any(one.flapping for one in group),
    )  # fmt: skip


def changes(known: Sequence[Incident], now: Sequence[Draft], reopen: int, edge: int | None = None) -> list[Change]:
    """From what is stored of a rule at a subject, in the span that was looked at again, to what the data say. What begins at
    `edge` [ms] began before the look: of a stored incident its beginning stays."""
    if len(known) == len(now) == 1 and known[0].draft.since == now[0].since:
        return _moved(known[0], now[0])
    found: list[Change] = []
    of_draft = _matched(known, now, reopen)
    for number, draft in enumerate(now):
        same = of_draft.get(number, [])
        if not same:
            found.append(Change(None, "opened", _why_opened(draft), draft))
            continue
        first = same[0]
        found += [
            Change(one.id, "joined", f"late data made one incident of {first.id} and {one.id}", None, first.id)
            for one in same[1:]
        ]
        is_cut = first.draft.since < draft.since == edge
        found += _moved(first, _with_its_beginning(draft, first.draft) if is_cut else draft)
    matched = {one.id for same in of_draft.values() for one in same}
    found += [
        Change(one.id, "withdrawn", "late data say that it was not so", None) for one in known if one.id not in matched
    ]
    return found


def _matched(known: Sequence[Incident], now: Sequence[Draft], reopen: int) -> dict[int, list[Incident]]:
    """The stored incidents of each draft, by its position: each with the draft that it shares most time with, else with the
    nearest that is no further than reopening allows."""
    found: dict[int, list[Incident]] = {}
    for one in known:
        shared = {
            number: min(_end(one.draft), _end(draft)) - max(one.draft.since, draft.since)
            for number, draft in enumerate(now)
        }
        near = {number: time for number, time in shared.items() if time >= -reopen}
        if near:
            found.setdefault(max(near, key=lambda number: near[number]), []).append(one)
    return found


def _end(one: Draft) -> int:
    return one.last if one.well is None else one.well


def _with_its_beginning(draft: Draft, stored: Draft) -> Draft:
    return draft._replace(
        since=stored.since, fired=stored.fired, greatest=max(draft.greatest, stored.greatest),
        episodes=max(draft.episodes, stored.episodes),
        shown=stored.shown if stored.greatest > draft.greatest else draft.shown,
    )  # fmt: skip


def _why_opened(draft: Draft) -> str:
    return "it was over when the data came" if draft.phase == "resolved" else "the condition held for its dwell"


def _moved(known: Incident, draft: Draft) -> list[Change]:
    """What became of a stored incident."""
    before = known.draft
    told = _corrected(before, draft)
    if draft.flapping and not before.flapping:
        told.append(("flapping", f"it has begun {draft.episodes} times; it is told again when it was calm"))
        told += [("resolved", "it was over when the data came")] if draft.phase == "resolved" else []
    elif before.phase == "resolved":
        told += _after_its_end(before, draft)
    else:
        told += _level(before, draft)
        if draft.phase != before.phase and (draft.phase == "resolved" or not draft.flapping):
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
