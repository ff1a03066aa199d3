"""The capacity of the tunnels in service [pcu/h], from the registry as dated: both directions, each as far as it is an entry.

Which entries count is the registry's to say: those of traffic that name a tunnel. One without a capacity adds nothing, and is
named.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from processors.computation import CODE_VERSION
from processors.indicators.exact import decimal, exact
from processors.plans import Indicator, Plan
from processors.windows import period_days
from sensors.stations import Registry
from store.judgements import Judgement, Key

REGISTRY = "registry"
"""The standard of a judgement that rests on the registry alone."""

_UNIT = 10_000
_DIGITS = 2


class Tunnel(NamedTuple):
    """A tunnel: its entries with the capacity of each [pcu/h], None where the registry has none."""

    entries: Mapping[str, float | None]

    @property
    def capacity(self) -> Fraction:
        """Of all of its entries."""
        return sum((exact(one) for one in self.entries.values() if one is not None), Fraction(0))


def tunnels(registry: Registry, at: int) -> dict[str, Tunnel]:
    """The tunnels in service at `at` [ms], by id."""
    found: dict[str, dict[str, float | None]] = {}
    for one in registry.active("traffic", at):
        if one.tunnel is not None:
            found.setdefault(one.tunnel, {})[one.id] = one.capacity_pcu_h
    return {name: Tunnel(entries) for name, entries in sorted(found.items())}


def capacity_judgement(
    row: Indicator, year: int, in_service: Mapping[str, Tunnel], plan: Plan, last_closed: date, now: int
) -> Judgement:
    """The row of a year: the capacity [10⁴ pcu/h] of the tunnels in service at its end so far; not assessable without any."""
    total = sum((one.capacity for one in in_service.values()), Fraction(0))
    value = decimal(total / _UNIT, _DIGITS)
    lacking = [name for one in in_service.values() for name, capacity in one.entries.items() if capacity is None]
    last_day = min(last_closed, period_days(str(year))[1])
    sentence = f"{len(in_service) or 'no'} tunnels in service on {last_day}: {', '.join(in_service)}".removesuffix(": ")
    if lacking:
        sentence += f"; no capacity is known of {', '.join(lacking)}"
    detail: dict[str, Any] = {
        "tunnels": {
            name: {"capacity_pcu_h": str(decimal(one.capacity, 0)), "entries": dict(one.entries)}
            for name, one in in_service.items()
        },
        "last_day": last_day.isoformat(),
        "sentence": sentence,
    }
    entries = sum(len(one.entries) for one in in_service.values())
    return Judgement(
        Key(row.code, row.scope, str(year), REGISTRY), str(value) if in_service else None, row.unit,
        _status(row, value, year, plan) if in_service else "not assessable",
        entries - len(lacking), entries, CODE_VERSION, tuple(sorted(name for one in in_service.values() for name in one.entries)),
        detail, now,
    )  # fmt: skip


def _status(row: Indicator, value: Decimal, year: int, plan: Plan) -> str:
    """Before the plan's last year against the straight line from baseline to target, where there is a baseline."""
    if verdict := plan.verdict(row, value, year):
        return verdict
    if row.baseline is None:
        return "stated"
    share = Fraction(max(0, year - plan.baseline_year), plan.target_year - plan.baseline_year)
    line = Fraction(row.baseline) + share * Fraction(row.goal - row.baseline)
    return "on track" if Fraction(value) >= line else "at risk"
