"""Rules: what each field of a source's samples is. Field → quantity, and a straight line from the number sent to the canonical
unit.

Three things may say it, the later ones over the earlier: the format's own document, the source, the device. Of a unit the order
is: the device's, the source's, the message's own, the format's, the quantity's canonical one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from sensors.formats.sample import Placement, Sample, Shape
from sensors.quantities import OF_FAMILY, Family, Quantity
from sensors.refusals import Refusal
from sensors.units import SAME, Line, UnitError, conversion

# Chosen: shapes of messages that are remembered; a device has one or two. Somebody who invents fields gets the slow way.
_MAX_SHAPES = 10_000
# Chosen: a shape is compiled, which takes a millisecond, when it has come so often; and only up to so many fields.
_COMPILED_AFTER = 3
_MOST_FIELDS = 200


_Key = tuple[str | None, Shape] | tuple[str | None, tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""A device with units of its own; and the sample's shape, or its fields and the units that it names."""


class Rule(NamedTuple):
    """One field: its quantity, and canonical = sent × factor + offset."""

    quantity: Quantity
    line: Line
    unit: str | None
    """The unit that was sent, where anybody says it."""


Convert = Callable[[Iterable[Any]], "dict[str, float] | None"]
"""The numbers of a message, in the order of its fields, to values by quantity [canonical unit], quantised; None where that is not
certain: out of range or at its edge, or as near to two decimals."""

# Of a conversion, relative: a thousand times what rounding does to a number on its way through either form of the line.
_MARGIN = 1e-12
# Up to here a double still holds thousandths, so that it is certain which whole number is nearest.
_MOST_SCALED = 1e12
# A double of this size holds whole numbers only: what is added to it is rounded to the nearest one, half-even.
_WHOLE = 1.5 * 2.0**52


def _compiled(rules: Sequence[Rule | None]) -> Convert:
    """What the rules of a message do to its numbers, as one function without a loop: a third of the time of the loop. It is made
    of the quantities' codes and of numbers, and of nothing that anybody sends."""
    lines, values = [], []
    for number, rule in enumerate(rules):
        if rule is None:
            continue
        of, (factor, offset), power = rule.quantity, rule.line, 10.0**rule.quantity.scale
        low, high = of.low * power, of.high * power
        if (factor, offset) == (1.0, 0.0):
            within = f"{of.low!r} <= v{number} <= {of.high!r}"
        else:
            margin = _MARGIN * max(abs(low), abs(high), abs(offset * power))
            # Nothing is rounded to 0 or from it where there is no offset, and 0 is what many sensors send for long.
            least = 0.0 if low == 0 and offset == 0 else low + margin
            within = f"{least!r} <= s <= {high - margin!r}"
        lines.append(f"    s = v{number} * {factor * power!r}" + (f" + {offset * power!r}" if offset else ""))
        lines.append(f"    n{number} = s + {_WHOLE!r} - {_WHOLE!r}")
        lines.append(
            f"    if not ({within} and {-_MOST_SCALED!r} < s < {_MOST_SCALED!r} and -0.499 < s - n{number} < 0.499):"
        )
        lines.append("        return None")
        values.append(f"{of.code!r}: n{number} / {power!r}")
    names = "".join(f"v{number}, " for number in range(len(rules)))
    text = "\n".join(["def convert(values):", f"    {names} = values", *lines, f"    return {{{', '.join(values)}}}"])
    made: dict[str, Convert] = {}
    exec(text, made)  # noqa: S102 - see above
    return made["convert"]


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
        self._shapes: dict[_Key, int | Convert | None] = {}
        """By shape: how often it has come, or its short way."""
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

    def convert(self, sample: Sample, device: str | None) -> Convert | None:
        """The short way for samples of these fields and units; None where there is none, or not yet."""
        of, fields, units = device if device in self._devices else None, sample.values, sample.units
        key: _Key = (
            (of, sample.shape) if sample.shape is not None else (of, tuple(fields), tuple(units), tuple(units.values()))
        )
        found = self._shapes.get(key, 0)
        if not isinstance(found, int):
            return found
        if len(self._shapes) >= _MAX_SHAPES:
            self._shapes.clear()
        if found < _COMPILED_AFTER - 1 or len(fields) > _MOST_FIELDS:
            self._shapes[key] = found + 1
            return None
        convert = self._shapes[key] = self._make(tuple(fields), device, units)
        return convert

    def _make(self, fields: Sequence[str], device: str | None, units: Mapping[str, str]) -> Convert | None:
        rules: list[Rule | None] = []
        for field in fields:
            rule = None if self.is_ignored(field) else self.rule(field, device, units.get(field))
            if isinstance(rule, Refusal):
                return None
            rules.append(rule)
        codes = [rule.quantity.code for rule in rules if rule is not None]
        return _compiled(rules) if codes and len(set(codes)) == len(codes) else None

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
