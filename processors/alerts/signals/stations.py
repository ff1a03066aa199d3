"""Of stations themselves: for how long one was not heard.

A silence is said at the instants of `processors/alerts/silence.py`, in periods of the station and in minutes, and as 0 when it
was heard again. What makes it is in the books: pauses, who was heard last, and when ingest could hear.
"""

from collections import defaultdict
from collections.abc import Mapping

from processors.alerts.signals.look import Look, Signal, books_of
from processors.alerts.signals.subjects import STATION
from processors.alerts.silence import MINUTES, expected, silences
from processors.alerts.values import VALUE, Shown, Values
from sensors.quantities import MEASURED_FAMILIES, Family
from sensors.stations import Station
from store.hearing import Hearing
from store.intervals import Interval
from store.sightings import SILENCE

_SILENCE = {
    VALUE: Shown("未上报的周期数", "periods without a message"),
    MINUTES: Shown("未上报时长", "without a message for", "min"),
}


def _silence(family: Family) -> Signal:
    def made(look: Look) -> dict[str, Values]:
        entries: dict[str, list[Station]] = defaultdict(list)
        for entry in look.registry:
            if entry.family == family and (look.subjects is None or entry.id in look.subjects):
                entries[entry.id].append(entry)
        worked_on: dict[str, list[Interval]] = defaultdict(list)
        for one in look.intervals:
            worked_on[one.station].append(one)
        hearing = Hearing(books_of(look))
        spans, pauses, heard = (
            hearing.spans(),
            hearing.pauses(family, entries, look.start),
            hearing.heard(family, entries),
        )
        found: dict[str, Values] = {}
        for station, its in entries.items():
            values = silences(
                pauses.get(station, ()), heard.get(station), expected(its, worked_on.get(station, ())), spans
            )
            found[station] = {at: value for at, value in values.items() if at <= look.end}
        return found

    return Signal(STATION, _SILENCE, family, (SILENCE,), made, 0, 0)


SIGNALS: Mapping[str, Signal] = {f"{family}_silence": _silence(family) for family in MEASURED_FAMILIES}
