"""When each station was last heard, and what was last said of its device: battery, link, whether it is online, messages lost;
and the pauses after which it was heard again."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, case, delete, func, select, true

from sensors.instants import HOUR_MS
from store.alert_schema import hearing, pauses
from store.books import Books
from store.hearing import KEPT_MS, NEVER
from store.parts import parts
from store.schema import sightings
from store.transaction import insert_into, touch_alerts

SILENCE = "silence"
"""Of a station, as what of it changed for alerts."""

Limit = Callable[[str, str, int], int | None]
"""After how long [ms] a station of (family, id) is silent at an instant [ms]; None where nobody says it."""


def no_limit(_family: str, _station: str, _at: int) -> int | None:
    """Nobody says of any station how often it sends."""
    return None


class Sighting(NamedTuple):
    """Of one station. Times in ms since the epoch; None where nothing was said."""

    family: str
    station: str
    last_received: int
    online: bool | None = None
    online_since: int | None = None
    """Since when the device is online, or offline."""
    battery: float | None = None
    """[%]"""
    rssi: float | None = None
    """[dBm]"""
    snr: float | None = None
    """[dB]"""
    counter: int | None = None
    """The device's own count of its messages."""
    lost: int | None = None
    """Messages that never came, by that count."""
    first_received: int | None = None
    """When it was heard first of what is told here; None: at `last_received`. Not kept."""
    between: tuple[tuple[int, int], ...] = ()
    """Of what is told here the long times in which it was not heard: when before, when next. Not kept."""


_NOT_KEPT = frozenset({"first_received", "between"})


class Sightings:
    """In `books`."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def add(self, found: Sequence[Sighting], limit: Limit = no_limit) -> None:
        """Take what is newer; `lost` adds up; keep pauses longer than a station's limit. Raises BooksUnavailable: nothing was
        written."""
        with self._books.writing() as connection:
            add_sightings(connection, found, limit)

    def all(self) -> dict[tuple[str, str], Sighting]:
        """By family and station. Raises BooksUnavailable."""
        with self._books.reading() as connection:
            rows = [Sighting(*row) for row in connection.execute(select(sightings))]
        return {(row.family, row.station): row for row in rows}


def add_sightings(
    connection: Connection, found: Sequence[Sighting], limit: Limit, known_until: int | None = None
) -> None:
    """As `Sightings.add`, within a transaction. Where several tell, it is known until when everybody has told [ms]: a pause is
    one only if the station was silent then."""
    rows = [{name: of for name, of in one._asdict().items() if name not in _NOT_KEPT} for one in found]
    if not rows:
        return
    _keep_pauses(connection, found, limit, known_until)
    upsert, its = insert_into(connection, sightings), sightings.c
    new = upsert.excluded
    newer = new.last_received >= its.last_received
    said = {
        name: case((newer, func.coalesce(new[name], its[name])), else_=func.coalesce(its[name], new[name]))
        for name in ("battery", "rssi", "snr", "counter")
    }
    # Whoever sends is there, if anybody ever said whether he was.
    online = func.coalesce(new.online, case((its.online.is_not(None), true())))
    turned = newer & online.is_not(None) & (its.online.is_(None) | (online != its.online))
    connection.execute(
        upsert.on_conflict_do_update(
            index_elements=["family", "station"],
            set_={
                "last_received": case((newer, new.last_received), else_=its.last_received),
                "online": case((newer, func.coalesce(online, its.online)), else_=func.coalesce(its.online, new.online)),
                "online_since": case(
                    (turned, func.coalesce(new.online_since, new.last_received)), else_=its.online_since
                ),
                "lost": case((its.lost.is_(None), new.lost), else_=its.lost + func.coalesce(new.lost, 0)),
                **said,
            },
        ),
        rows,
    )


def _keep_pauses(connection: Connection, found: Sequence[Sighting], limit: Limit, known_until: int | None) -> None:
    its = sightings.c
    before: dict[tuple[str, str], int] = {}
    names: dict[str, list[str]] = {}
    for one in found:
        names.setdefault(one.family, []).append(one.station)
    for family, stations in names.items():
        for chunk in parts(stations):
            query = select(its.station, its.last_received).where(its.family == family, its.station.in_(chunk))
            before |= {(family, station): at for station, at in connection.execute(query)}
    first_heard, known = connection.execute(select(func.min(hearing.c.since), func.max(hearing.c.until))).one()
    new: list[dict[str, object]] = []
    touched: dict[tuple[str, str, int], list[str]] = {}
    for one in found:
        last = before.get((one.family, one.station), NEVER)
        first = one.last_received if one.first_received is None else one.first_received
        least = limit(one.family, one.station, first)
        if least is None:
            continue
        its_pauses = [
            {"family": one.family, "station": one.station, "since": since, "until": until}
            for since, until in ((last, first), *one.between)
            if until - since > least and (known_until is None or known_until - since > least)
        ]
        new += its_pauses
        # Its silence may have been told, of what another ingest, or this one, now says was received before.
        was_silent = known is not None and known - last > least
        if not its_pauses and (not was_silent or one.last_received <= last):
            continue
        # Who was never heard is silent from when ingest heard at all.
        since = (first_heard or first) if last == NEVER else last
        touched.setdefault((one.family, SILENCE, since // HOUR_MS * HOUR_MS), []).append(one.station)
    if new:
        now = max(one.last_received for one in found)
        connection.execute(insert_into(connection, pauses).on_conflict_do_nothing(), new)
        of_its = (pauses.c.family == bindparam("of")) & (pauses.c.station == bindparam("its"))
        forgotten = delete(pauses).where(of_its, pauses.c.until < now - KEPT_MS)
        connection.execute(forgotten, [{"of": one["family"], "its": one["station"]} for one in new])
    if touched:
        touch_alerts(connection, touched, max(one.last_received for one in found))
