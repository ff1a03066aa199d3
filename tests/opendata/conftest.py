"""A month of the city, exported once and signed; tests that change it take a copy."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.opendata.city import MONTH, filled
from tests.programs import cityflux


class Exported(NamedTuple):
    """An export, the city's data folder, and the pair of keys."""

    folder: Path
    data: Path
    private: Path
    public: Path


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """As a publisher makes it."""
    base = tmp_path_factory.mktemp("opendata")
    data = filled(base / "data")
    private, folder = base / "city.pem", base / "export"
    cityflux("opendata", "key", str(private), environment={})
    licence = base / "licence.txt"
    licence.write_text("CC BY 4.0\n", "utf-8")
    environment = {
        "CITYFLUX_DATA_DIR": str(data),
        "CITYFLUX_OPENDATA_PUBLISHER": "高新区, the zone",
        "CITYFLUX_OPENDATA_LICENCE": str(licence),
    }
    cityflux("opendata", "export", MONTH, "--out", str(folder), "--key", str(private), environment=environment)
    return Exported(folder, data, private, base / "city.pub.pem")


@pytest.fixture
def received(exported: Exported, tmp_path: Path) -> Path:
    """A copy, as a recipient has it."""
    return Path(shutil.copytree(exported.folder, tmp_path / "received"))
