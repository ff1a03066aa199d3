"""Replay profiles: how somebody else's table of readings becomes native records. Pure: rows come in as text by column.

A profile is a TOML file that says which column is the station, which the time and by what convention, which the
quantities, and which texts mean that there is no value. Profiles shipped with cityflux lie beside this file and are
found by name; anybody's own is read with `parse_profile`. Columns that a profile does not name are ignored.

One bad cell costs its own quantity and nothing else; a row without a station or a time is refused whole.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from math import isfinite
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sensors.instants import to_millis
from sensors.quantities import OF_FAMILY, Family
from sensors.reading import Period
from sensors.refusals import Refusal, Refused
from sensors.stations import Kind, Station
from sensors.topics import Address, is_id

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LENGTH: Mapping[Period, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}


class ProfileError(ValueError):
    """The profile is unknown or wrong, or the file does not suit it: the message names the place and the fix."""


class Row(NamedTuple):
    """One row, converted: its topic's address, its native record, and what was refused of it."""

    address: Address
    record: dict[str, Any]
    refusals: list[Refusal]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Name(_Model):
    """Where an id comes from: a constant, or a column whose text is looked up in `ids`, else taken in lower case."""

    constant: str | None = None
    column: str | None = None
    ids: Mapping[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_origin_and_ids_only(self) -> "Name":
        if (self.constant is None) == (self.column is None):
            raise ValueError("give either constant or column")
        for text in [*self.ids.values(), *([] if self.constant is None else [self.constant])]:
            if not is_id(text):
                raise ValueError(f"{text!r} is not an id: use 1 to 64 of a-z, 0-9 and -")
        return self


class StationColumns(_Model):
    """The station's column, and those that describe it in a registry made from the file."""

    column: str
    ids: Mapping[str, str] = Field(default_factory=dict)
    name_zh: str | None = None
    name_en: str | None = None
    longitude: str | None = None
    latitude: str | None = None
    kind: Kind = "assessment"


class Time(_Model):
    """The time's column, its strptime format, its zone (IANA; none where the format has %z), and what it stamps."""

    column: str
    format: str
    zone: str | None = None
    stamps: Literal["start", "end"]

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str | None) -> str | None:
        if zone is not None:
            try:
                ZoneInfo(zone)
            except (KeyError, OSError, ValueError) as error:  # not found; a folder of zones; not a key at all
                raise ValueError(f"{zone!r} is not a time zone: use a name such as Asia/Shanghai") from error
        return zone

    @model_validator(mode="after")
    def _one_origin_of_the_offset(self) -> "Time":
        if (self.zone is None) != ("%z" in self.format):
            raise ValueError("give zone, or a format with %z, and not both")
        return self


class Column(_Model):
    """A quantity's column and what its numbers are multiplied by to be in the canonical unit."""

    column: str
    factor: float = Field(default=1.0, gt=0, allow_inf_nan=False)


