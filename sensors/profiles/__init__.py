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
from hashlib import sha256
from importlib.resources import files
from math import isfinite
from typing import Annotated, Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from sensors.configured import ZoneText
from sensors.instants import to_millis
from sensors.quantities import OF_FAMILY, Family
from sensors.reading import PERIOD_MS, Period, Status
from sensors.refusals import Refusal, Refused
from sensors.stations import Kind, Station
from sensors.topics import Address, is_id
from sensors.vehicles import known_coding

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class ProfileError(ValueError):
    """The profile is unknown or wrong, or the file does not suit it: the message names the place and the fix."""


class Row(NamedTuple):
    """One row, converted: its topic's address, its native record, and what was refused of it."""

    address: Address
    record: dict[str, Any]
    refusals: list[Refusal]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Columns = Annotated[tuple[str, ...], BeforeValidator(lambda of: (of,) if isinstance(of, str) else of)]
"""One column, or several whose texts are joined."""

_HASH_DIGITS = 10
"""Hex digits of SHA-256 in an id. Chosen: two of a million names have one id with a probability of one half."""


class Name(_Model):
    """Where an id comes from: a constant, or a column (several: joined by `-`) whose text is looked up in `ids`, else taken in
    lower case, or with `hashed` as that word and ten digits of its SHA-256: for names that no id can be made of."""

    constant: str | None = None
    column: Columns | None = None
    ids: Mapping[str, str] = Field(default_factory=dict)
    hashed: str | None = None

    @model_validator(mode="after")
    def _one_origin_and_ids_only(self) -> "Name":
        if (self.constant is None) == (self.column is None):
            raise ValueError("give either constant or column")
        for text in [*self.ids.values(), *([] if self.constant is None else [self.constant])]:
            if not is_id(text):
                raise ValueError(f"{text!r} is not an id: use 1 to 64 of a-z, 0-9 and -")
        return self

    def of(self, row: Mapping[str, str], line_number: int) -> str:
        """The id in a row. Raises Refused."""
        if self.column is None:
            return self.constant or ""
        text = "-".join(_cell(row, column, line_number) for column in self.column)
        if self.hashed is not None and text not in self.ids:
            return f"{self.hashed}-{sha256(text.encode()).hexdigest()[:_HASH_DIGITS]}"
        name = self.ids.get(text, text.lower())
        if not is_id(name):
            raise Refused(
                "invalid_value",
                _place(" and ".join(self.column), line_number),
                f"{text!r} makes no id of 1 to 64 of a-z, 0-9 and -",
                "correct the cell, or map its text under ids in the replay profile",
            )
        return name


class StationColumns(Name):
    """The station's id, and the columns that describe it in a registry made from the file."""

    name_zh: str | None = None
    name_en: str | None = None
    longitude: str | None = None
    latitude: str | None = None
    kind: Kind = "assessment"
    vehicle_coding: str | None = None


class Year(_Model):
    """Where times have no year: the column of a date that is not before them, and its format."""

    column: str
    format: str


class Time(_Model):
    """The time's column (several: joined by a space), its strptime format, its zone (IANA; none where the format has %z), and
    what it stamps. With `year` the format has none: it is the last one in which the time is not after that date."""

    column: Columns
    format: str
    zone: ZoneText | None = None
    stamps: Literal["start", "end"]
    year: Year | None = None

    @model_validator(mode="after")
    def _one_origin_of_the_offset(self) -> "Time":
        if (self.zone is None) != ("%z" in self.format):
            raise ValueError("give zone, or a format with %z, and not both")
        return self


class Column(_Model):
    """A quantity's column, the one that is read where it has no value, and what their numbers are multiplied by to be in the
    canonical unit."""

    column: str
    otherwise: str | None = None
    factor: float = Field(default=1.0, gt=0, allow_inf_nan=False)


class StatusColumn(_Model):
    """The column that says how the instruments are, and which of its texts mean what; any other text is `normal`."""

    column: str
    words: Mapping[str, Status]


class Floor(_Model):
    """Values below `below` are published as `shown`, while what is computed of them is of the real value."""

    shown: float
    below: float


class Published(_Model):
    """What a file has beside its readings: indices and daily values as they were published, to be compared with ours.

    `index` is the column of the real-time index; `daily` those of daily values by quantity, which the row that ends a civil day
    has of that day; `decimals` is how many decimals they are published with (0 where it names none)."""

    index: str
    daily: Mapping[str, str] = Field(default_factory=dict)
    decimals: Mapping[str, int] = Field(default_factory=dict)
    floors: Mapping[str, Floor] = Field(default_factory=dict)


