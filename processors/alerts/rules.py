"""The rules of alerts as typed, frozen data (`shipped/*.toml`): validated as a whole, and dated."""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from processors.alerts.episodes import Timing
from processors.alerts.signals import SIGNALS
from processors.alerts.values import VALUE
from processors.standards.reading import wrong_in
from processors.standards.tables import Mark
from store.incidents import Incident

Severity = Literal["notice", "warning", "serious", "critical"]
SEVERITIES: Sequence[Severity] = ("notice", "warning", "serious", "critical")

_MINUTE_MS = 60_000


def _of_signals(name: str) -> str:
    if name not in SIGNALS:
        raise ValueError(f"{name!r} is no signal; there are {', '.join(SIGNALS)}")
    return name


_SignalName = Annotated[str, AfterValidator(_of_signals)]
_Number = Annotated[Decimal, BeforeValidator(lambda value: Decimal(str(value)))]


class AlertRuleError(ValueError):
    """The rules are wrong: the message names the file, the rule and the key."""


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Clause(_Data):
    """A quantity over a limit in this window and so many right before it (`windows` in all), or in any of so many (`within`)."""

    of: str = VALUE
    over: _Number
    windows: int = Field(default=1, ge=1, le=14)
    within: int = Field(default=1, ge=1, le=14)

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if self.windows > 1 and self.within > 1:
            raise ValueError("a clause has `windows` or `within`, not both")
        return self

    @property
    def looks_at(self) -> int:
        """How many windows it looks at."""
        return max(self.windows, self.within)


class Level(_Data):
    """A level: its severity, a scheme's own colour, and when it holds."""

    severity: Severity
    colour: str = ""
    any: tuple[tuple[Clause, ...], ...]

    @model_validator(mode="before")
    @classmethod
    def _from_short(cls, data: Any) -> Any:
        if isinstance(data, dict) and "over" in data:
            if "any" in data:
                raise ValueError("a level has `over` or `any`, not both")
            rest = {key: value for key, value in data.items() if key != "over"}
            return {**rest, "any": [[{"over": data["over"]}]]}
        return data

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.any or not all(self.any):
            raise ValueError("a level has at least one clause, and so has each of its lists")
        return self


class Rule(_Data):
    """One rule. Times in minutes of event time; `inhibited_by` are rules of a wider subject whose alert stands for this one's."""

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
    margin: _Number = Field(ge=0)
    dwell_min: int = Field(ge=0)
    clear_min: int = Field(ge=0)
    hold_min: int = Field(default=0, ge=0)
    gap_min: int = Field(gt=0)
    reopen_min: int = Field(ge=0)
    inhibited_by: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _levels_rise(self) -> Self:
        if any(
            SEVERITIES.index(after.severity) <= SEVERITIES.index(before.severity)
            for before, after in pairwise(self.levels)
        ):
            raise ValueError(f"{self.code}: levels rise from notice to critical")
        if self.effective_to is not None and self.effective_to < self.effective_from:
            raise ValueError(f"{self.code}: effective_to is before effective_from")
        return self

    @property
    def timing(self) -> Timing:
        """Its times in ms, the same dwell for each level."""
        return Timing(
            (self.dwell_min * _MINUTE_MS,) * len(self.levels),
            self.clear_min * _MINUTE_MS,
            self.hold_min * _MINUTE_MS,
            self.gap_min * _MINUTE_MS,
        )

    @property
    def reopen_ms(self) -> int:
        """How soon after an end a new beginning is the same incident [ms]."""
        return self.reopen_min * _MINUTE_MS

    def stands_behind(self, one: Incident, wider: Incident) -> bool:
        """Whether an incident of this rule stands behind one of a wider subject: of a rule that inhibits it, at least as severe,
        that fires while this one does. It is written, and the wider one is what people are told of."""
        return (
            wider.rule in self.inhibited_by
            and wider.draft.greatest >= one.draft.greatest
            and wider.draft.fired <= (one.draft.resolved or one.draft.last)
            and one.draft.fired <= (wider.draft.resolved or wider.draft.last)
        )

    def in_force(self, day: date) -> bool:
        """Whether it holds on a civil day."""
        return self.effective_from <= day and (self.effective_to is None or day <= self.effective_to)


def load_rules(text: str, place: str) -> Mapping[str, Rule]:
    """Rules from TOML, by code; `place` names the file in errors. Raises AlertRuleError."""
    try:
        table = tomllib.loads(text)
        unknown = set(table) - {"rule"}
        if unknown:
            raise AlertRuleError(f"{place}: {min(unknown)!r} is unknown; rules stand under [[rule]]")
        found: dict[str, Rule] = {}
        for number, entry in enumerate(table.get("rule", ()), start=1):
            try:
                rule = Rule.model_validate(entry)
            except ValidationError as error:
                where, said = wrong_in(error)
                raise AlertRuleError(f"{place}: rule {entry.get('code', number)!r}: {where}: {said}") from error
            if rule.code in found:
                raise AlertRuleError(f"{place}: rule {rule.code!r} is there twice; give each a code of its own")
            found[rule.code] = rule
    except tomllib.TOMLDecodeError as error:
        raise AlertRuleError(f"{place}: {error}") from error
    for rule in found.values():
        for other in rule.inhibited_by:
            if other not in found or other == rule.code:
                raise AlertRuleError(
                    f"{place}: rule {rule.code!r}: inhibited_by {other!r} is no other rule of the file"
                )
    return found


@cache
def shipped_rules() -> Mapping[str, Rule]:
    """Those that cityflux ships, of all topics."""
    folder = files("processors.alerts.shipped")
    names = sorted(one.name for one in folder.iterdir() if one.name.endswith(".toml"))
    return load_rules("\n".join(folder.joinpath(name).read_text("utf-8") for name in names), "the shipped rules")
