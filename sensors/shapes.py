"""Shapes: which fields a station's messages have, of which type and unit, and how often they come; and what of that has changed.

A profile learns from the first messages that are looked at. From then on it tells each change once and takes it for the norm:
a new field, one that always came and is missing, another type or unit, another rate. Pure.
"""

from collections.abc import Mapping
from statistics import median
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field

from sensors.formats.sample import Value

Kind = Literal["new_field", "missing_field", "type_change", "unit_change", "rate_change"]

# Chosen: looks from which a profile is learnt, and in a row in which a field is there before it counts as one that always comes.
# A station of a minute is known after five minutes.
LEARN = 5
# Chosen: looks in a row in which a field is missing, or the rate another: one pause or one message of another kind is no change.
IN_A_ROW = 3
# Chosen: intervals that are more than twice, or less than half as long.
_OTHER_RATE = 2.0
# Chosen: fields of a station that are remembered; whoever sends names that never end is told of once for each up to here.
_MOST_FIELDS = 500


class Part(NamedTuple):
    """A field as it came: its type (None: it has no value), and the unit that the message names."""

    type: str | None
    unit: str | None = None


class Change(NamedTuple):
    """What is other than it was; `before` and `after` in words."""

    kind: Kind
    field: str
    before: str
    after: str


def part_of(value: Value, unit: str | None = None) -> Part:
    """A field's part of the shape."""
    if value is None:
        return Part(None, unit)
    kinds = {bool: "true or false", str: "text"}
    return Part(kinds.get(type(value), "number"), unit)


class _FieldProfile(BaseModel):
    types: list[str] = Field(default_factory=list)
    units: list[str] = Field(default_factory=list)
    present: int = 0
    """Looks in a row in which it was there."""
    absent: int = 0
    regular: bool = False


class Profile(BaseModel):
    """Of one source's messages of one station."""

    looks: int = 0
    fields: dict[str, _FieldProfile] = Field(default_factory=dict)
    interval_ms: float | None = None
    """What the rate is taken for: the median interval between messages."""
    intervals_ms: list[float] = Field(default_factory=list)
    """The last ones."""

    def look(self, shape: Mapping[str, Part], interval_ms: float | None) -> list[Change]:
        """Take one message; `interval_ms` is the mean interval of messages since the look before, if there was one. What has
        changed, each once."""
        self.looks += 1
        known = self.looks > LEARN
        changes: list[Change] = []
        for name, part in shape.items():
            its = self.fields.get(name)
            if its is None:
                if len(self.fields) >= _MOST_FIELDS:
                    continue
                its = self.fields[name] = _FieldProfile()
                changes.append(Change("new_field", name, "", _words(part)))
            else:
                changes += _other(name, its, part)
            its.present, its.absent = its.present + 1, 0
            its.regular = its.regular or its.present >= LEARN
            _learn(its, part)
        for name, its in self.fields.items():
            if name not in shape:
                its.present, its.absent = 0, its.absent + 1
                if its.regular and its.absent >= IN_A_ROW:
                    its.regular = False
                    changes.append(Change("missing_field", name, _words(_last(its)), ""))
        if interval_ms is not None and interval_ms > 0:
            changes += self._rate(interval_ms)
        return changes if known else []

    def _rate(self, interval_ms: float) -> list[Change]:
        self.intervals_ms = [*self.intervals_ms, interval_ms][-LEARN:]
        if self.interval_ms is None:
            if len(self.intervals_ms) == LEARN:
                self.interval_ms = median(self.intervals_ms)
            return []
        base, last = self.interval_ms, self.intervals_ms[-IN_A_ROW:]
        if min(last) <= base * _OTHER_RATE and max(last) >= base / _OTHER_RATE:
            return []
        if min(last) < base < max(last):
            return []
        self.interval_ms, self.intervals_ms = median(last), []
        return [Change("rate_change", "", _interval(base), _interval(self.interval_ms))]


def _other(name: str, its: _FieldProfile, part: Part) -> list[Change]:
    found: list[Change] = []
    if part.type is not None and its.types and part.type not in its.types:
        found.append(Change("type_change", name, " or ".join(its.types), part.type))
    if part.unit is not None and its.units and part.unit not in its.units:
        found.append(Change("unit_change", name, " or ".join(its.units), part.unit))
    return found


def _learn(its: _FieldProfile, part: Part) -> None:
    if part.type is not None and part.type not in its.types:
        its.types.append(part.type)
    if part.unit is not None and part.unit not in its.units:
        its.units.append(part.unit)


def _last(its: _FieldProfile) -> Part:
    return Part(its.types[-1] if its.types else None, its.units[-1] if its.units else None)


def _words(part: Part) -> str:
    return f"{part.type or 'no value'}{f' [{part.unit}]' if part.unit else ''}"


def _interval(milliseconds: float) -> str:
    """About every so many seconds, in three digits."""
    return f"every {milliseconds / 1000:.3g} s"


def shape_of_record(record: Any) -> Mapping[str, Part]:
    """The shape of a record of the native format."""
    values = record.get("values") if isinstance(record, dict) else None
    if not isinstance(values, dict):
        return {}
    return {
        name: part_of(value if isinstance(value, float | int | str | bool | None) else str(value))
        for name, value in values.items()
    }
