"""Sources: what the city's IoT platform sends, as configuration. Topic filter → format → device and station → quantities.

    [[source]]
    name = "dust"
    topic = "env/{district}/+/{station}/data"
    format = "json"
    family = "air"
    period = "minute"
    stamps = "start"
    [source.options]                                 # of the format
    time = "/ts"
    fields = { pm25 = "/data/pm25", o3 = "/data/o3" }
    [source.quantities]                              # of cityflux, from the format's fields
    pm2_5 = "pm25"
    o3 = { field = "o3", unit = "ppb" }

`SourceConfig` is the file's words, checked; `Source` (in `source.py`) is one of them, ready to convert; `Sources` finds the one
that takes a topic. Topics of the native format, `cityflux/v1/#`, need no source.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from sensors.configured import IdText, ZoneText
from sensors.formats.catalogue import FormatError, load
from sensors.formats.sample import OptionError, Options
from sensors.quantities import MEASURED_FAMILIES, OF_FAMILY, Family
from sensors.reading import Period
from sensors.sources.filters import FilterError, TopicFilter
from sensors.sources.rules import Rules
from sensors.sources.source import Source, SourceError
from sensors.topics import SUBSCRIPTION, is_topic
from sensors.units import UnitError

NO_DISTRICT = "unassigned"
"""The district of a station that nobody has put into one: neither its topic nor its source says it, and nobody has adopted it."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FieldOf(_Model):
    """The field that is a quantity; its numbers' unit where that is not what the message or the format says; and what they are
    multiplied by and added to after that."""

    field: str
    unit: str | None = None
    factor: float = Field(default=1.0, allow_inf_nan=False)
    offset: float = Field(default=0.0, allow_inf_nan=False)

    @field_validator("factor")
    @classmethod
    def _is_not_zero(cls, factor: float) -> float:
        if factor == 0:
            raise ValueError("factor 0 makes every value the same: leave the quantity out")
        return factor


def _as_fields(of: object) -> object:
    """ "pm25" and {field = "pm25"} as a list of one."""
    each = of if isinstance(of, list) else [of]
    return [{"field": one} if isinstance(one, str) else one for one in each]


class DeviceConfig(_Model):
    """What is different of one device: the station it is, the units of its fields."""

    station: IdText | None = None
    units: Mapping[str, str] = Field(default_factory=dict)


class SourceConfig(_Model):
    """One `[[source]]`."""

    name: IdText
    topic: str
    format: str
    family: Family
    period: Period = "raw"
    """Of what the message does not say it of itself."""
    minutes: int = Field(default=1, ge=1, le=60)
    """How long a period `minute` is [min]."""
    stamps: Literal["start", "end"] = "end"
    """What a time in a message is of its averaged period."""
    time: Literal["message", "receipt"] = "message"
    """Where a message has no time: refuse it, or take the time of its receipt."""
    zone: ZoneText | None = None
    """Of times without an offset; None: the city's."""
    district: IdText = NO_DISTRICT
    horizon_days: int | None = Field(default=None, ge=1, le=36_500)
    """How old a reading may be [d]; None: as everywhere."""
    missing: Sequence[float | str] = ()
    """Numbers and texts that mean that there is no value."""
    text_numbers: bool = False
    """Whether a text that is a number counts as one."""
    ignore: Sequence[str] = ()
    """Fields that are no quantities of ours, as patterns (`*_raw`)."""
    options: Mapping[str, Any] = Field(default_factory=dict)
    quantities: Mapping[str, Annotated[Sequence[FieldOf], BeforeValidator(_as_fields)]] = Field(default_factory=dict)
    units: Mapping[str, str] = Field(default_factory=dict)
    """By field, where it is not what the message or the format says."""
    devices: Mapping[str, DeviceConfig] = Field(default_factory=dict)
    """By the device's own name."""

    @model_validator(mode="after")
    def _agrees_with_the_tables(self) -> "SourceConfig":
        if self.family not in MEASURED_FAMILIES:
            raise ValueError(f"family {self.family!r} is not measured: use one of {', '.join(MEASURED_FAMILIES)}")
        if self.period == "raw" and self.stamps == "start":
            raise ValueError("raw readings have no period to shift: say period, or leave stamps out")
        for code in self.quantities:
            if code not in OF_FAMILY[self.family]:
                near = get_close_matches(code, OF_FAMILY[self.family], n=1)
                hint = f": did you mean {near[0]}?" if near else f": it has {', '.join(OF_FAMILY[self.family])}"
                raise ValueError(f"quantity {code!r} is not of {self.family}{hint}")
        return self


