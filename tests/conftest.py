"""Servers that several tests share, and what holds of all property tests."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.servers.influx import Influx

# A time is never asserted: the machine may stand still for a second.
settings.register_profile("cityflux", deadline=None)
settings.load_profile("cityflux")


@pytest.fixture(scope="session")
def influx() -> Iterator[Influx]:
    """One InfluxDB for the whole run; every test takes a bucket of its own."""
    with Influx() as server:
        yield server
