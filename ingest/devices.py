"""Devices: what is heard of them between two looks, for the books. Of each station when it was last heard, what it last said of
battery and link, and how many messages its own counter says were lost before they reached us."""

from collections.abc import Iterable
from itertools import islice

from sensors.formats.sample import Vitals
from sensors.presence import GRACE_MS
from store.books import Changed
from store.sightings import Sighting

Station = tuple[str, str]
"""Family and id."""

# Chosen: of so many of a station's pauses the last are told, where the books could not be reached for days.
_MOST_BETWEEN = 100


class Devices:
    """What it remembers of counters is bounded by stations that have one."""

    def __init__(self, *, counts_lost: bool) -> None:
        """`counts_lost`: whether all messages come here; who gets only a part of them cannot tell which are lost."""
        self._counts_lost = counts_lost
        self._heard: dict[Station, Sighting] = {}
        self._counters: dict[Station, int] = {}

    def stored(self, changed: Changed, received_at: int, vitals: Iterable[tuple[Station, Vitals]]) -> None:
        """Readings that were received until `received_at` [ms] are stored; `changed` says of which stations."""
        for (family, _, _), stations in changed.items():
            for station in stations:
                self._hear((family, station), received_at)
        for key, said in vitals:
            self._hear(key, received_at, said)

    def take(self, most: int | None = None) -> list[Sighting]:
        """What was heard since the last time, of at most so many stations; of the others the next time, the oldest first."""
        if most is None or len(self._heard) <= most:
            heard, self._heard = list(self._heard.values()), {}
            return heard
        return [self._heard.pop(station) for station in list(islice(self._heard, most))]

    def untold_since(self) -> int | None:
        """When something was heard that is not taken yet, at the earliest [ms]; None where all is."""
        # Whoever was heard first since he was taken stands first.
        first = next(iter(self._heard.values()), None)
        return None if first is None else _first(first)

    def give_back(self, heard: Iterable[Sighting]) -> None:
        """What could not be written, to be taken again with what came meanwhile."""
        for before in heard:
            key = (before.family, before.station)
            now = self._heard.get(key)
            if now is None:
                self._heard[key] = before
                continue
            known = {name: value for name, value in now._asdict().items() if value is not None}
            lost = None if before.lost is None and now.lost is None else (before.lost or 0) + (now.lost or 0)
            between = (*before.between, *_between(before.last_received, _first(now)), *now.between)[-_MOST_BETWEEN:]
            self._heard[key] = before._replace(
                **{**known, "lost": lost, "first_received": _first(before), "between": between}
            )

    def _hear(self, station: Station, at: int, said: Vitals | None = None) -> None:
        heard = self._heard.get(station) or Sighting(*station, at, first_received=at)
        if between := _between(heard.last_received, at):
            heard = heard._replace(between=(*heard.between, *between)[-_MOST_BETWEEN:])
        if said is None and heard.online is not False:
            self._heard[station] = heard._replace(last_received=at)
            return
        battery, rssi, snr, counter, online = said or Vitals()
        if online is None and heard.online is False:
            online = True  # whoever sends is there
        lost = heard.lost
        if counter is not None and self._counts_lost:
            lost = (lost or 0) + self._lost(station, counter)
        self._heard[station] = Sighting(
            *station,
            at,
            heard.online if online is None else online,
            heard.online_since if online is None or online is heard.online else at,
            heard.battery if battery is None else battery,
            heard.rssi if rssi is None else rssi,
            heard.snr if snr is None else snr,
            heard.counter if counter is None else counter,
            lost,
            heard.first_received,
            heard.between,
        )

    def _lost(self, station: Station, counter: int) -> int:
        """Messages between the last one and this; none where the device begins again (a join, a counter of 16 bits)."""
        before = self._counters.get(station)
        self._counters[station] = counter
        return max(0, counter - before - 1) if before is not None else 0


def _between(before: int, after: int) -> tuple[tuple[int, int], ...]:
    """The time between two receipts [ms], where it is longer than the shortest after which any station is silent."""
    return ((before, after),) if after - before > GRACE_MS else ()


def _first(heard: Sighting) -> int:
    return heard.last_received if heard.first_received is None else heard.first_received