class Sources:
    """All sources of a city. No topic has two. Raises SourceError."""

    def __init__(self, sources: Iterable[Source] = ()) -> None:
        self._sources = list(sources)
        for number, source in enumerate(self._sources):
            if source.filter.overlaps(SUBSCRIPTION):
                raise SourceError(
                    f"source {source.name}: topic {source.filter.text!r} takes topics of {SUBSCRIPTION}, the native format's"
                )
            for other in self._sources[:number]:
                if source.name == other.name:
                    raise SourceError(f"source {source.name} is there twice: names are unique")
                if source.filter.overlaps(other.filter.subscription):
                    raise SourceError(
                        f"sources {other.name} and {source.name} both take topics of "
                        f"{other.filter.text!r} and {source.filter.text!r}: make the filters narrower"
                    )

    def __iter__(self) -> Iterator[Source]:
        return iter(self._sources)

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The filters to subscribe to, the native one first."""
        return (SUBSCRIPTION, *(source.filter.subscription for source in self._sources))

    def of(self, topic: str) -> tuple[Source, Mapping[str, str]] | None:
        """The source that takes the topic, and the topic's level by placeholder."""
        for source in self._sources:
            parts = source.filter.match(topic)
            if parts is not None:
                return source, parts
        return None

    def takes(self, topic: str) -> bool:
        """Whether readings can come under the topic: of a source, or of the native format."""
        return is_topic(topic) or self.of(topic) is not None

    def named(self, name: str) -> Source | None:
        """The source of that name."""
        return next((source for source in self._sources if source.name == name), None)


NO_SOURCES = Sources()


def parse_sources(text: str, place: str, zone: ZoneInfo) -> list[Source]:
    """The sources of one TOML file; `place` names it in errors, `zone` is the city's. Raises SourceError."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SourceError(f"{place}: {error}") from error
    if unexpected := set(table) - {"source"}:
        raise SourceError(f"{place}: unknown key {min(unexpected)!r}; sources are an array of tables [[source]]")
    rows = table.get("source", [])
    if not isinstance(rows, list):
        raise SourceError(f"{place}: source is a single table; write [[source]] with double brackets")
    return [_source(row, number, place, zone) for number, row in enumerate(rows, start=1)]


def _source(row: Mapping[str, Any], number: int, place: str, zone: ZoneInfo) -> Source:
    where = f"{place}: source {row.get('name', f'number {number}')}"
    try:
        config = SourceConfig.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        hint = ""
        if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
            near = get_close_matches(key, SourceConfig.model_fields, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; a source has {', '.join(SourceConfig.model_fields)}"
        message = first["msg"].removeprefix("Value error, ")
        raise SourceError(f"{where}{', ' if key else ''}{key}: {message}{hint}") from error
    try:
        return make_source(config, zone)
    except (FilterError, FormatError, OptionError, UnitError) as error:
        raise SourceError(f"{where}: {error}") from error


def make_source(config: SourceConfig, zone: ZoneInfo) -> Source:
    """A source of its configuration; `zone` is the city's. Raises FilterError, FormatError, OptionError, UnitError."""
    its_zone = ZoneInfo(config.zone) if config.zone is not None else zone
    form = load(config.format)
    decode = form.make(Options(its_zone, config.options))
    rules = Rules(
        config.family,
        defaults=form.placements(config.family),
        ignored=(*form.ignored, *config.ignore),
        chosen=[
            (of.field, code, of.unit, of.factor, of.offset)
            for code, fields in config.quantities.items()
            for of in fields
        ],
        units=config.units,
        devices={device: its.units for device, its in config.devices.items() if its.units},
    )
    return Source(
        config.name,
        TopicFilter(config.topic),
        decode,
        rules,
        family=config.family,
        period=config.period,
        minutes=config.minutes,
        stamps=config.stamps,
        zone=its_zone,
        at_receipt=config.time == "receipt",
        district=config.district,
        horizon_days=config.horizon_days,
        missing=frozenset(config.missing),
        text_numbers=config.text_numbers,
        stations={device: its.station for device, its in config.devices.items() if its.station is not None},
    )


__all__ = [
    "NO_DISTRICT",
    "NO_SOURCES",
    "Source",
    "SourceConfig",
    "SourceError",
    "Sources",
    "make_source",
    "parse_sources",
]
