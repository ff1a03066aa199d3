"""What ingests that share the work tell each other, over the engine of the books: who writes which series, and which stations
were heard. Each of them sees only its part of a station's messages, so none can say alone that a station is late."""

from collections.abc import Sequence

from sqlalchemy import func, select

from store.alert_schema import hearing
from store.books import INGEST_SILENT_MS, Books
from store.schema import progress, sightings, writers
from store.sightings import Limit, Sighting, add_sightings, no_limit
from store.transaction import insert_into

Station = tuple[str, str]
"""Family and id."""

# Chosen: told every ten seconds; after three of them an ingest has stopped, or cannot reach the books.
_SILENT_MS = 3 * INGEST_SILENT_MS


class Sharing:
    """In the name of one `journal` (its UUID). Every call raises BooksUnavailable: nothing was written."""

    def __init__(self, books: Books, journal: str) -> None:
        self._books = books
        self._journal = journal

    def writer(self) -> int:
        """The number of this journal's series: from 1, and never another's."""
        with self._books.writing() as connection:
            found = connection.execute(select(writers.c.number).where(writers.c.journal == self._journal)).scalar()
            if found is None:
                found = (connection.execute(select(func.max(writers.c.number))).scalar() or 0) + 1
                connection.execute(insert_into(connection, writers), {"journal": self._journal, "number": found})
            return found

    def exchange(
        self, heard: Sequence[Sighting], settled_until: int, now: int, limit: Limit = no_limit
    ) -> tuple[dict[Station, int], int]:
        """Tell which stations we heard, with the pauses longer than a station's limit before that, and that what we received
        until `settled_until` [ms] is stored. Gives when each station was last heard by anybody, and until when everybody is that
        far; who has told nothing for a while does not hold that up."""
        with self._books.writing() as connection:
            known_until = connection.execute(select(func.max(hearing.c.until))).scalar() or 0
            add_sightings(connection, heard, limit, known_until)
            upsert = insert_into(connection, progress)
            connection.execute(
                upsert.on_conflict_do_update(
                    index_elements=["journal"],
                    set_={"settled_until": upsert.excluded.settled_until, "told_at": upsert.excluded.told_at},
                ),
                {"journal": self._journal, "settled_until": settled_until, "told_at": now},
            )
            everybody = connection.execute(
                select(func.min(progress.c.settled_until)).where(progress.c.told_at > now - _SILENT_MS)
            ).scalar_one()
            last_heard = select(sightings.c.family, sightings.c.station, sightings.c.last_received)
            found = {(family, station): at for family, station, at in connection.execute(last_heard)}
        return found, everybody
