"""What use comes to: standard coal on the basis that the city chose, carbon dioxide by its policy of the grid's factor; each
named, and where a figure is lacking it says which instead of taking another.

Electricity is what came from the grid and what was used of one's own photovoltaics; both count the same in standard coal. Of
carbon dioxide only what came from the grid has any, and what was fed into it is not taken off.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from processors.energy.rules import BASES, EnergyRules
from processors.energy.totals import Totals
from processors.indicators.energy_balance import EnergyError, emissions, standard_coal
from processors.indicators.exact import decimal
from store.records import Record

COAL_PER_KWH = "coal_per_kwh"
"""The figure that 等价值 needs of a year."""
NOTHING_MEASURED = "no carrier of energy was measured"
_DIGITS = 6


def coal_of(totals: Totals, year: int, rules: EnergyRules, figure: Record | None) -> dict[str, Any]:
    """Standard coal [tce] as data; `figure` is the year's own 等价值 where it was entered. `why` where there is none."""
    found: dict[str, Any] = {"basis": rules.basis, "basis_zh": BASES[rules.basis]}
    per_kwh: Decimal | None = None
    if rules.basis == "coal_equivalent" and figure is not None:
        per_kwh = figure.value
        found["coal_per_kwh"] = {"value": str(figure.value), "record": figure.id, "source": figure.source}
    try:
        coal = standard_coal(totals.coal_amounts(), rules.basis, coal_per_kwh=per_kwh)
    except EnergyError as error:
        return {
            **found,
            "exact": None,
            "by_carrier": {},
            "why": f"{error}: cityflux record add {COAL_PER_KWH} {year} …",
        }
    if not coal.by_carrier:
        return {**found, "exact": None, "by_carrier": {}, "why": NOTHING_MEASURED}
    by_carrier = {code: str(tce) for code, tce in sorted(coal.by_carrier.items())}
    return {**found, "exact": str(coal.tce), "by_carrier": by_carrier, "why": ""}


def carbon_of(totals: Totals, year: int, rules: EnergyRules) -> dict[str, Any]:
    """Carbon dioxide [t] as data; `why` where the policy has no factor of the year."""
    found: dict[str, Any] = {"policy": rules.grid.said, "place": rules.grid.place}
    try:
        made = emissions(totals.grid_amounts(), year, rules.grid)
    except EnergyError as error:
        return {**found, "t": None, "exact": None, "by_carrier": {}, "without_factor": [], "why": str(error)}
    if made.grid is not None:
        found |= {
            "factor": str(made.grid.factor), "of_year": made.grid.of_year, "document": made.grid.document,
        }  # fmt: skip
    # What has no factor is no zero.
    is_known = bool(made.by_carrier)
    without = f"no CO2 factor of {', '.join(made.without_factor)}" if made.without_factor else ""
    return {
        **found,
        "t": str(decimal(made.tonnes, _DIGITS)) if is_known else None,
        "exact": str(made.tonnes) if is_known else None,
        "by_carrier": {code: str(tonnes) for code, tonnes in sorted(made.by_carrier.items())},
        "without_factor": list(made.without_factor),
        "why": "" if is_known else without or NOTHING_MEASURED,
    }


def photovoltaics_of(totals: Totals) -> dict[str, Any] | None:
    """Generation, what of it was used oneself and its share [%], what was fed into the grid [kWh]; None without any."""
    if not totals.pv_days:
        return None
    generation, exported = (
        totals.used[code].amount if code in totals.used else None for code in ("generation", "exported")
    )
    known = totals.self_use_days == totals.pv_days
    share = decimal(100 * totals.self_use / generation, 2) if known and generation else None
    imported = totals.used["electricity"].amount if "electricity" in totals.used else None
    return {
        "generation": None if generation is None else str(generation),
        "exported": None if exported is None else str(exported),
        "self_use": str(totals.self_use) if totals.self_use_days else None,
        "self_use_days": totals.self_use_days,
        "days": totals.pv_days,
        "self_use_percent": None if share is None else str(share),
        "consumption": None if imported is None or not known else str(imported + totals.self_use),
    }


def percent(part: Fraction, whole: Fraction) -> str | None:
    """A share [%], to a tenth."""
    return str(decimal(100 * part / whole, 1)) if whole else None
