"""What describes an export: `datapackage.json` (Frictionless Data Package 2.0), the same as a CSV, and a README in Chinese and
English. All are made from the tables that the data were written by."""

import csv
import json
import tomllib
from collections.abc import Sequence
from datetime import UTC
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from cityflux.opendata.cells import plain, text_of
from cityflux.opendata.tables import Field, Table

_PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
_NO_LICENCE = ("未附许可文本,使用前请询问发布者", "none is given: ask the publisher before you use it")
_NOBODY = ("(未署名)", "(nobody is named)")


class About(NamedTuple):
    """What an export is of: times as text, and who publishes it under which licence (its file), where that is known."""

    month: str
    zone: str
    after: str
    until: str
    publisher: str | None
    licence: str | None


def write_descriptions(folder: Path, about: About, tables: Sequence[Table]) -> None:
    """Write `datapackage.json`, `dictionary.csv` and `README.md` of the tables in the folder."""
    package = json.dumps(_package(about, tables), ensure_ascii=False, indent=2)
    (folder / "datapackage.json").write_text(package + "\n", "utf-8")
    (folder / "README.md").write_text(_readme(about, tables), "utf-8")
    with (folder / "dictionary.csv").open("w", encoding="utf-8", newline="") as opened:
        rows = csv.writer(opened, lineterminator="\r\n")
        rows.writerow(_COLUMNS)
        rows.writerows(_described(table, field) for table in tables for field in table.fields)


_COLUMNS = (
    "table", "column", "key", "zh", "en", "type", "unit", "meaning", "averages", "scale", "low", "high", "one_of",
)  # fmt: skip


def _described(table: Table, field: Field) -> list[str]:
    said = (
        table.path, field.name, "yes" if field.name in table.key else "", field.zh, field.en, field.type, field.unit,
        field.meaning, field.averages or "",
    )  # fmt: skip
    numbers = ["" if one is None else plain(one) for one in (field.scale, field.low, field.high)]
    return [*(_guarded(text) for text in said), *numbers, " ".join(field.one_of)]


def _guarded(text: str) -> str:
    return text_of("string", text, UTC)


def _package(about: About, tables: Sequence[Table]) -> dict[str, Any]:
    resources: list[dict[str, Any]] = []
    for table in tables:
        # The Parquet is no resource of its own: a program would take it for another table.
        resources.append({
            "name": table.name, "type": "table", "path": f"{table.path}.csv", "format": "csv", "mediatype": "text/csv",
            "encoding": "utf-8", "title": f"{table.zh} {table.en}", "description": table.meaning,
            "parquet": f"{table.path}.parquet", "schema": _schema(table),
        })  # fmt: skip
    resources.append({
        "name": "stations-map", "path": "stations.geojson", "format": "geojson", "mediatype": "application/geo+json",
        "title": "站点 Stations", "description": "the table stations for maps (RFC 7946)",
    })  # fmt: skip
    package: dict[str, Any] = {
        "$schema": _PROFILE,
        "name": f"cityflux-opendata-{about.month}",
        "title": _title(about),
        "description": f"what ends after {about.after} and not after {about.until} (zone {about.zone})",
        "version": about.month,
    }
    if about.publisher:
        package["contributors"] = [{"title": about.publisher, "roles": ["publisher"]}]
    if about.licence:
        package["licenses"] = [{"path": about.licence, "title": about.licence}]
    return {**package, "resources": resources}


def _schema(table: Table) -> dict[str, Any]:
    return {"fields": [_field(field) for field in table.fields], "primaryKey": list(table.key), "missingValues": [""]}


def _field(field: Field) -> dict[str, Any]:
    limits = {"minimum": field.low, "maximum": field.high, "enum": list(field.one_of) or None}
    constraints = {name: value for name, value in limits.items() if value is not None}
    said = {
        "name": field.name, "type": field.type, "title": f"{field.zh} {field.en}", "description": field.meaning,
        "unit": field.unit or None, "averages": field.averages, "scale": field.scale, "constraints": constraints or None,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}


def _title(about: About) -> str:
    return f"{about.month} 城市监测开放数据 · Open data of a city's sensors"


def _readme(about: About, tables: Sequence[Table]) -> str:
    text = tomllib.loads(files("cityflux.opendata").joinpath("readme.toml").read_text("utf-8"))
    parts = []
    for number, language in enumerate(("zh", "en")):
        filled = Template(text[language].lstrip()).substitute(
            title=_title(about), month=about.month, zone=about.zone, after=about.after, until=about.until,
            publisher=about.publisher or _NOBODY[number], licence=about.licence or _NO_LICENCE[number],
            commands=text["commands"].strip("\n"),
        )  # fmt: skip
        said = [(one.zh, one.meaning_zh) if language == "zh" else (one.en, one.meaning) for one in tables]
        rows = [f"| `{one.path}` | {name} | {meaning} |" for one, (name, meaning) in zip(tables, said, strict=True)]
        parts.append("\n".join([filled, "| | | |", "|---|---|---|", *rows, ""]))
    return "\n".join(parts)
