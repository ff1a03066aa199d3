"""Where messages end, as a benchmark sees it: how many have arrived, and which one when.

VictoriaMetrics is a database that others run too; the noting sink costs least and knows every arrival; SQLite is read as any
other program reads it. None of them belongs to a consumer: what arrived is not taken from who claims to have sent it.
"""

import re
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Protocol

import numpy as np
import urllib3
from numpy.typing import NDArray

from benchmarks.backlog import QUANTITIES
from benchmarks.servers import server, victoria_metrics
from cityflux.ports import free_port

_LOOK_EVERY_S = 0.002
# Chosen: what VictoriaMetrics had taken and did not find was there two seconds later.
_SURE_AFTER_S = 4.0
_LOOK_AGAIN_S = 0.5


class Sink(Protocol):
    """What a consumer writes to. `url` is empty where it is not a server."""

    url: str

    def taken(self) -> int:
        """Messages so far, cheaply: one sent twice may count twice."""
        ...

    def arrived(self) -> int:
        """Messages that can be read at the end."""
        ...


class Victoria:
    """VictoriaMetrics at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def taken(self) -> int:
        """By its own counter of values."""
        page = urllib3.request("GET", f"{self.url}/metrics").data.decode()
        rows = sum(map(int, re.findall(r'^vm_rows_inserted_total\{type="influx"\} (\d+)$', page, re.MULTILINE)))
        return rows // len(QUANTITIES)

    def arrived(self) -> int:
        """By asking for the values of one quantity, of whatever name its consumer gave it, until no more of them appear: with
        many new series the last are not found at once, whatever is flushed."""
        seen, since = self._found(), time.monotonic()
        while time.monotonic() - since < _SURE_AFTER_S:
            time.sleep(_LOOK_AGAIN_S)
            if (now := self._found()) != seen:
                seen, since = now, time.monotonic()
        return seen

    def _found(self) -> int:
        urllib3.request("GET", f"{self.url}/internal/force_flush")
        code = QUANTITIES[0][0]
        asked = {
            "query": f'sum(count_over_time({{__name__=~".*_{code}"}}[50y]))',
            "latency_offset": "0s",
            "nocache": "1",
        }
        found = urllib3.request("GET", f"{self.url}/api/v1/query", fields=asked).json()["data"]["result"]
        return int(found[0]["value"][1]) if found else 0


class Noted:
    """The noting sink at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def taken(self) -> int:
        """By its counter of lines."""
        return int(urllib3.request("GET", f"{self.url}/count").data)

    def arrived(self) -> int:
        """Every line it has answered."""
        return self.taken()

    def arrivals(self) -> NDArray[np.int64]:
        """Of each line its time [ms] and the monotonic moment [ns] of its arrival: rows of two."""
        pairs = urllib3.request("GET", f"{self.url}/arrivals", timeout=60).data
        return np.frombuffer(pairs, np.int64).reshape(-1, 2)


class Readings:
    """The SQLite store of cityflux in the data folder `data`, and the ledgers of its journals. What is observed up to `after`
    [ms] is none of the benchmark's messages."""

    url = ""

    def __init__(self, data: Path, after: int = 0) -> None:
        self._path = data / "readings.sqlite"
        self._after = after
        self._data = data
        self._seen: list[tuple[int, int]] = []
        self._stop = threading.Event()

    def taken(self) -> int:
        """By the ledger."""
        return sum(map(settled, self._ledgers()))

    def journalled(self) -> int:
        """What ingest has taken over from the broker: durable and acknowledged."""
        return sum(map(journalled, self._ledgers()))

    def _ledgers(self) -> Iterator[Path]:
        """Of every worker."""
        return self._data.glob("journal*/journal.sqlite")

    def arrived(self) -> int:
        """By counting what is stored."""
        with closing(_reader(self._path)) as db:
            found = db.execute("SELECT count(*) FROM air_minute WHERE observed_at > ?", (self._after,))
            return int(found.fetchone()[0])

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look every 2 ms what the newest reading is."""
        watching = threading.Thread(target=self._watch, name="watching SQLite")
        watching.start()
        try:
            yield
        finally:
            self._stop.set()
            watching.join()

    def arrivals(self) -> NDArray[np.int64]:
        """As `Noted.arrivals`, of the newest reading at each look. Readings come in order, so older ones were there too."""
        return np.array(self._seen, np.int64).reshape(-1, 2)

    def _watch(self) -> None:
        while not self._stop.is_set() and not self._path.exists():
            self._stop.wait(_LOOK_EVERY_S)
        newest = 0
        with closing(_reader(self._path)) as db:
            while not self._stop.wait(_LOOK_EVERY_S):
                found = 0
                with suppress(sqlite3.OperationalError):  # the table is made with the first reading
                    found = db.execute("SELECT max(observed_at) FROM air_minute").fetchone()[0] or 0
                if found > newest:
                    newest = found
                    self._seen.append((newest, time.monotonic_ns()))


def settled(journal: Path) -> int:
    """Messages written, by the ledger of a journal on disk."""
    return _counted(journal, "written")


def journalled(journal: Path) -> int:
    """Messages taken over from the broker, by the ledger of a journal on disk."""
    return _counted(journal, "journalled")


def _counted(journal: Path, column: str) -> int:
    with closing(_reader(journal)) as db:
        return int(db.execute(f"SELECT {column} FROM ledger").fetchone()[0])  # noqa: S608 - one of two names above


def _reader(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)


@contextmanager
def victoria(folder: Path) -> Iterator[Victoria]:
    """A VictoriaMetrics of its own."""
    with victoria_metrics(folder) as url:
        yield Victoria(url)


@contextmanager
def noted() -> Iterator[Noted]:
    """A noting sink of its own."""
    port = free_port()
    with server([sys.executable, "-m", "benchmarks.noting", "--port", str(port)], port):
        yield Noted(f"http://127.0.0.1:{port}")
