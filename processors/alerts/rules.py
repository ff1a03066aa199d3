"""The rules of alerts as typed, frozen data (`shipped/*.toml`): validated as a whole, and dated."""

import tomllib
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from functools import cache, cached_property
from importlib.resources import files
from itertools import pairwise
from math import ceil
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationError, model_validator

from processors.alerts.clauses import SEVERITIES, Ask, Clause, Data, Hours, Level, Number, Severity
from processors.alerts.episodes import Timing
from processors.alerts.signals import SIGNALS
from processors.scopes import CITY
from processors.standards.reading import wrong_in
from processors.standards.tables import Mark
from processors.windows import day_bounds
from sensors.instants import FOREVER, MINUTE_MS, to_datetime
from store.incidents import Incident


def _of_signals(name: str) -> str:
    if name not in SIGNALS:
        raise ValueError(f"{name!r} is no signal; there are {', '.join(SIGNALS)}")
    return name


_SignalName = Annotated[str, AfterValidator(_of_signals)]


class AlertRuleError(ValueError):
    """The rules are wrong: the message names the file, the rule and the key."""


class Rule(Data):
    """One rule. Times in minutes of event time; `inhibited_by` are rules whose alert stands for this one's: of the city, or of
    the same subject. `coverage_percent` of the windows of a dwell are known before it fires; it begins in `schedule` alone, where
    there is one; `flap_times` episodes within `flap_min` are flapping; incidents of a `group` that fire within `group_min` of its
    first are one group."""

    code: str = Field(pattern=r"^[a-z0-9_]{1,64}$")
    signal: _SignalName
    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)
    runbook: str = Field(pattern=r"^[a-z0-9-]{1,64}$")
    roles: tuple[str, ...] = Field(min_length=1)
    document: str
    clause: str
    mark: Mark | Literal["chosen"]
    effective_from: date
    effective_to: date | None = None
    levels: tuple[Level, ...] = Field(min_length=1)
    margin: Number = Field(ge=0)
    dwell_min: int = Field(ge=0)
    clear_min: int = Field(ge=0)
    hold_min: int = Field(default=0, ge=0)
    gap_min: int = Field(gt=0)
    reopen_min: int = Field(ge=0)
    coverage_percent: int = Field(default=0, ge=0, le=100)
    schedule: tuple[Hours, ...] = ()
    flap_times: int = Field(default=0, ge=0)
    flap_min: int = Field(default=0, ge=0)
    group: Literal["district", "city"] | None = None
    group_min: int = Field(default=0, ge=0)
    inhibited_by: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if any(
            SEVERITIES.index(after.severity) <= SEVERITIES.index(before.severity)
            for before, after in pairwise(self.levels)
        ):
            raise ValueError(f"{self.code}: levels rise from notice to critical")
        if self.effective_to is not None and self.effective_to < self.effective_from:
            raise ValueError(f"{self.code}: effective_to is before effective_from")
        if bool(self.flap_times) != bool(self.flap_min) or self.flap_times == 1:
            raise ValueError("flapping is so many episodes (flap_times, two or more) within so many minutes (flap_min)")
        if self.flap_times and not self.reopen_min:
            raise ValueError("flapping is of an incident that reopens: set reopen_min")
        if (self.group is None) != (self.group_min == 0):
            raise ValueError("a group has both, `group` and `group_min`")
        return self

    @model_validator(mode="after")
    def _asks_what_its_signal_has(self) -> Self:
        signal = SIGNALS[self.signal]
        for clause in self.clauses:
            if clause.of not in signal.shows:
                raise ValueError(f"{clause.of!r} is no quantity of {self.signal}; it has {', '.join(signal.shows)}")
            if clause.looks_at > 1 and not signal.window:
                raise ValueError(f"{self.signal} has no windows: leave `windows` and `within` out")
        if self.coverage_percent and not signal.window:
            raise ValueError(f"{self.signal} has no windows: leave coverage_percent out")
        return self

    @cached_property
    def clauses(self) -> Sequence[Clause]:
        """Of all its levels."""
        return [clause for level in self.levels for clauses in level.any for clause in clauses]

    @cached_property
    def asks(self) -> Sequence[Sequence[Sequence[Ask]]]:
        """Its levels as they are asked: of each the lists of which any holds."""
        return [[[one.ask(self.margin) for one in clauses] for clauses in level.any] for level in self.levels]

    @cached_property
    def asks_of(self) -> frozenset[str]:
        """The quantities that it asks of."""
        return frozenset(clause.of for clause in self.clauses)

    @cached_property
    def shows(self) -> frozenset[str]:
        """The quantities that it shows; empty: all that there are."""
        return self.asks_of if SIGNALS[self.signal].apart else frozenset()

    @property
    def looks_at(self) -> int:
        """How many windows its clauses look at, at most."""
        return max(clause.looks_at for clause in self.clauses)

    @cached_property
    def timing(self) -> Timing:
        """Its times in ms."""
        dwell = [self.dwell_min if level.dwell_min is None else level.dwell_min for level in self.levels]
        known: tuple[int, ...] = ()
        if self.coverage_percent:
            window = SIGNALS[self.signal].window
            known = tuple(ceil((one * MINUTE_MS // window + 1) * self.coverage_percent / 100) for one in dwell)
        return Timing(
            tuple(one * MINUTE_MS for one in dwell),
            self.clear_min * MINUTE_MS,
            self.hold_min * MINUTE_MS,
            self.gap_min * MINUTE_MS,
            known,
            self.flap_times,
            self.flap_min * MINUTE_MS,
            self.reopen_ms,
        )

    @property
    def reopen_ms(self) -> int:
        """How soon after an end a new beginning is the same incident [ms]."""
        return self.reopen_min * MINUTE_MS

    @property
    def begins_within_ms(self) -> int:
        """How long before a point its run began, at most [ms], where nothing but the dwell kept it from firing."""
        return max(self.timing.dwell) + self.timing.gap

    def stands_behind(self, one: Incident, other: Incident) -> bool:
        """Whether an incident of this rule stands behind another: of a rule that inhibits it, that fires while this one does; of
        the same subject, or of the city and at least as severe. It is written, and the other is what people are told of."""
        return (
            other.rule in self.inhibited_by
            and (other.subject == one.subject or (other.subject == CITY and other.draft.greatest >= one.draft.greatest))
            and other.draft.fired <= (one.draft.resolved or one.draft.last)
            and one.draft.fired <= (other.draft.resolved or other.draft.last)
        )

    def in_force(self, at: int, zone: ZoneInfo) -> bool:
        """Whether it holds of what ends at an instant [ms]: of the civil days that it is in force."""
        after, until = _bounds(self.effective_from, self.effective_to, zone)
        return after < at <= until

    def may_begin(self, at: int, zone: ZoneInfo) -> bool:
        """Whether it may fire first at an instant [ms]: within its schedule, where it has one."""
        if not self.schedule:
            return True
        clock = to_datetime(at, zone)
        return any(one.covers(clock.weekday(), clock.time()) for one in self.schedule)


@cache
def _bounds(first: date, last: date | None, zone: ZoneInfo) -> tuple[int, int]:
    return day_bounds(first, zone)[0], FOREVER if last is None else day_bounds(last, zone)[1]


def load_rules(text: str, place: str) -> Mapping[str, Rule]:
    """Rules from TOML, by code; `place` names the file in errors. Raises AlertRuleError."""
    return _whole(_read(_table(text, place, {"rule"}), place), {}, place)


def city_rules(text: str, place: str, shipped: Mapping[str, Rule]) -> Mapping[str, Rule]:
    """Shipped rules with those of a city's own file (TOML): one of the same code replaces the shipped one, and `off` names those
    that the city has not. Raises AlertRuleError."""
    table = _table(text, place, {"rule", "off"})
    own, off = _read(table, place), table.get("off", [])
    for code in off if isinstance(off, list) else [off]:
        if not isinstance(code, str) or code not in shipped:
            raise AlertRuleError(f"{place}: off: {code!r} is no shipped rule; there are {', '.join(shipped)}")
        if code in own:
            raise AlertRuleError(f"{place}: rule {code!r} is off and written out; leave one of both out")
    return _whole(own, {code: rule for code, rule in shipped.items() if code not in off}, place)


def _table(text: str, place: str, keys: Collection[str]) -> Mapping[str, Any]:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise AlertRuleError(f"{place}: {error}") from error
    unknown = set(table).difference(keys)
    if unknown:
        raise AlertRuleError(f"{place}: {min(unknown)!r} is unknown; rules stand under [[rule]]")
    return table


def _read(table: Mapping[str, Any], place: str) -> dict[str, Rule]:
    found: dict[str, Rule] = {}
    entries = table.get("rule", [])
    if not isinstance(entries, list):
        raise AlertRuleError(f"{place}: rule: each rule stands under [[rule]], in two brackets")
    for number, entry in enumerate(entries, start=1):
        try:
            rule = Rule.model_validate(entry)
        except ValidationError as error:
            where, said = wrong_in(error)
            its = entry.get("code", number) if isinstance(entry, dict) else number
            raise AlertRuleError(f"{place}: rule {its!r}: {f'{where}: ' if where else ''}{said}") from error
        if rule.code in found:
            raise AlertRuleError(f"{place}: rule {rule.code!r} is there twice; give each a code of its own")
        found[rule.code] = rule
    return found


def _whole(own: Mapping[str, Rule], shipped: Mapping[str, Rule], place: str) -> Mapping[str, Rule]:
    """All rules; those of the file are inhibited by rules that there are."""
    found = {**shipped, **own}
    for rule in own.values():
        for other in rule.inhibited_by:
            if other not in found or other == rule.code:
                raise AlertRuleError(f"{place}: rule {rule.code!r}: inhibited_by {other!r} is no other rule")
    return found


@cache
def shipped_rules() -> Mapping[str, Rule]:
    """Those that cityflux ships, of all topics."""
    folder = files("processors.alerts.shipped")
    names = sorted(one.name for one in folder.iterdir() if one.name.endswith(".toml"))
    return load_rules("\n".join(folder.joinpath(name).read_text("utf-8") for name in names), "the shipped rules")


__all__ = [
    "SEVERITIES", "AlertRuleError", "Ask", "Clause", "Hours", "Level", "Rule", "Severity", "city_rules", "load_rules",
    "shipped_rules",
]  # fmt: skip
