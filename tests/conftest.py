"""Servers that several tests share, and what holds of all property tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.servers.influx import Influx
from tests.servers.mosquitto import Mosquitto

# A time is never asserted: the machine may stand still for a second.
settings.register_profile("cityflux", deadline=None)
settings.load_profile("cityflux")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start whole programs come first: of processes that test side by side none is left with one at the end."""
    items.sort(
        key=lambda item: not (item.path.name.endswith("_path.py") or item.path.parent.name in {"alerts", "faults"})
    )


@pytest.fixture(params=["sqlite", "influx"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Settings of a data folder, a store of each kind, and a real broker."""
    chosen = {"CITYFLUX_DATA_DIR": str(tmp_path / "data"), "CITYFLUX_STORE": request.param}
    if request.param == "influx":
        server: Influx = request.getfixturevalue("influx")
        chosen |= server.settings(tmp_path)
    (tmp_path / "broker").mkdir()
    with Mosquitto(tmp_path / "broker") as broker:
        yield chosen | {"CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{broker.port}"}


@pytest.fixture(scope="session")
def influx() -> Iterator[Influx]:
    """One InfluxDB for the whole run; every test takes a bucket of its own."""
    with Influx() as server:
        yield server
