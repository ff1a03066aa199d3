"""What a scenario of alerts is: what is sent and when, what people do, and what is to be told of it.

A story is a sequence of turns. In a turn messages are sent, all of them before anybody looks; then an evaluator looks, or dies
while it does. `Turn.seen` says until when the data of a subject are there. The truth is by event time: an incident is the
windows at which something new is to be said of it, so that what is to be known at any turn is those up to what was seen. Where
late data change the past the truth has several stages, each from a turn on.

Every truth is written down with the scenario, from how it was made. No rule is run for it.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from sensors.stations import Station
from simulators.message import OutMessage

What = Literal["opened", "raised", "lowered", "recovering", "fired again", "reopened", "resolved"]

Upset = Literal["", "restart", "dies before it saves", "dies after it saved", "two at once"]
"""What becomes of the evaluator in a turn."""

UPSETS: Sequence[Upset] = ("restart", "dies before it saves", "dies after it saved", "two at once")


class Acknowledged(NamedTuple):
    """Somebody says that he knows of the incident of a rule at a subject that holds now."""

    rule: str
    subject: str


class Turn(NamedTuple):
    """When it is sent [ms], what, until when [ms] the data of each subject are there after it, what becomes of the evaluator
    that looks, and who acknowledges what after it has looked."""

    at: int
    messages: tuple[OutMessage, ...]
    seen: Mapping[str, int]
    upset: Upset = ""
    people: tuple[Acknowledged, ...] = ()


class State(NamedTuple):
    """From the window that ends at `at` [ms] on: what is told, and of which level the incident is."""

    at: int
    what: What
    level: int


class Incident(NamedTuple):
    """An incident: since when [ms] it was so, and its states in order; the first is `opened`."""

    rule: str
    subject: str
    since: int
    states: tuple[State, ...]

    def until(self, seen: int) -> "Incident | None":
        """As far as data up to `seen` [ms] tell; None where nothing is to be told yet."""
        known = tuple(state for state in self.states if state.at <= seen)
        return self._replace(states=known) if known else None

    @property
    def fired(self) -> int:
        """When it could be said first [ms]."""
        return self.states[0].at

    @property
    def level(self) -> int:
        """Its level after its last state."""
        return self.states[-1].level

    @property
    def greatest(self) -> int:
        """Its highest level."""
        return max(state.level for state in self.states)

    @property
    def phase(self) -> str:
        """Where it stands after its last state."""
        phase = "firing"
        for state in self.states:
            phase = _PHASES.get(state.what, phase)
        return phase

    @property
    def well(self) -> int | None:
        """Since when its value is back [ms]."""
        well = None
        for state in self.states:
            if state.what == "recovering" or (state.what == "resolved" and well is None):
                well = state.at
            elif state.what in {"fired again", "reopened"}:
                well = None
        return well

    @property
    def resolved(self) -> int | None:
        """When it was over [ms]."""
        return self.states[-1].at if self.phase == "resolved" else None

    @property
    def episodes(self) -> int:
        """How many times it began."""
        return 1 + sum(state.what == "reopened" for state in self.states)


_PHASES: Mapping[str, str] = {
    "opened": "firing", "fired again": "firing", "reopened": "firing", "recovering": "recovering", "resolved": "resolved",
}  # fmt: skip


class Stage(NamedTuple):
    """What is so from a turn at `at` [ms] on. `also` are the lines (rule, subject, what) that may be told when it begins, each at
    most once: what late data corrected, withdrew or joined."""

    at: int
    incidents: tuple[Incident, ...]
    also: tuple[tuple[str, str, str], ...] = ()


class Story(NamedTuple):
    """A scenario of a seed: the registry's entries, the rules that it is about (of all their subjects the truth is known), what
    happens, and what is to be told. `of_receipt` are those of the rules that ask when something came, not of when it is."""

    name: str
    seed: int
    stations: tuple[Station, ...]
    rules: tuple[str, ...]
    turns: tuple[Turn, ...]
    stages: tuple[Stage, ...]
    of_receipt: tuple[str, ...] = ()

    def so(self, turn: Turn) -> list[Incident]:
        """The incidents after a turn, as far as they can be known then."""
        return [
            known
            for one in self.stage(turn.at).incidents
            if (known := one.until(turn.at if one.rule in self.of_receipt else turn.seen.get(one.subject, 0)))
        ]

    def stage(self, at: int) -> Stage:
        """What is so at a turn [ms]."""
        return [stage for stage in self.stages if stage.at <= at][-1]


def incident(rule: str, subject: str, since: int, *states: tuple[int, What, int]) -> Incident:
    """One, its states in any order; of one window in the order given."""
    return Incident(rule, subject, since, tuple(sorted((State(*one) for one in states), key=lambda one: one.at)))
