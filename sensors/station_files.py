"""Files of the registry, by the ending of their name: TOML (`stations.py`), CSV for spreadsheets, GeoJSON (RFC 7946) for maps.

Each holds every field of every entry: what one of them writes, it reads back as the same entries. An error names the file, the
line or the feature, the key and the fix.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import ValidationError

from sensors.stations import Registry, RegistryError, Station, dump_registry, load_registry, what_is_wrong

_FIELDS = tuple(Station.model_fields)
_REQUIRED = frozenset(name for name, field in Station.model_fields.items() if field.is_required())
_POSITION = ("longitude", "latitude")


class Form(NamedTuple):
    """How a registry is read from text, with the file's name for errors (raises RegistryError), and written."""

    load: Callable[[str, str], Registry]
    dump: Callable[[Iterable[Station]], str]


def form_of(file: str) -> Form:
    """The form that a file's name says. Raises RegistryError."""
    ending = PurePath(file).suffix.lower().removeprefix(".")
    form = FORMS.get("geojson" if ending == "json" else ending)
    if form is None:
        raise RegistryError(f"{file}: a registry is a file that ends in .toml, .csv, .geojson or .json; rename it")
    return form


def load_csv(text: str, place: str) -> Registry:
    """A registry from CSV (RFC 4180): a line of keys in any order, then a line for each entry; an empty cell says nothing."""
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    stations = []
    try:
        keys = next(rows, [])
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise RegistryError(f"{place}: line 1: {min(twice)} is there twice; name each column once")
        for cells in rows:
            if not any(cells):
                continue
            if len(cells) != len(keys):
                raise RegistryError(
                    f"{place}: line {rows.line_num}: {len(cells)} cells under {len(keys)} columns; quote cells with commas"
                )
            said = {key: cell for key, cell in zip(keys, cells, strict=True) if cell or key in _REQUIRED}
            try:
                stations.append(Station.model_validate_strings(said))
            except ValidationError as error:
                raise RegistryError(f"{place}: line {rows.line_num}, {what_is_wrong(error)}") from error
    except csv.Error as error:
        raise RegistryError(f"{place}: line {rows.line_num}: {error}; save it as CSV with commas") from error
    return _registry(stations, place)


def dump_csv(stations: Iterable[Station]) -> str:
    """Entries as the CSV that `load_csv` reads."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow(_FIELDS)
    for station in stations:
        entry = _entry(station)
        rows.writerow([entry.get(field, "") for field in _FIELDS])
    return text.getvalue()


def load_geojson(text: str, place: str) -> Registry:
    """A registry from GeoJSON: a FeatureCollection whose features are points, or nowhere (geometry null, RFC 7946 §3.2), with the
    other keys as properties. A third coordinate (altitude) is not kept."""
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"{place}: is not JSON: {error}") from error
    if not isinstance(table, dict) or table.get("type") != "FeatureCollection":
        raise RegistryError(
            f'{place}: is no GeoJSON of stations; write {{"type": "FeatureCollection", "features": […]}}'
        )
    if "crs" in table and "CRS84" not in json.dumps(table["crs"]):
        raise RegistryError(f"{place}: has a crs; GeoJSON is in WGS 84 (RFC 7946 §4): export it without one")
    features = table.get("features")
    if not isinstance(features, list):
        raise RegistryError(f'{place}: has no array "features" (RFC 7946 §3.3); write one, a feature for each entry')
    return _registry(
        [_of_feature(feature, f"{place}: feature {n}") for n, feature in enumerate(features, start=1)], place
    )


def dump_geojson(stations: Iterable[Station]) -> str:
    """Entries as the GeoJSON that `load_geojson` reads."""
    features = [json.dumps(_feature(station), ensure_ascii=False) for station in stations]
    return '{"type": "FeatureCollection", "features": [\n' + ",\n".join(features) + "\n]}\n"


def _of_feature(feature: object, where: str) -> Station:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise RegistryError(f'{where}: is no feature; write {{"type": "Feature", "geometry": …, "properties": {{…}}}}')
    properties, geometry = feature.get("properties"), feature.get("geometry")
    if not isinstance(properties, dict):
        raise RegistryError(f"{where}: has no properties; the entry's keys (id, family, name_zh, district …) go there")
    entry = {key: value for key, value in properties.items() if value is not None}
    if geometry is not None:
        point = geometry.get("coordinates") if isinstance(geometry, dict) else None
        if not isinstance(geometry, dict) or geometry.get("type") != "Point" or not isinstance(point, list):
            raise RegistryError(f"{where}: its geometry is no Point; a station is a point, or has geometry null")
        if len(point) not in {2, 3}:
            raise RegistryError(f"{where}: its coordinates are {point}; write [longitude, latitude]")
        if given := [key for key in _POSITION if key in entry]:
            raise RegistryError(f"{where}: {given[0]} is a property beside a geometry; leave it out")
        entry |= zip(_POSITION, point[:2], strict=True)
    try:
        return Station.model_validate(entry)
    except ValidationError as error:
        raise RegistryError(f"{where}, {what_is_wrong(error)}") from error


def _feature(station: Station) -> dict[str, Any]:
    entry = _entry(station)
    geometry = None
    if all(key in entry for key in _POSITION):
        geometry = {"type": "Point", "coordinates": [entry.pop(key) for key in _POSITION]}
    return {"type": "Feature", "geometry": geometry, "properties": entry}


def _entry(station: Station) -> dict[str, Any]:
    """The fields that say something; times as text with the offset they were given in."""
    values = station.model_dump(exclude_none=True)
    return {key: value.isoformat() if hasattr(value, "isoformat") else value for key, value in values.items()}


def _registry(stations: Iterable[Station], place: str) -> Registry:
    try:
        return Registry(stations)
    except RegistryError as error:
        raise RegistryError(f"{place}: {error}") from error


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "toml": Form(load_registry, dump_registry),
        "csv": Form(load_csv, dump_csv),
        "geojson": Form(load_geojson, dump_geojson),
    }
)
