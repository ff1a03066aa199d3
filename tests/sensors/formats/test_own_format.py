"""The example of docs/FORMATS.md, installed as its reader would; and what becomes of a format that does not keep its contract."""

import json
import re
import tomllib
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from sensors.formats.guard import guarded
from sensors.formats.sample import Options, Sample, Vitals
from sensors.refusals import Refusal, Refused
from tests.programs import ROOT, cityflux

PAGE = (ROOT / "docs" / "FORMATS.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def install(folder: Path) -> None:
    """What pip does with the example: a module, and metadata that names its entry points."""
    [module], [project] = blocks("python"), blocks("toml")
    of = tomllib.loads(project)["project"]
    points = of["entry-points"]["cityflux.formats"]
    for target in points.values():
        (folder / f"{target.partition(':')[0]}.py").write_text(module, "utf-8")
    metadata = folder / f"{of['name'].replace('-', '_')}-{of['version']}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {of['name']}\nVersion: {of['version']}\n", "utf-8"
    )
    lines = [f"{name} = {target}" for name, target in points.items()]
    (metadata / "entry_points.txt").write_text("\n".join(["[cityflux.formats]", *lines, ""]), "utf-8")


def test_the_pages_example_is_as_long_as_it_says_and_works(tmp_path: Path) -> None:
    [example] = blocks("python")
    assert len(example.splitlines()) < 40
    packages = tmp_path / "site"
    packages.mkdir()
    install(packages)
    (tmp_path / "sources.toml").write_text(
        '[[source]]\nname = "masts"\ntopic = "masts"\nformat = "wx"\nfamily = "air"\n', "utf-8"
    )
    environment = {
        "CITYFLUX_DATA_DIR": str(tmp_path / "data"),
        "CITYFLUX_SOURCES": str(tmp_path / "sources.toml"),
        "PYTHONPATH": str(packages),
    }
    payload = tmp_path / "payload"
    payload.write_text("WX;mast-7;202603011400;T=21.5;RH=61;BAT=80", "utf-8")
    asked = ("sources", "test", "--topic", "masts", "--payload", str(payload), "--format", "json")
    received = ("--received", "2026-03-01T14:01:00+08:00")
    found = json.loads(cityflux(*asked, *received, environment=environment))
    [reading] = found["readings"]
    assert (reading["station"], reading["observed_at"]) == ("mast-7", "2026-03-01T14:00:00+08:00")
    assert reading["values"] == {"air_temperature": 21.5, "humidity": 61.0}
    assert found["samples"][0]["vitals"] == {"battery": 80.0}
    payload.write_text("WX;mast-7;202613011400;T=21.5;RH=61", "utf-8")
    said = cityflux(*asked, *received, environment=environment, expect=1)
    assert "send YYYYmmddHHMM" in said


def of(result: object) -> Callable[[bytes], Any]:
    def make(_options: Options) -> Any:
        def decode(_payload: bytes) -> Any:
            if isinstance(result, Exception):
                raise result
            return result

        return decode

    return guarded(make, "wx")(Options(UTC))


@pytest.mark.parametrize("result", [ValueError("oops"), [], None, 7, RecursionError("deep")])
def test_whatever_a_decoder_raises_is_a_refusal_that_names_the_format(result: object) -> None:
    with pytest.raises(Refused, match="format wx"):
        of(result)(b"x")


@pytest.mark.parametrize(
    "part",
    [
        "text",
        ("d", 1, {}, {}, {}, None, None, 0, None),
        Sample("", 1),
        Sample("d", 1.0),  # type: ignore[arg-type]
        Sample("d", 1, {"a": b"1"}),  # type: ignore[dict-item]
        Sample("d", 1, {1: 1}),  # type: ignore[dict-item]
        Sample("d", 1, {}, {"a": "odd"}),  # type: ignore[dict-item]
        Sample("d", 1, units={"a": 1}),  # type: ignore[dict-item]
        Sample("d", 1, period="week"),  # type: ignore[arg-type]
        Sample("d", 1, seq=-1),
        Sample("d", 1, vitals=Vitals(battery="80")),  # type: ignore[arg-type]
        Sample("d", 1, vitals=Vitals(rssi=float("inf"))),
    ],
)
def test_what_is_no_sample_is_refused_in_its_place(part: object) -> None:
    good = Sample("d", 1, {"a": 1.0})
    first, second = of([part, good])(b"x")
    assert isinstance(first, Refusal)
    assert "no sample" in first.detail
    assert second == good
