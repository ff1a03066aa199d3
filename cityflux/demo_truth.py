"""The demo's results against what the simulated city was made of: how many of each kind are as they were made."""

from collections import Counter
from datetime import date, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from cityflux.console import out
from processors.energy.totals import totals_in
from processors.energy.use import ENERGY_USE
from processors.scopes import METER, SECTION, STATION
from processors.windows import day_bounds, days_between, length_of, period_bounds, period_days
from simulators.air import truth
from simulators.buildings import true_use
from simulators.city import ZONE
from simulators.figures import LAST_YEAR, TRUE_TUNNEL_CAPACITY, true_quarters, true_reductions
from simulators.river import arrivals, spills, true_class
from simulators.vehicles import driven, tunnel_stations
from store.books import Books
from store.judgements import Judgements


def compare_water(books: Books, seed: int, first: date, until: date) -> None:
    """The classes of the months that have closed whole, of sections that no spill passed meanwhile."""
    outcomes: Counter[bool] = Counter()
    for revision in Judgements(books).latest("water_section", first=first.isoformat()[:7]):
        key = revision.judgement.key
        begins, ends = period_days(key.period)
        if length_of(key.period) != "month" or begins < first or ends >= until:
            continue
        section = key.scope.removeprefix(SECTION)
        start, end = period_bounds(key.period, ZONE)
        years = {begins.year - 1, begins.year}
        passed = [
            one
            for year in years
            for spill in spills(seed, year)
            for one in arrivals(seed, spill)
            if one.section == section
        ]
        if not any(one.start < end and one.end > start for one in passed):
            outcomes[revision.judgement.value == str(true_class(section)[0])] += 1
    if outcomes:
        out.print(
            f"{outcomes[True]} of {outcomes.total()} months of sections are judged as the simulated river was made"
        )


def compare_energy(books: Books, seed: int, first: date, zone: ZoneInfo) -> None:
    """What each meter used in each month so far, of those that were measured whole: exact."""
    outcomes: Counter[bool] = Counter()
    for (scope, period), (judged, _) in Judgements(books).standing(ENERGY_USE, first=first.isoformat()[:7]).items():
        if not scope.startswith(METER) or length_of(period) != "month":
            continue
        start = max(day_bounds(first, zone)[0], period_bounds(period, zone)[0])
        end = day_bounds(date.fromisoformat(judged.detail["last_day"]), zone)[1]
        used = totals_in(judged.detail["totals"]).used
        if used and all(one.measured_ms == end - start for one in used.values()):
            name = scope.removeprefix(METER)
            true = {code: true_use(seed, name, code, start, end) for code in used}
            outcomes[true == {code: one.amount for code, one in used.items()}] += 1
    if outcomes:
        out.print(f"{outcomes[True]} of {outcomes.total()} meter months are as the simulated buildings used")


def compare_traffic(books: Books, seed: int, first: date, until: date) -> None:
    """What passed each direction of the tunnels on the days that have closed: vehicles, classes, passenger car units."""
    outcomes: Counter[bool] = Counter()
    found = Judgements(books).standing("traffic_day", first=first.isoformat(), last=until.isoformat())
    for day in days_between(first, until - timedelta(days=1)):
        for station in tunnel_stations():
            true = driven(seed, station, *day_bounds(day, ZONE))
            judged, finality = found.get((STATION + station, day.isoformat()), (None, ""))
            if judged is None or finality == "running":
                outcomes[False] += 1
                continue
            passed = judged.detail["vehicles"], judged.detail["by_class"], Fraction(judged.detail["pcu"]), judged.valid
            outcomes[passed == (true.vehicles, true.by_class, true.pcu, true.intervals)] += 1
    out.print(f"{outcomes[True]} of {outcomes.total()} tunnel days are as the simulated vehicles drove")


def compare_figures(books: Books) -> None:
    """The reductions of the plan's last year and of the quarters after it, from the figures that were entered."""
    true = {(code, str(LAST_YEAR)): value for code, value in true_reductions(LAST_YEAR).items()} | true_quarters()
    closed = [r.judgement for code in true_reductions(LAST_YEAR) for r in Judgements(books).latest(code)]
    found = {(one.key.indicator, one.key.period): one.value for one in closed}
    asked = [key for key in true if key in found or key[1] == str(LAST_YEAR)]
    right = sum(found.get(key) == str(true[key]) for key in asked)
    capacity = {r.judgement.key.period: r.judgement.value for r in Judgements(books).latest("tunnel_capacity")}
    known = [year for year, true in TRUE_TUNNEL_CAPACITY.items() if capacity.get(str(year)) == str(true)]
    out.print(
        f"{len(known)} of {len(TRUE_TUNNEL_CAPACITY)} years of tunnel capacity are as the simulated tunnels were opened"
    )
    out.print(f"{right} of {len(asked)} reductions per unit of GDP are as the simulated figures were made")


def compare_air(books: Books, seed: int, first: date, until: date) -> None:
    """The simulated city's classes are known by construction: say whether every day that has closed, those before `until`,
    came out as it was made."""
    judged = {
        r.judgement.key.period: r.judgement
        for r in Judgements(books).latest("air_daily_aqi", scope="city", first=first.isoformat())
    }
    outcomes: Counter[bool] = Counter()
    day = first
    while day < until:
        found = judged.get(day.isoformat())
        outcomes[found is not None and (found.status == "met") == truth(seed, day).good] += 1
        day += timedelta(days=1)
    out.print(f"{outcomes[True]} of {outcomes.total()} closed days are judged as the simulated city was made")
