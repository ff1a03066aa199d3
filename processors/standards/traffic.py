"""Tables of traffic as typed, frozen data: passenger car units by named schemes, levels of service, congestion."""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

from processors.standards.tables import Mark, UnknownStandardError


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    document: str
    clause: str
    mark: Mark


class Scheme(_Document):
    """Passenger car units by class of vehicle."""

    name: str
    factors: Mapping[str, Decimal]


class ServiceLevel(BaseModel):
    """A level up to a saturation, included; without `to` whatever is above."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: int
    to: Decimal | None = None


class Service(_Document):
    """Levels of service, the best first; the last of them below so much of the free-flow speed [share]: it is forced."""

    forced_below: Decimal
    levels: tuple[ServiceLevel, ...]


class CongestionLevel(BaseModel):
    """A level up to a ratio of travel times, included; without `to` whatever is above."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zh: str
    en: str
    to: Decimal | None = None


class Congestion(_Document):
    """Levels of congestion by travel time over that of free flow."""

    levels: tuple[CongestionLevel, ...]


class Tpi(_Document):
    """Share of severely congested kilometres [%] to the index, as points of straight lines."""

    points: tuple[tuple[int, int], ...]


class TrafficTables(BaseModel):
    """All of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schemes: tuple[Scheme, ...] = Field(alias="pcu")
    service: Service
    congestion: Congestion
    tpi: Tpi

    def scheme(self, name: str) -> Scheme:
        """The scheme of that name. Raises UnknownStandardError."""
        for scheme in self.schemes:
            if scheme.name == name:
                return scheme
        raise UnknownStandardError("scheme of passenger car units", name, (one.name for one in self.schemes))


@cache
def traffic_tables() -> TrafficTables:
    """The tables of `traffic.toml`."""
    text = files("processors.standards").joinpath("traffic.toml").read_text("utf-8")
    return TrafficTables.model_validate(tomllib.loads(text))
