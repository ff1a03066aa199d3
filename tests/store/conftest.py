"""Every readings store, opened on a place of its own in the real server."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sensors.reading import Reading
from store.influx import InfluxStore
from store.port import ReadingsStore, Rejected
from store.sqlite import SqliteStore
from tests.servers.influx import Influx

Opens = Callable[[], ReadingsStore]


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a store's frame without what is missing, times in milliseconds."""
    table = frame.assign(observed_at=frame["observed_at"].astype("int64"))
    return [
        {str(name): cell for name, cell in row.items() if isinstance(cell, dict) or not pd.isna(cell)}
        for row in table.to_dict("records")
    ]


class Subject:
    """A store under test. `kept`: one object throughout; otherwise each write is by a new one, which remembers nothing."""

    def __init__(self, opens: Opens, *, kept: bool) -> None:
        self._opens = opens
        self._kept = kept
        self.store = opens()

    async def write(self, *readings: Reading, in_order: bool = True) -> list[Rejected]:
        """Write one batch."""
        if not self._kept:
            await self.store.close()
            self.store = self._opens()
        return list(await self.store.write(readings, in_order=in_order))

    def rows(self, *, detail: bool = False) -> list[dict[str, Any]]:
        """All that is stored of air by the hour."""
        return rows(self.store.readings("air", "hour", -(2**62), 2**62, detail=detail))


@pytest.fixture(params=["sqlite", "influx"])
def opens(request: pytest.FixtureRequest, tmp_path: Path) -> Opens:
    """Opens the same place of one adapter, again and again."""
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "readings.sqlite")
    server: Influx = request.getfixturevalue("influx")
    bucket = server.new_bucket()
    return lambda: InfluxStore(server.url, server.org, bucket, server.token)


@pytest.fixture(params=["kept", "opened anew"])
async def subject(request: pytest.FixtureRequest, opens: Opens) -> AsyncIterator[Subject]:
    """A store of each adapter, that remembers what it wrote and that does not."""
    under_test = Subject(opens, kept=request.param == "kept")
    yield under_test
    await under_test.store.close()