class ReplayProfile(_Model):
    """How one kind of file is read. `horizon_days` [d] is how old a replayed reading may be when it is received; `constants` are
    values of every row; rows in which a column of `skip` has one of its texts are passed over; with `events` rows of one
    station and time are several readings, numbered in the order of the file."""

    name: str
    title: str
    family: Family
    period: Period
    horizon_days: int = Field(gt=0)
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    missing: frozenset[str]
    events: bool = False
    skip: Mapping[str, frozenset[str]] = Field(default_factory=dict)
    station: StationColumns
    district: Name
    time: Time
    quantities: Mapping[str, Column]
    constants: Mapping[str, float] = Field(default_factory=dict)
    status: StatusColumn | None = None
    published: Published | None = None

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
        if self.station.vehicle_coding is not None:
            known_coding(self.station.vehicle_coding)
        if self.period == "raw" and self.time.stamps == "start":
            raise ValueError("raw readings have no period to shift: stamps must be end")
        published = () if self.published is None else (*self.published.daily, *self.published.floors)
        for code in [*self.quantities, *self.constants, *published]:
            if code not in OF_FAMILY[self.family]:
                raise ValueError(f"quantity {code!r} is not of {self.family}{_hint(code, OF_FAMILY[self.family])}")
        return self

    @property
    def columns(self) -> frozenset[str]:
        """Every column that a file must have."""
        described = (self.station.name_zh, self.station.name_en, self.station.longitude, self.station.latitude)
        named = [*self.time.column, *self.skip, *(self.station.column or ()), *(self.district.column or ())]
        quantities = [column for of in self.quantities.values() for column in (of.column, of.otherwise)]
        year = None if self.time.year is None else self.time.year.column
        status = None if self.status is None else self.status.column
        return frozenset(column for column in (*named, *described, *quantities, year, status) if column is not None)

    def skips(self, row: Mapping[str, str]) -> bool:
        """Whether the row is passed over."""
        return any(row[column].strip() in texts for column, texts in self.skip.items() if column in row)

    def convert(self, row: Mapping[str, str], line_number: int) -> Row:
        """Row `line_number` of the file: text by column to an address and a record with `at` in ms and `source`.

        A cell that is not a number is in `refusals`. Raises Refused, naming line and column, where the station, the
        district or the time cannot be read.
        """
        station, district = self.station.of(row, line_number), self.district.of(row, line_number)
        address = Address(district, self.family, station, self.period)
        at = self._instant(row, line_number)
        values: dict[str, float] = dict(self.constants)
        refusals: list[Refusal] = []
        for code, of in self.quantities.items():
            column, text = of.column, _cell(row, of.column, line_number)
            if text in self.missing and of.otherwise is not None:
                column, text = of.otherwise, _cell(row, of.otherwise, line_number)
            if text in self.missing:
                continue
            try:
                values[code] = _number(text, _place(column, line_number)) * of.factor
            except Refused as refused:
                refusals.append(refused.refusal._replace(quantity=code))
        record = {"at": at, "values": values, "source": self.name}
        if self.status is not None and values:
            word = self.status.words.get(_cell(row, self.status.column, line_number), "normal")
            if word != "normal":
                record["status"] = dict.fromkeys(values, word)
        return Row(address, record, refusals)

    def published_values(self, row: Mapping[str, str], line_number: int) -> dict[str, float]:
        """What the row says was published: `index`, and daily values by quantity; what is missing is absent.

        Raises ProfileError where the profile names no published columns, or the file has not got them.
        """
        if self.published is None:
            raise ProfileError(f"profile {self.name} names nothing that was published; give it a table [published]")
        found = {}
        for name, column in {"index": self.published.index, **self.published.daily}.items():
            if column not in row:
                raise ProfileError(
                    f"the file has no column {column!r}, which profile {self.name} names under published"
                )
            if row[column].strip() not in self.missing:
                found[name] = _number(row[column].strip(), _place(column, line_number))
        return found

    def registry_entries(self, rows: Iterable[tuple[int, Mapping[str, str]]]) -> list[Station]:
        """A registry's entries, by id, from (line number, row) pairs; the last row of a station describes it.

        A station without a name is called by its text. Raises Refused where a station, a district or a coordinate
        cannot be read.
        """
        last: dict[str, tuple[int, Mapping[str, str]]] = {}
        for line_number, row in rows:
            if not self.skips(row):
                last[self.station.of(row, line_number)] = line_number, row
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
            name_zh=text(self.station.name_zh) or " ".join(row[of].strip() for of in self.station.column or ()) or name,
            name_en=text(self.station.name_en) or "",
            district=self.district.of(row, line_number),
            longitude=degrees(self.station.longitude, 180),
            latitude=degrees(self.station.latitude, 90),
            kind=self.station.kind,
            period=self.period,
            vehicle_coding=self.station.vehicle_coding,
        )

    def _instant(self, row: Mapping[str, str], line_number: int) -> int:
        """The end of the row's period [ms since the epoch]; a day ends at the zone's next midnight."""
        text = " ".join(_cell(row, column, line_number) for column in self.time.column)
        place = _place(" and ".join(self.time.column), line_number)
        try:
            moment = self._moment(text, row, line_number)
        except ValueError as error:
            raise Refused(
                "invalid_time", place, f"{text!r} is not of the form {self.time.format}", "correct the cell"
            ) from error
        shift = timedelta(milliseconds=PERIOD_MS.get(self.period, 0)) if self.time.stamps == "start" else timedelta(0)
        try:
            if self.period == "day":
                moment, shift = moment + shift, timedelta(0)
            if self.time.zone is not None:
                moment = moment.replace(tzinfo=ZoneInfo(self.time.zone))
            return to_millis(moment) + shift // timedelta(milliseconds=1)
        except OverflowError as error:
            raise Refused("invalid_time", place, f"{text!r} is beyond the calendar", "correct the cell") from error

    def _moment(self, text: str, row: Mapping[str, str], line_number: int) -> datetime:
        """The time as written, in no zone but its own. Raises ValueError, Refused."""
        year = self.time.year
        if year is None:
            return datetime.strptime(text, self.time.format)  # noqa: DTZ007 - the zone is attached by who asked
        last = datetime.strptime(_cell(row, year.column, line_number), year.format).date()  # noqa: DTZ007 - only its date is looked at
        form = f"%Y-{self.time.format}"
        found = datetime.strptime(f"{last.year}-{text}", form)  # noqa: DTZ007 - as above
        return found if found.date() <= last else datetime.strptime(f"{last.year - 1}-{text}", form)  # noqa: DTZ007 - as above


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


def _number(text: str, place: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else float("nan")
    if not isfinite(value):
        raise Refused(
            "invalid_value", place, f"{text!r} is not a number", "correct the cell, or name its text in missing"
        )
    return value