class ReplayProfile(_Model):
    """How one kind of file is read. `horizon_days` [d] is how old a replayed reading may be when it is received."""

    name: str
    title: str
    family: Family
    period: Period
    horizon_days: int = Field(gt=0)
    missing: frozenset[str]
    station: StationColumns
    district: Name
    time: Time
    quantities: Mapping[str, Column]

    @field_validator("quantities", mode="before")
    @classmethod
    def _a_text_is_a_column(cls, quantities: object) -> object:
        if not isinstance(quantities, Mapping):
            return quantities
        return {code: {"column": of} if isinstance(of, str) else of for code, of in quantities.items()}

    @model_validator(mode="after")
    def _agrees_with_the_tables(self) -> "ReplayProfile":
        if not is_id(self.name):
            raise ValueError(f"name {self.name!r} is not an id: use 1 to 64 of a-z, 0-9 and -")
        if not self.quantities:
            raise ValueError("quantities is empty: name at least one")
        if self.period == "raw" and self.time.stamps == "start":
            raise ValueError("raw readings have no period to shift: stamps must be end")
        for code in self.quantities:
            if code not in OF_FAMILY[self.family]:
                raise ValueError(f"quantity {code!r} is not of {self.family}{_hint(code, OF_FAMILY[self.family])}")
        return self

    @property
    def columns(self) -> frozenset[str]:
        """Every column that a file must have."""
        described = (self.station.name_zh, self.station.name_en, self.station.longitude, self.station.latitude)
        named = [self.station.column, self.time.column, *(c.column for c in self.quantities.values())]
        return frozenset(named) | {column for column in (*described, self.district.column) if column is not None}

    def convert(self, row: Mapping[str, str], line_number: int) -> Row:
        """Row `line_number` of the file: text by column to an address and a record with `at` in ms and `source`.

        A cell that is not a number is in `refusals`. Raises Refused, naming line and column, where the station, the
        district or the time cannot be read.
        """
        address = Address(self._district(row, line_number), self.family, self._station(row, line_number), self.period)
        at = self._instant(row, line_number)
        values: dict[str, float] = {}
        refusals: list[Refusal] = []
        for code, of in self.quantities.items():
            text = _cell(row, of.column, line_number)
            if text in self.missing:
                continue
            try:
                values[code] = _number(text, _place(of.column, line_number)) * of.factor
            except Refused as refused:
                refusals.append(refused.refusal._replace(quantity=code))
        return Row(address, {"at": at, "values": values, "source": self.name}, refusals)

    def registry_entries(self, rows: Iterable[tuple[int, Mapping[str, str]]]) -> list[Station]:
        """A registry's entries, by id, from (line number, row) pairs; the last row of a station describes it.

        A station without a name is called by its text. Raises Refused where a station, a district or a coordinate
        cannot be read.
        """
        last: dict[str, tuple[int, Mapping[str, str]]] = {}
        for line_number, row in rows:
            last[self._station(row, line_number)] = line_number, row
        return [self._entry(name, *last[name]) for name in sorted(last)]

    def _entry(self, name: str, line_number: int, row: Mapping[str, str]) -> Station:
        def text(column: str | None) -> str | None:
            found = None if column is None else _cell(row, column, line_number)
            return None if found in self.missing else found

        def degrees(column: str | None, limit: float) -> float | None:
            found = text(column)
            if column is None or found is None:
                return None
            value = _number(found, _place(column, line_number))
            if abs(value) > limit:
                raise Refused(
                    "invalid_value", _place(column, line_number), f"{found!r} is beyond ±{limit:g}°", "send degrees"
                )
            return value

        return Station(
            id=name,
            family=self.family,
            name_zh=text(self.station.name_zh) or row[self.station.column].strip(),
            name_en=text(self.station.name_en) or "",
            district=self._district(row, line_number),
            longitude=degrees(self.station.longitude, 180),
            latitude=degrees(self.station.latitude, 90),
            kind=self.station.kind,
            period=self.period,
        )

    def _station(self, row: Mapping[str, str], line_number: int) -> str:
        return _id(row, self.station.column, self.station.ids, line_number)

    def _district(self, row: Mapping[str, str], line_number: int) -> str:
        if self.district.column is None:
            return self.district.constant or ""
        return _id(row, self.district.column, self.district.ids, line_number)

    def _instant(self, row: Mapping[str, str], line_number: int) -> int:
        """The end of the row's period [ms since the epoch]; a day ends at the zone's next midnight."""
        text = _cell(row, self.time.column, line_number)
        place = _place(self.time.column, line_number)
        try:
            moment = datetime.strptime(text, self.time.format)  # noqa: DTZ007 - the zone is attached below
        except ValueError as error:
            raise Refused(
                "invalid_time", place, f"{text!r} is not of the form {self.time.format}", "correct the cell"
            ) from error
        shift = _LENGTH.get(self.period, timedelta(0)) if self.time.stamps == "start" else timedelta(0)
        try:
            if self.period == "day":
                moment, shift = moment + shift, timedelta(0)
            if self.time.zone is not None:
                moment = moment.replace(tzinfo=ZoneInfo(self.time.zone))
            return to_millis(moment) + shift // timedelta(milliseconds=1)
        except OverflowError as error:
            raise Refused("invalid_time", place, f"{text!r} is beyond the calendar", "correct the cell") from error


def shipped_profiles() -> list[str]:
    """The names of the profiles that come with cityflux."""
    names = (file.name for file in files("sensors.profiles").iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


@cache
def load_profile(name: str) -> ReplayProfile:
    """The shipped profile of that name. Raises ProfileError, which lists the names there are."""
    names = shipped_profiles()
    if name not in names:
        raise ProfileError(f"no replay profile {name!r}{_hint(name, names)}; shipped: {', '.join(names)}")
    return parse_profile(files("sensors.profiles").joinpath(f"{name}.toml").read_text("utf-8"), f"{name}.toml")


def parse_profile(text: str, place: str) -> ReplayProfile:
    """A profile from TOML; `place` names the file in errors. Raises ProfileError."""
    try:
        table = tomllib.loads(text)
        return ReplayProfile.model_validate(table)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{place}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "profile"
        raise ProfileError(f"{place}: {where}: {first['msg']}") from error


def _hint(word: str, words: Iterable[str]) -> str:
    near = get_close_matches(word, list(words), n=1)
    return f": did you mean {near[0]}?" if near else ""


def _place(column: str, line_number: int) -> str:
    return f"line {line_number}, column {column}"


def _cell(row: Mapping[str, str], column: str, line_number: int) -> str:
    if column not in row:
        raise Refused("invalid_shape", _place(column, line_number), "is not in the row", "complete the row")
    return row[column].strip()


def _id(row: Mapping[str, str], column: str, ids: Mapping[str, str], line_number: int) -> str:
    text = _cell(row, column, line_number)
    name = ids.get(text, text.lower())
    if not is_id(name):
        raise Refused(
            "invalid_value",
            _place(column, line_number),
            f"{text!r} makes no id of 1 to 64 of a-z, 0-9 and -",
            "correct the cell, or map its text under ids in the replay profile",
        )
    return name


def _number(text: str, place: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else float("nan")
    if not isfinite(value):
        raise Refused(
            "invalid_value", place, f"{text!r} is not a number", "correct the cell, or name its text in missing"
        )
    return value
