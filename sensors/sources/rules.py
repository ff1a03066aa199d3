"""Rules: what each field of a source's samples is. Field → quantity, and a straight line from the number sent to the canonical
unit.

Three things may say it, the later ones over the earlier: the format's own document, the source, the device. Of a unit the order
is: the device's, the source's, the message's own, the format's, the quantity's canonical one.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import NamedTuple

from sensors.formats.sample import Placement
from sensors.quantities import OF_FAMILY, Family, Quantity
from sensors.refusals import Refusal
from sensors.units import SAME, Line, UnitError, conversion

# Chosen: shapes of messages whose plans are kept; a device has one or two. Somebody who invents fields gets the slow way.
_MAX_PLANS = 10_000


class Rule(NamedTuple):
    """One field: its quantity, and canonical = sent × factor + offset."""

    quantity: Quantity
    line: Line
    unit: str | None
    """The unit that was sent, where anybody says it."""


class Step(NamedTuple):
    """A rule as the short way needs it, in units of the quantity's last decimal: canonical × power = sent × factor + offset,
    where `power` is 10 to the quantity's scale. What is between `low` and `high` is within the physical range for sure."""

    code: str
    factor: float
    offset: float
    low: float
    high: float
    power: float
    rule: Rule


Plan = Sequence[Step | None]
"""A step for each field of a message, in their order; None for one that is ignored."""


# Relative. A thousand times what rounding does to a value on its way through either form of the line.
_MARGIN = 1e-12
# Up to here a double still holds thousandths, so that it is certain which whole number is nearest.
_MOST_SCALED = 1e12


def _step(rule: Rule) -> Step:
    of, power = rule.quantity, 10.0**rule.quantity.scale
    low, high = of.low * power, of.high * power
    factor, offset = rule.line.factor * power, rule.line.offset * power
    margin = _MARGIN * max(abs(low), abs(high), abs(offset))
    # Nothing is rounded to 0 or from it where there is no offset, and 0 is what many sensors send for long.
    low = 0.0 if low == 0 and offset == 0 else low + margin
    return Step(of.code, factor, offset, max(low, -_MOST_SCALED), min(high - margin, _MOST_SCALED), power, rule)


class _Chosen(NamedTuple):
    quantity: Quantity
    unit: str | None
    factor: float
    offset: float


class Rules:
    """Of one source. `chosen` is (field, quantity code, unit, factor, offset); `units` is by field, `devices` by device and
    field. Raises UnitError where a unit is none of its quantity's."""

    def __init__(
        self,
        family: Family,
        *,
        defaults: Mapping[str, Placement],
        ignored: Sequence[str],
        chosen: Iterable[tuple[str, str, str | None, float, float]],
        units: Mapping[str, str],
        devices: Mapping[str, Mapping[str, str]],
    ) -> None:
        of = OF_FAMILY[family]
        self._fields = {field: _Chosen(of[code], unit, 1.0, 0.0) for field, (code, unit) in defaults.items()}
        self._by_message = set(self._fields)
        """Fields whose unit a message may overrule."""
        for field, code, unit, factor, offset in chosen:
            if unit is None:
                # Named again without a unit: the format's stays, if it means the same quantity.
                default = defaults.get(field)
                self._fields[field] = _Chosen(
                    of[code], default.unit if default and default.quantity == code else None, factor, offset
                )
                self._by_message.add(field)
            else:
                self._fields[field] = _Chosen(of[code], unit, factor, offset)
                self._by_message.discard(field)
        self._family = family
        self._ignored = frozenset(name for name in ignored if not set(name) & set("*?["))
        self._ignored_patterns = [name for name in ignored if name not in self._ignored]
        self._units = dict(units)
        self._devices = {device: dict(its) for device, its in devices.items()}
        self._plans: dict[tuple[str | None, tuple[str, ...], tuple[str, ...], tuple[str, ...]], Plan | None] = {}
        for field in self._fields:
            self._rule(field, None, None)
        for device, its in self._devices.items():
            for field in its:
                if field in self._fields:
                    self._rule(field, device, None)
        for field in {*self._units, *(field for its in self._devices.values() for field in its)}:
            if field not in self._fields:
                raise UnitError(f"units has {field!r}, which is no field of the source{self._hint(field)}")

    @property
    def fields(self) -> Mapping[str, str]:
        """The quantity's code, by field."""
        return {field: chosen.quantity.code for field, chosen in self._fields.items()}

    def is_ignored(self, field: str) -> bool:
        """Whether the field is known to be none of ours."""
        if field in self._fields:
            return False
        return field in self._ignored or any(fnmatchcase(field, pattern) for pattern in self._ignored_patterns)

    def rule(self, field: str, device: str | None, sent_unit: str | None) -> Rule | Refusal:
        """What the field is, in a message of `device` that names `sent_unit` for it."""
        if field not in self._fields:
            return Refusal(
                "unknown_field",
                field or '""',
                f"nothing says which quantity of {self._family} it is",
                f"name it under quantities of the source, or in ignore{self._hint(field)}",
                quantity=field,
            )
        try:
            return self._rule(field, device, sent_unit)
        except UnitError as error:
            return Refusal(
                "unknown_unit",
                field,
                str(error),
                "send a known unit, or set it under units of the source",
                quantity=field,
            )

    def plan(self, fields: Sequence[str], device: str | None, units: Mapping[str, str]) -> Plan | None:
        """The steps of a message of these fields, for the short way; None where it is not for that."""
        of = device if device in self._devices else None
        key = (of, tuple(fields), tuple(units), tuple(units.values())) if units else (of, tuple(fields), (), ())
        try:
            return self._plans[key]
        except KeyError:
            pass
        if len(self._plans) >= _MAX_PLANS:
            self._plans.clear()
        plan = self._plans[key] = self._make_plan(fields, device, units)
        return plan

    def _make_plan(self, fields: Sequence[str], device: str | None, units: Mapping[str, str]) -> Plan | None:
        steps: list[Step | None] = []
        for field in fields:
            if self.is_ignored(field):
                steps.append(None)
                continue
            rule = self.rule(field, device, units.get(field))
            if isinstance(rule, Refusal):
                return None
            steps.append(_step(rule))
        codes = [step.code for step in steps if step is not None]
        return steps if len(set(codes)) == len(codes) else None

    def _rule(self, field: str, device: str | None, sent_unit: str | None) -> Rule:
        chosen = self._fields[field]
        its = self._devices.get(device, {}) if device is not None else {}
        unit = its.get(field) or self._units.get(field)
        if unit is None:
            unit = sent_unit if sent_unit is not None and field in self._by_message else chosen.unit
        line = SAME if unit is None else conversion(chosen.quantity, unit)
        if (chosen.factor, chosen.offset) != (1.0, 0.0):
            # First to the unit the source names, then from it to the canonical one.
            line = Line(line.factor * chosen.factor, line.factor * chosen.offset + line.offset)
        return Rule(chosen.quantity, line, unit)

    def _hint(self, field: str) -> str:
        near = get_close_matches(field, self._fields, n=1)
        return f"; did you mean {near[0]}?" if near else ""
