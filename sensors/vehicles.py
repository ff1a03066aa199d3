"""Classes of vehicles, in which every scheme of passenger car units is written, and what the numbers of `vehicle_class`
mean: a named coding, dated (`vehicle_codings.toml`)."""

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, field_validator

VEHICLE_CLASSES = ("car", "bus", "light_truck", "medium", "large", "articulated")
"""Cars; buses of more than 19 seats; trucks up to 2 t, of 2 to 7 t, of 7 to 20 t; articulated ones, or of more than 20
t."""

COUNTS: Mapping[str, str] = MappingProxyType({cls: f"vehicles_{cls}" for cls in VEHICLE_CLASSES})
"""The quantity that counts a class within an interval."""


class Coding(BaseModel):
    """An edition of a coding, in force from the first to the last day named, both included; open where None."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    document: str
    mark: str
    classes: Mapping[int, str]
    effective_from: date | None = None
    effective_to: date | None = None

    @field_validator("classes")
    @classmethod
    def _has_known_classes(cls, classes: Mapping[int, str]) -> Mapping[int, str]:
        for name in classes.values():
            if name not in VEHICLE_CLASSES:
                raise ValueError(f"{name!r} is no class of vehicles: known are {', '.join(VEHICLE_CLASSES)}")
        return classes

    def in_force(self, day: date) -> bool:
        """Whether it holds on a day."""
        return (self.effective_from or day) <= day <= (self.effective_to or day)


@cache
def codings() -> tuple[Coding, ...]:
    """Every edition of every coding."""
    table = tomllib.loads(files("sensors").joinpath("vehicle_codings.toml").read_text("utf-8"))
    return tuple(Coding.model_validate(row) for row in table["coding"])


def known_coding(name: str) -> str:
    """The name, where a coding is called so. Raises ValueError."""
    known = sorted({one.name for one in codings()})
    if name not in known:
        raise ValueError(f"no coding of vehicles is called {name!r}: known are {', '.join(known)}")
    return name


def classes_of(name: str, day: date) -> Mapping[int, str]:
    """The class of each number, as the coding has it on a day; empty where it has no edition of that day. Raises
    ValueError where no coding is called so."""
    known_coding(name)
    return next((one.classes for one in codings() if one.name == name and one.in_force(day)), MappingProxyType({}))
