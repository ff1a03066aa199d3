"""How stations are, as plain data: for dashboards and for the command line."""

from typing import Any
from zoneinfo import ZoneInfo

from sensors.instants import iso
from sensors.presence import presence
from sensors.stations import Station
from store.books import Books
from store.sightings import Sighting, Sightings

COLUMNS = (
    "family", "station", "name", "district", "state", "last_received", "battery", "rssi", "snr", "lost", "online_since",
)  # fmt: skip
_WORST_FIRST = ("offline", "silent", "late", "never seen", "online")


def stations(books: Books, zone: ZoneInfo, now: int) -> list[dict[str, Any]]:
    """A row of COLUMNS for each station that the registry holds active, the worst first. Raises BooksUnavailable."""
    seen = Sightings(books).all()
    entries = [entry for entry in books.registry() if entry.active_at(now)]
    rows = [_row(entry, seen.get((entry.family, entry.id)), zone, now) for entry in entries]
    return sorted(rows, key=lambda row: (_WORST_FIRST.index(row["state"]), row["family"], row["station"]))


def _row(entry: Station, seen: Sighting | None, zone: ZoneInfo, now: int) -> dict[str, Any]:
    of = seen or Sighting(entry.family, entry.id, 0)
    last = None if seen is None else seen.last_received
    return {
        "family": entry.family,
        "station": entry.id,
        "name": entry.name_zh,
        "district": entry.district,
        "state": presence(entry, last, online=of.online, at=now),
        "last_received": None if last is None else iso(last, zone),
        "battery": of.battery,
        "rssi": of.rssi,
        "snr": of.snr,
        "lost": of.lost,
        "online_since": None if of.online_since is None else iso(of.online_since, zone),
    }
