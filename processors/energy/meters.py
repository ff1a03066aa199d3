"""The meters of a registry, by what their entries say over time: which quantities they measure, in which periods they send."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from zoneinfo import ZoneInfo

from processors.energy.rules import USES
from processors.indicators.energy_pieces import NEAR_MS, SAMPLES_APART, SAMPLES_APART_MS
from sensors.instants import to_datetime, to_millis
from sensors.reading import PERIOD_MS, Period
from sensors.stations import Registry, Station


class Meters:
    """Those of one registry, in one time zone."""

    def __init__(self, registry: Registry, zone: ZoneInfo) -> None:
        self._zone = zone
        self.entries: dict[str, list[Station]] = {}
        for one in registry:
            if one.family == "energy":
                self.entries.setdefault(one.id, []).append(one)

    def by_period(self, stations: Iterable[str]) -> dict[Period, list[str]]:
        """The stations, by the periods that they send."""
        found: defaultdict[Period, set[str]] = defaultdict(set)
        for name in stations:
            for entry in self.entries.get(name, ()):
                found[entry.period].add(name)
        return {period: sorted(names) for period, names in found.items()}

    def entry(self, station: str, period: Period, at: int) -> Station | None:
        """The entry that holds at an instant, where it sends that period."""
        return next((one for one in self.entries.get(station, ()) if one.period == period and one.active_at(at)), None)

    def quantities(self, station: str) -> tuple[str, ...]:
        """The quantities that it measures, as far as its entries say; what it sends besides counts for nothing."""
        said = {code for one in self.entries.get(station, ()) for code in one.measured or USES}
        return tuple(code for code in USES if code in said)

    def since(self, at: int, entry: Station) -> int | None:
        """When the period that ends at an instant began; None where nobody says how long it is."""
        if entry.period == "raw":
            return None if entry.expected_period_s is None else at - 1000 * entry.expected_period_s
        if entry.period == "day":
            # The same time of the day before by the clock: 23 or 25 hours where it changes.
            return to_millis(to_datetime(at, self._zone) - timedelta(days=1))
        return at - PERIOD_MS[entry.period]

    def apart(self, station: str) -> int:
        """How far samples may be apart [ms] that are joined."""
        entries = self.entries.get(station, ())
        expected = [one.expected_period_s for one in entries if one.expected_period_s is not None]
        return 1000 * SAMPLES_APART * max(expected) if expected else SAMPLES_APART_MS

    def near(self, stations: Iterable[str]) -> int:
        """How far around a span [ms] readings other than counts may say something of it: two days, or as long as they are."""
        expected = (one.expected_period_s or 0 for name in stations for one in self.entries.get(name, ()))
        return max(NEAR_MS, 1000 * SAMPLES_APART * max(expected, default=0))
