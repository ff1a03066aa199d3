"""The drawn city, made once."""

from collections.abc import Iterator

import pytest

from tests.grafana.city import DrawnCity, drawn
from tests.servers.influx import Influx


@pytest.fixture(scope="session")
def drawn_city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrawnCity]:
    """A whole simulated city in an InfluxDB of its own."""
    with Influx(set_up=False) as server, drawn(tmp_path_factory.mktemp("drawn"), server) as city:
        yield city
