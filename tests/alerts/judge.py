"""What is stored against what is so: at every turn, and line by line; and what was told of it against the lines."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from processors.alerts.notify.config import QUIET
from processors.alerts.notify.planning import BEGINNINGS, STILL
from processors.alerts.notify.texts import WHATS
from simulators.alerts import Incident as True_
from simulators.alerts import Story, Turn
from store.notices import Notice, Outbox
from tests.alerts.city import Told
from tests.alerts.tellers import PEOPLE, PROGRAMS

COUNTED = ("missed", "false", "twice", "late")


class _As(NamedTuple):
    """An incident as both sides have it, times in [ms]."""

    rule: str
    subject: str
    since: int
    fired: int
    level: int
    greatest: int
    phase: str
    well: int | None
    resolved: int | None
    episodes: int


@dataclass
class Verdict:
    """What was found, in words, by kind; and how much was looked at."""

    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    incidents: int = 0
    lines: int = 0
    looks: int = 0

    @property
    def wrong(self) -> list[str]:
        """All of it."""
        return [f"{kind}: {said}" for kind in COUNTED for said in getattr(self, kind)]


class Judge:
    """Of one story."""

    def __init__(self, story: Story) -> None:
        self.verdict = Verdict()
        self._story = story
        self._may: Counter[tuple[str, str, str]] = Counter()
        self._acknowledged: dict[tuple[str, str], int] = {}
        self._behind: set[_As] = set()

    def look(self, turn: Turn, city: Told) -> None:
        """After a turn: everything that the data tell until then is stored, and nothing else. What is not there at the first look
        that could tell it is late, and missed where it never comes."""
        so = self._story.so(turn)
        expected = {_of(one) for one in so}
        stored = {
            _As(one.rule, one.subject, *(getattr(one.draft, name) for name in _As._fields[2:]))
            for one in city.incidents.all()
            if one.rule in self._story.rules
        }
        missing, more = expected - stored, stored - expected
        self.verdict.late += [f"{one} at {turn.at}" for one in sorted(missing - self._behind, key=str)]
        self.verdict.false += [f"{one} at {turn.at}" for one in sorted(more, key=str)]
        self._behind = missing
        self._allow(turn, so)
        self._judge_acknowledgements(turn, so, city)
        self.verdict.looks += 1

    def end(self, city: Told) -> Verdict:
        """After the last turn."""
        told = Counter(
            (one.rule, one.subject, line.what)
            for one, line in city.log()
            if line.who == "cityflux" and one.rule in self._story.rules
        )
        for line, count in sorted((told - self._may).items()):
            self.verdict.twice.append(f"{line}: {told[line]} times, {count} too many")
        self.verdict.missed += [str(one) for one in sorted(self._behind, key=str)]
        opened = Counter((one.rule, one.subject, "opened") for one in self._story.stages[-1].incidents)
        self.verdict.missed += [f"{line} is in no log" for line in sorted(opened.keys() - told.keys())]
        self.verdict.incidents, self.verdict.lines = opened.total(), told.total()
        return self.verdict

    def told(self, city: Told) -> None:
        """After the last turn, where a notifier looked after each: of each line of the log that is news, programs were told once;
        and people as often as they were told that it is not withheld, of what follows where they knew of it."""
        notices = sorted(Outbox(city.books).deliveries(), key=lambda one: one.id)
        lines = [(one.id, line.what) for one, line in city.log() if line.what in WHATS]
        stills = [(one.incident, one.what) for one in notices if one.channel == PROGRAMS and one.what == STILL]
        self._compare(PROGRAMS, lines + stills, notices)
        expected: list[tuple[int, str]] = []
        for one in notices:
            begins = one.what in BEGINNINGS or one.what == STILL
            knew = any(number == one.incident for number, _ in expected)
            if one.channel == PROGRAMS and one.what not in QUIET and (not one.facts["withheld"] if begins else knew):
                expected.append((one.incident, one.what))
        self._compare(PEOPLE, expected, notices)

    def _compare(self, channel: str, expected: list[tuple[int, str]], notices: list[Notice]) -> None:
        told = Counter((one.incident, one.what) for one in notices if one.channel == channel)
        self.verdict.missed += [f"{channel} not told of {one}" for one in sorted((Counter(expected) - told).elements())]
        self.verdict.twice += [
            f"{channel} told again of {one}" for one in sorted((told - Counter(expected)).elements())
        ]

    def _allow(self, turn: Turn, so: list[True_]) -> None:
        """Each line once: those of the states until now, in whichever stage there were most of them, and what late data add."""
        now = Counter((one.rule, one.subject, state.what) for one in so for state in one.states)
        self._may |= now
        for stage in self._story.stages:
            if stage.at == turn.at:
                self._may.update(stage.also)

    def _judge_acknowledgements(self, turn: Turn, so: list[True_], city: Told) -> None:
        """Who acknowledged an incident is asked again where its level is higher since, and only then."""
        for one in city.incidents.all(open_only=True):
            known = self._acknowledged.get((one.rule, one.subject))
            if known is not None and one.asks != (one.draft.level > known):
                self.verdict.false.append(f"asks: {one.asks} at level {one.draft.level}, acknowledged at {known}")
        for rule, subject in turn.people:
            for mine in so:
                if (mine.rule, mine.subject) == (rule, subject) and mine.phase != "resolved":
                    self._acknowledged[rule, subject] = mine.level


def _of(one: True_) -> _As:
    return _As(*(getattr(one, name) for name in _As._fields))
