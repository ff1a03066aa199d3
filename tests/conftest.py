"""Servers that several tests share."""

from collections.abc import Iterator

import pytest

from tests.servers.influx import Influx


@pytest.fixture(scope="session")
def influx() -> Iterator[Influx]:
    """One InfluxDB for the whole run; every test takes a bucket of its own."""
    with Influx() as server:
        yield server
