"""Tunnels and the city over months, quarters and years, from the days of their stations.

    average daily traffic   of each direction the mean of its assessable days; of a tunnel the sum of its directions
    busiest hour            the hour of the clock with the most pcu, of those in which all directions that count came
                            whole, and every vehicle has pcu
    utilisation             v / C of that hour; and mean v / C over all hours that came whole, of each direction

A station that changes tunnel is a direction of each, for the days that it was there. A direction that has too few
assessable days leaves its tunnel, and the city, not assessable: half a tunnel is no tunnel. There is no level of
service, because that needs the speed too, and days do not keep that of their hours.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from processors.computation import CODE_VERSION
from processors.indicators.exact import decimal, exact
from processors.scopes import CITY, TUNNEL
from processors.traffic.days import entry_of_day, traffic_stations
from processors.traffic.rules import TrafficRules
from processors.windows import day_bounds, days_between, hours_of_day, period_days
from sensors.instants import iso
from sensors.stations import Registry
from store.judgements import Judgement, Key

TUNNEL_FLOW = "tunnel_flow"
"""Code of the indicator of longer periods; its scopes are `tunnel:<id>` and `city`."""

_THOUSAND = 1_000

Days = Mapping[str, Mapping[str, Judgement]]
"""The daily judgements by station and day as text."""


@dataclass(frozen=True)
class Direction:
    """A station of a tunnel: the days on which the registry has it there, and its judgements of them that came."""

    station: str
    tunnel: str
    expected: list[date]
    days: dict[str, Judgement]

    @property
    def assessable(self) -> list[Judgement]:
        """Its days with a value."""
        return [one for one in self.days.values() if one.value is not None]

    @property
    def counts(self) -> bool:
        """Whether it is there to count: not where all that ever came of it is air."""
        return not self.days or any(one.detail["form"] is not None for one in self.days.values())

    @cached_property
    def hours(self) -> dict[tuple[str, int], tuple[int, Fraction | None]]:
        """(thousandths of pcu, capacity) of the hours that came whole, by day and number of the hour."""
        found = {}
        for day, judged in self.days.items():
            capacity = judged.detail["capacity_pcu_h"]
            most = None if capacity is None else exact(capacity)
            for number, pcu in enumerate(judged.detail["hours"]["pcu"]):
                if pcu is not None:
                    # Written with all of its three decimals.
                    found[day, number] = int(pcu.replace(".", "")), most
        return found


def directions(registry: Registry, first: date, last: date, days: Days, zone: ZoneInfo) -> list[Direction]:
    """The directions of all tunnels that were in service on a day from `first` to `last`, by id."""
    found = []
    bounds = [(day, *day_bounds(day, zone)) for day in days_between(first, last)]
    for station in traffic_stations(registry):
        entries = [(day, entry_of_day(registry, station, start, end)) for day, start, end in bounds]
        there = [(day, entry.tunnel) for day, entry in entries if entry is not None and entry.tunnel is not None]
        for tunnel in sorted({tunnel for _, tunnel in there}):
            expected = [day for day, of in there if of == tunnel]
            came = days.get(station, {})
            its = {key: came[key] for day in expected if (key := day.isoformat()) in came}
            found.append(Direction(station, tunnel, expected, its))
    return [one for one in found if one.counts]


def flow_judgements(
    period: str, of: Sequence[Direction], rules: TrafficRules, zone: ZoneInfo, last_closed: date, now: int
) -> list[Judgement]:
    """The judgements of a period of each tunnel and of the city, from their days that have closed; none where nothing
    came."""
    groups: dict[str, list[Direction]] = {CITY: list(of)} if of else {}
    for one in of:
        groups.setdefault(TUNNEL + one.tunnel, []).append(one)
    return [
        _judgement(scope, period, its, rules, zone, last_closed, now)
        for scope, its in sorted(groups.items())
        if any(one.days for one in its)
    ]


def _judgement(
    scope: str, period: str, of: Sequence[Direction], rules: TrafficRules, zone: ZoneInfo, last_closed: date, now: int
) -> Judgement:
    until = min(period_days(period)[1], last_closed)
    parts = [_direction(one, rules, until) for one in of]
    short = sorted({part["station"] for part in parts if not part["enough"]})
    means = {name: _sum(parts, f"exact_{name}") for name in ("vehicles", "pcu")}
    busiest = _busiest(of, zone)
    detail: dict[str, Any] = {
        "last_day": until.isoformat(),
        "average_daily_vehicles": None if short else str(decimal(means["vehicles"], 0)),
        "average_daily_pcu": None if short else str(decimal(means["pcu"], 0)),
        "busiest_hour": busiest,
        "mean_saturation": _mean_saturation(of),
        "without_pcu": sum(part["without_pcu"] for part in parts),
        "directions": [
            {name: value for name, value in part.items() if not name.startswith("exact_")} for part in parts
        ],
        "tunnels": sorted({one.tunnel for one in of}),
        "short": short,
        "rule": {"percent_of_period": rules.percent_of_period, "percent_of_day": rules.percent_of_day},
        "sentence": "",
    }
    detail["sentence"] = _sentence(detail)
    return Judgement(
        Key(TUNNEL_FLOW, scope, period, rules.scheme.name),
        detail["average_daily_vehicles"], "veh/d", "not assessable" if short else "stated",
        sum(len(one.assessable) for one in of), sum(len(one.expected) for one in of), CODE_VERSION,
        tuple(sorted({one.station for one in of})), detail, now,
    )  # fmt: skip


def _direction(one: Direction, rules: TrafficRules, until: date) -> dict[str, Any]:
    """A direction alone: its means, its busiest hour by quarters, and whether enough of its days until now are
    assessable."""
    assessable = one.assessable
    so_far = sum(day <= until for day in one.expected)
    vehicles, pcu = (
        Fraction(sum(Fraction(day.detail[name]) for day in assessable), len(assessable)) if assessable else None
        for name in ("vehicles", "pcu")
    )
    peaks = [day.detail["peak"] for _, day in sorted(one.days.items()) if day.detail["peak"] is not None]
    return {
        "station": one.station,
        "tunnel": one.tunnel,
        "enough": bool(assessable) and 100 * len(assessable) >= rules.percent_of_period * so_far,
        "days": len(assessable),
        "expected": so_far,
        "average_daily_vehicles": None if vehicles is None else str(decimal(vehicles, 0)),
        "average_daily_pcu": None if pcu is None else str(decimal(pcu, 0)),
        "peak": max(peaks, key=lambda peak: Fraction(peak["pcu"]), default=None),
        "mean_saturation": _mean_saturation([one]),
        "without_pcu": sum(day.detail["without_pcu"] for day in assessable),
        "exact_vehicles": vehicles,
        "exact_pcu": pcu,
    }


def _sum(parts: Iterable[Mapping[str, Any]], name: str) -> Fraction:
    return sum((part[name] for part in parts if part[name] is not None), Fraction(0))


def _busiest(of: Sequence[Direction], zone: ZoneInfo) -> dict[str, Any] | None:
    """The hour with the most pcu of those in which every direction in service came whole, the first where several
    have."""
    in_service = [(one, {day.isoformat() for day in one.expected}) for one in of]
    best: tuple[int, tuple[str, int], Fraction | None] | None = None
    for key in sorted({key for one in of for key in one.hours}):
        came = [one.hours.get(key) for one, days in in_service if key[0] in days]
        whole = [one for one in came if one is not None]
        passed = sum(one[0] for one in whole)
        if len(whole) == len(came) and passed > (best[0] if best else 0):
            known = [one[1] for one in whole if one[1] is not None]
            best = passed, key, sum(known, Fraction(0)) if len(known) == len(came) else None
    if best is None:
        return None
    thousandths, (text, number), capacity = best
    pcu = Fraction(thousandths, _THOUSAND)
    ratio = None if capacity is None else pcu / capacity
    return {
        "hour_ended": iso(hours_of_day(date.fromisoformat(text), zone)[number], zone),
        "pcu": str(decimal(pcu, 3)),
        "capacity_pcu_h": None if capacity is None else str(decimal(capacity, 0)),
        "saturation": None if ratio is None else str(decimal(ratio, 3)),
    }


def _mean_saturation(of: Sequence[Direction]) -> str | None:
    """Σ pcu / Σ capacity of the hours that came whole [1]; None where a capacity is not known, or no hour came."""
    passed, hours = 0, Counter[Fraction]()
    for one in of:
        for thousandths, most in one.hours.values():
            if most is None:
                return None
            passed += thousandths
            hours[most] += 1
    capacity = sum((most * number for most, number in hours.items()), Fraction(0))
    return str(decimal(Fraction(passed, _THOUSAND) / capacity, 3)) if capacity else None


def _sentence(detail: Mapping[str, Any]) -> str:
    text = f"not assessable: too few days of {', '.join(detail['short'])}"
    if not detail["short"]:
        text = f"{detail['average_daily_vehicles']} vehicles, {detail['average_daily_pcu']} pcu a day"
        text += " at least" if detail["without_pcu"] else ""
    busiest = detail["busiest_hour"]
    if busiest is not None:
        text += (
            f"; busiest hour ended {busiest['hour_ended'][:16].replace('T', ' ')} with {float(busiest['pcu']):g} pcu"
        )
        text += "" if busiest["saturation"] is None else f", v/C {busiest['saturation']}"
    return text
