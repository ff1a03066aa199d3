"""Who is told what of incidents, from what is stored of them, at one moment. Pure.

a beginning    opened, raised, reopened: the roles of the rule, by the roster of now, where their channel takes the severity;
               nobody where it is silenced, or stands behind another incident: then it is withheld
what follows   lowered, resolved, corrected, …: whoever was told of the incident, so that nobody hears of an end only
withheld       told as "still holds" when the silence, or the other incident, is over and it holds; nothing is withheld for
               an incident that is silenced itself
a group        one incident that is told is told for all of its group that are no graver now; when it is over the next one that
               holds
a ladder       the next step of a role, where nobody has acknowledged in its minutes; it ends with the incident or when
               somebody acknowledges
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from processors.alerts.notify.config import Channel, Directory
from processors.alerts.notify.facts import as_data, facts_of
from processors.alerts.notify.roster import next_due, rung_at
from processors.alerts.notify.texts import WHATS, Facts, render
from processors.alerts.rules import SEVERITIES, Rule
from sensors.stations import Registry
from store.incidents import Incident
from store.notices import GIVEN_UP, Ladder, Line, NoticeDraft, Plan, Withheld
from store.silences import Silence

BEGINNINGS = frozenset({"opened", "raised", "reopened"})
STILL = "still holds"
ESCALATION = "escalation"
ACKNOWLEDGED = "acknowledged"

# Chosen: how soon to look again for somebody further up, where nobody is on duty there.
_LOOK_AGAIN_MS = 300_000

Reached = tuple[str, str]
"""(channel, person); person "" where it is whoever reads the channel."""


class Known(NamedTuple):
    """What is known at a moment [ms]: the incidents that it is about, by number; those that hold of rules that others stand
    behind, and of their groups, in order of number; whom people were told of each."""

    now: int
    incidents: Mapping[int, Incident]
    holding: Sequence[Incident]
    grouped: Sequence[Incident]
    told: Mapping[int, set[Reached]]
    silences: Sequence[Silence]
    registry: Registry


class City(NamedTuple):
    """What does not change while a planner runs."""

    directory: Directory
    rules: Mapping[str, Rule]
    zone: ZoneInfo


class Planner:
    """Decisions of one look, gathered into a plan."""

    def __init__(self, city: City, known: Known, held: Sequence[Withheld]) -> None:
        """`held`: what is withheld."""
        self._held = {one.incident: one for one in held}
        self._city = city
        self._known = known
        self._told: list[NoticeDraft] = []
        self._ladders: dict[tuple[int, str], Ladder] = {}
        self._ended: set[tuple[int, str]] = set()
        self._withheld: dict[int, str] = {}
        self._released: dict[int, str] = {}
        self._holding: dict[str, list[Incident]] = {}
        for one in known.holding:
            self._holding.setdefault(one.rule, []).append(one)
        self._groups: dict[int, list[Incident]] = {}
        self._leaders: dict[int, Incident] = {}
        for one in known.grouped:
            if one.group_id is not None:
                self._groups.setdefault(one.group_id, []).append(one)
        # Of this look too: who is told of a beginning is told of what follows it.
        self._reached = {number: set(reached) for number, reached in known.told.items()}

    def plan(self, cursor: int) -> Plan:
        """All of it, with the line up to which the log was read."""
        return Plan(
            cursor, self._told, list(self._ladders.values()), sorted(self._ended), list(self._withheld.items()),
            list(self._released.items()),
        )  # fmt: skip

    @property
    def is_empty(self) -> bool:
        """Whether nothing was decided."""
        return not (self._told or self._ladders or self._ended or self._withheld or self._released)

    def line(self, line: Line) -> None:
        """Of a line of the log."""
        one = self._known.incidents.get(line.incident)
        if one is None or line.what not in WHATS:
            return
        if line.what in BEGINNINGS:
            if one.gone in {"withdrawn", "joined"}:
                return  # nobody was told of it yet, and there is nothing to tell
            why, held = self._why_withheld(one), self._held.get(one.id)
            if why:
                self._withheld[one.id] = why
                self._add(one, line, (), f"line {line.id}", withheld=why)
                return
            if held is not None:
                self._release(held, "told")
            self._begin(one, line)
        elif line.what == GIVEN_UP:
            self._tell_duty(one, line)
        else:
            self._follow(one, line)

    def again(self, held: Withheld) -> None:
        """Of an incident that was withheld: told where nothing withholds it any more and it holds."""
        one = self._known.incidents.get(held.incident)
        if held.id in self._released:
            return
        if one is None or not one.holds:
            self._release(held, "it was over before")
        elif not one.asks:
            self._release(held, "somebody knows of it")
        elif not self._why_withheld(one):
            self._release(held, "told")
            # Its round of ladders is numbered apart from those that lines begin.
            line = Line(-held.id, one.id, self._known.now, STILL, held.why, "", one.draft.level)
            self._begin(one, line, f"withheld {held.id}")

    def next_step(self, ladder: Ladder) -> None:
        """Of a ladder whose next step is due."""
        one, key = self._known.incidents.get(ladder.incident), (ladder.incident, ladder.role)
        now, directory = self._known.now, self._city.directory
        if key in self._ladders:
            return  # a line of this look has begun it anew
        if one is None or not one.holds or not one.asks or not directory.role:
            self._ended.add(key)
            return
        role = directory.role_of(ladder.role)
        if self._why_withheld(one) or ladder.step + 1 >= len(role.step):
            # A silence ends the ladder: where the incident outlives it, people are told from the first step on.
            self._ended.add(key)
            if why := self._why_withheld(one):
                self._withheld[one.id] = why
            return
        rung = rung_at(directory, role, ladder.step + 1, now, self._city.zone)
        if rung is None:
            self._ladders[key] = ladder._replace(due_at=now + _LOOK_AGAIN_MS)
            return
        waited = f"{role.step[rung.step].after_min:g}"
        line = Line(0, one.id, now, ESCALATION, f"nobody acknowledged it for {waited} min", "", one.draft.level)
        cause = f"ladder {ladder.round}/{ladder.role}/{rung.step}"
        self._add(one, line, rung.reached, cause, rung.step + 1)
        self._climb(one.id, ladder.role, ladder.round, rung.step)

    def _release(self, held: Withheld, why: str) -> None:
        self._released[held.id] = why

    def _begin(self, one: Incident, line: Line, cause: str = "") -> None:
        """Tell the roles of the rule from the first step on; roles that are told alike once. Of a rule that is not known here the
        first role: the watch has another file of rules than we."""
        rule, directory = self._city.rules.get(one.rule), self._city.directory
        reached, roles = dict[Reached, None](), directory.role[0].names if rule is None else rule.roles
        for name in dict.fromkeys(directory.role_of(name).names[0] for name in roles):
            rung = rung_at(directory, directory.role_of(name), 0, self._known.now, self._city.zone)
            if rung is None:
                continue
            reached |= dict.fromkeys(rung.reached)
            if one.holds and one.asks:
                self._climb(one.id, name, line.id, rung.step)
        # Who was told of a lower level hears of the higher one too.
        reached |= dict.fromkeys(sorted(self._reached.get(one.id, ())))
        self._add(one, line, list(reached), cause or f"line {line.id}")

    def _climb(self, incident: int, name: str, round_: int, step: int) -> None:
        """The ladder of a role stands on this step now."""
        due = next_due(self._city.directory.role_of(name), step, self._known.now)
        if due is None:
            self._ended.add((incident, name))
            self._ladders.pop((incident, name), None)
        else:
            self._ladders[incident, name] = Ladder(incident, name, round_, step, due)

    def _follow(self, one: Incident, line: Line) -> None:
        """Tell those who were told of the incident, and programs."""
        self._add(one, line, sorted(self._reached.get(one.id, ())), f"line {line.id}")

    def _tell_duty(self, one: Incident, line: Line) -> None:
        """Tell the first role that a notice was not delivered, by other channels than the one that failed."""
        directory = self._city.directory
        role = directory.role[0]
        reached = [
            each
            for number in range(len(role.step))
            if (rung := rung_at(directory, role, number, self._known.now, self._city.zone)) is not None
            for each in rung.reached
            if not line.why.startswith(f"{each[0]}: ")
        ]
        self._add(one, line, list(dict.fromkeys(reached)), f"line {line.id}")

    def _add(
        self, one: Incident, line: Line, reached: Sequence[Reached], cause: str, step: int = 1, *, withheld: str = ""
    ) -> None:
        """Tell these, and all programs: they are told of what is withheld too, and that it is."""
        rule = self._city.rules.get(one.rule)
        facts = facts_of(
            one, rule, self._known.registry,
            what=line.what, level=line.level, why=line.why, runbooks=self._city.directory.runbooks, step=step,
            others=self._others_of(one),
        )  # fmt: skip
        channels = self._city.directory.channels
        programs = [(name, "") for name, channel in channels.items() if not channel.is_for_people]
        for name, person in dict.fromkeys([*reached, *programs]):
            channel = channels.get(name)
            if channel is None or not channel.takes(line.what) or not self._is_grave_enough(channel, facts, line):
                continue
            self._reached.setdefault(one.id, set()).add((name, person))
            self._told.append(_draft(facts, one, channel, person, cause, self._city.zone, withheld=bool(withheld)))

    def _is_grave_enough(self, channel: Channel, facts: Facts, line: Line) -> bool:
        """Of what follows a beginning nothing is kept from those who were told of it."""
        begins = line.what in BEGINNINGS or line.what in {STILL, ESCALATION}
        return not begins or SEVERITIES.index(facts.severity) >= SEVERITIES.index(channel.least)

    def _why_withheld(self, one: Incident) -> str:
        """Why nobody is told of an incident now; empty where people are."""
        silence = self._silence_of(one)
        if silence is not None:
            return f"the silence {silence.id} is over"
        other = self._stands_behind(one)
        if other is not None:
            return f"incident {other.id}, behind which it stood, is over"
        leader = self._leader_of(one)
        return "" if leader is None else f"incident {leader.id}, of whose group it is, is over"

    def _stands_behind(self, one: Incident) -> Incident | None:
        """The incident that people are told of in its stead; one that is silenced hides no other."""
        rule = self._city.rules.get(one.rule)
        if rule is None:
            return None
        others = (other for code in rule.inhibited_by for other in self._holding.get(code, ()))
        return next(
            (other for other in others if rule.stands_behind(one, other) and self._silence_of(other) is None), None
        )

    def _leader_of(self, one: Incident) -> Incident | None:
        """The incident that is told for one of its group: of those that hold and that nothing else keeps back the gravest now,
        the first of several; None where that is itself."""
        group = one.group_id
        if group is None or group not in self._groups:
            return None
        if group not in self._leaders:
            speaking = [
                other
                for other in self._groups[group]
                if self._silence_of(other) is None and self._stands_behind(other) is None
            ]
            self._leaders[group] = min(speaking, key=lambda other: (-other.draft.level, other.id), default=one)
        leader = self._leaders[group]
        return None if leader.id == one.id else leader

    def _others_of(self, one: Incident) -> int:
        """How many more of its group hold."""
        group = [] if one.group_id is None else self._groups.get(one.group_id, [])
        return len(group) - (1 if one.holds and group else 0)

    def _silence_of(self, one: Incident) -> Silence | None:
        return next((each for each in self._known.silences if each.covers(one, self._known.now)), None)


def _draft(
    facts: Facts, one: Incident, channel: Channel, person: str, cause: str, zone: ZoneInfo, *, withheld: bool
) -> NoticeDraft:
    text = render(facts, channel.language, zone)
    data = {**as_data(facts, one, zone), "withheld": withheld}
    return NoticeDraft(cause, channel.name, person, one.id, facts.what, facts.severity, text.title, text.body, data)
