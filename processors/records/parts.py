"""What the judgements of rows from entered figures share: which figures an intensity rests on, and how each is shown."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from processors.computation import CODE_VERSION
from processors.indicators.exact import decimal
from processors.indicators.intensity import at_constant_prices, intensity
from processors.plans import Indicator
from processors.plans.figures import figures as known_figures
from processors.windows import period_days
from store.judgements import Judgement, Key
from store.records import Record

ENTERED = "entered"
"""The standard of a judgement that rests on what people entered."""

AMOUNT = {"energy_intensity": "energy_total", "co2_intensity": "co2_total"}
"""By computation the figure whose amount is held against GDP."""
GDP, DEFLATOR = "gdp", "gdp_deflator"
_DIGITS = 2


def percent(share: Fraction) -> Decimal:
    """A share [1] in percent, as it is shown."""
    return decimal(100 * share, _DIGITS)


def percent_text(share: Fraction | None) -> str | None:
    """The same as text; None where it is not known."""
    return None if share is None else str(percent(share))


def intensity_of(amount: Record, gdp: Record, deflator: Decimal) -> Fraction:
    """An amount per 10⁴ yuan of GDP at constant prices."""
    return intensity(Fraction(amount.value), at_constant_prices(Fraction(gdp.value), Fraction(deflator)))


def judgement(
    row: Indicator,
    period: str,
    value: Decimal | None,
    status: str,
    taken: Sequence[Record],
    expected: int,
    detail: dict[str, Any],
    last_closed: date,
    now: int,
) -> Judgement:
    """A row's judgement of a period, with the figures that it rests on (`taken`, of so many that are needed)."""
    shown = {
        "records": [one.id for one in taken],
        "figures": [_shown(one) for one in taken],
        "last_day": min(last_closed, period_days(period)[1]).isoformat(),
    }
    return Judgement(
        Key(row.code, row.scope, period, ENTERED), None if value is None else str(value), row.unit, status, len(taken), expected,
        CODE_VERSION, (), {**shown, **detail}, now,
    )  # fmt: skip


def _shown(one: Record) -> dict[str, Any]:
    entry = known_figures()[one.code]
    return {
        "number": one.id, "code": one.code, "zh": entry.zh, "en": entry.en, "period": one.period, "value": str(one.value),
        "unit": one.unit, "source": one.source, "dated": one.dated, "note": one.note, "entered_by": one.entered_by,
        "entered_at": one.entered_at, "supersedes": one.supersedes, "reason": one.reason,
    }  # fmt: skip
