"""Of meters, day by day, from the judged days in the books: how far a day is from days like it, and whether a day off was used as
a working day, or the reverse.

    value          how far from what is expected, as a share of the range in which days like it lie [1]: above 1 is an anomaly; of
                   several quantities of a meter the greatest
    other_kind     of electricity: 0 where a day used what its own kind of day uses, 1 where it used what the other kind does [1]

Only days that were measured whole are judged; a day is known when it has closed. Nobody tells a public holiday from a working day
here: it looks like one that is used as a day off.
"""

from collections.abc import Mapping
from fractions import Fraction

from processors.alerts.signals.look import Look, Signal, books_of
from processors.alerts.signals.subjects import METER_OF_DAYS
from processors.alerts.values import VALUE, Known, Shown, Values
from processors.energy.anomalies import JudgedDay, judged_days
from processors.energy.days import ENERGY_DAY
from processors.energy.meters import Meters
from processors.energy.rules import unit_of
from processors.indicators.energy_anomaly import Verdict
from processors.indicators.exact import decimal
from processors.windows import civil_day, day_bounds
from sensors.instants import DAY_MS
from store.standings import JUDGEMENTS

_ELECTRICITY = "electricity"
_DIGITS = 3
# A range of no width: whatever differs is far from it.
_FAR = Fraction(10)


def _days(look: Look) -> Mapping[str, Values]:
    meters = Meters(look.registry, look.zone)
    names = sorted(meters.entries) if look.subjects is None else sorted(set(look.subjects) & set(meters.entries))
    first, last = civil_day(look.start + 1, look.zone), civil_day(look.end, look.zone)
    quantities = sorted({code for name in names for code in meters.quantities(name)})
    found: dict[str, dict[int, dict[str, Known]]] = {}
    for one in judged_days(look.store, books_of(look), names, first, last, look.zone, quantities=quantities):
        end = day_bounds(one.use.day, look.zone)[1]
        if look.start < end <= look.end:
            _add(found.setdefault(one.meter, {}).setdefault(end, {}), one)
    return {name: dict(sorted(of.items())) for name, of in found.items()}


def _add(of_day: dict[str, Known], one: JudgedDay) -> None:
    """A quantity of a day: the one that is furthest from its range is shown."""
    if one.verdict is not None:
        away, before = _away(one.use.amount, one.verdict), of_day.get(VALUE)
        if not isinstance(before, Fraction) or away > before:
            of_day |= {
                VALUE: away,
                "used": _said(one.use.amount, one.quantity),
                "expected": _said(one.verdict.middle, one.quantity),
                "quantity": one.quantity,
                "like": f"{one.verdict.days} × {one.verdict.like}",
            }
    if one.quantity == _ELECTRICITY and one.days_off is not None:
        of_day |= {
            "other_kind": one.days_off.like_other,
            "usual_day_off": one.days_off.off,
            "usual_working_day": one.days_off.working,
        }


def _said(amount: Fraction, quantity: str) -> str:
    return f"{decimal(amount, _DIGITS).normalize():f} {unit_of(quantity)}"


def _away(amount: Fraction, verdict: Verdict) -> Fraction:
    distance, width = abs(amount - verdict.middle), verdict.high - verdict.middle
    return distance / width if width else _FAR if distance else Fraction(0)


SIGNALS: Mapping[str, Signal] = {
    "energy_days": Signal(
        METER_OF_DAYS,
        {
            VALUE: Shown("偏离同类日的倍数（1 为范围边缘）", "distance from days like it (1: the edge of their range)"),
            "used": Shown("用量", "used"),
            "expected": Shown("预期", "expected"),
            "quantity": Shown("能源品种", "of"),
            "like": Shown("同类日", "days like it"),
            "other_kind": Shown("接近另一类日的程度", "how much like the other kind of day"),
            "usual_day_off": Shown("休息日用电", "usual day off", "kWh"),
            "usual_working_day": Shown("工作日用电", "usual working day", "kWh"),
        },
        JUDGEMENTS, (ENERGY_DAY,), _days, 0, DAY_MS,
    )
}  # fmt: skip
