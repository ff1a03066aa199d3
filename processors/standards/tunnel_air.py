"""Limits of the air in tunnels as typed, frozen data: the shipped table (`tunnel-air.toml`), or a city's own of the
same form."""

from decimal import Decimal
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from processors.standards.reading import validated
from processors.standards.tables import Mark
from sensors.quantities import OF_FAMILY

State = Literal["moving", "slow"]


class TunnelAirError(ValueError):
    """The table is wrong: the message names the file, the key and what it should be."""


class AirLimit(BaseModel):
    """What a mean over `minutes` may be at most [canonical unit], by magnitude; of a long tunnel `most_long`, and on
    the straight line between where its length lies between."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quantity: str
    minutes: int = Field(ge=1, le=1440)
    most: Decimal = Field(gt=0)
    most_long: Decimal | None = Field(default=None, gt=0)
    short_km: Decimal | None = Field(default=None, gt=0)
    long_km: Decimal | None = Field(default=None, gt=0)
    state: State | None = Field(default=None, alias="while")
    clause: str

    @model_validator(mode="after")
    def _is_of_a_quantity_of_tunnels(self) -> Self:
        known = [code for code in OF_FAMILY["traffic"] if code.startswith("tunnel_")]
        if self.quantity not in known:
            raise ValueError(f"{self.quantity!r} is no quantity of tunnel air: there are {', '.join(known)}")
        if 1440 % self.minutes:
            raise ValueError(f"{self.minutes} minutes do not divide a day: write for example 15, 20 or 60")
        long = (self.most_long, self.short_km, self.long_km)
        if any(one is None for one in long) != all(one is None for one in long):
            raise ValueError("most_long, short_km and long_km go together")
        if self.short_km is not None and self.long_km is not None and self.short_km >= self.long_km:
            raise ValueError(f"short_km {self.short_km} must be below long_km {self.long_km}")
        return self

    def of(self, length_km: Fraction | None) -> Fraction:
        """The limit of a tunnel of that length; where it is not known, that of a short one."""
        most = Fraction(self.most)
        if self.most_long is None or self.short_km is None or self.long_km is None or length_km is None:
            return most
        short, long = Fraction(self.short_km), Fraction(self.long_km)
        share = (min(max(length_km, short), long) - short) / (long - short)
        return most + share * (Fraction(self.most_long) - most)


class TunnelAir(BaseModel):
    """All of them; traffic slower than `slow_km_h` is slow."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: str
    mark: Mark
    slow_km_h: Decimal = Field(gt=0)
    limits: tuple[AirLimit, ...] = Field(alias="limit")


def parse_tunnel_air(text: str, place: str) -> TunnelAir:
    """A table from TOML. Raises TunnelAirError."""
    return validated(TunnelAir, text, place, TunnelAirError)


@cache
def shipped_tunnel_air() -> TunnelAir:
    """The table that cityflux ships."""
    return parse_tunnel_air(
        files("processors.standards").joinpath("tunnel-air.toml").read_text("utf-8"), "tunnel-air.toml"
    )
