"""What incidents are of: which subjects have a part in what changed, and why a subject is no more."""

from collections.abc import Callable, Collection
from typing import Literal, NamedTuple

from processors.scopes import CITY
from sensors.quantities import Family
from sensors.stations import Registry
from store.events import EVERYWHERE

Whose = Family | Literal["cityflux"]
"""Of which family a signal is; `cityflux` is ourselves, and its stations are our parts."""


class Subject(NamedTuple):
    """A kind of subject: its name; of a family's stations that changed (`EVERYWHERE`: all) the subjects, in order; and why
    one is no more at an instant [ms], empty where it is. `all_at_once`: to know one is to read all stations."""

    name: str
    changed: Callable[[Whose, Collection[str], Registry], list[str]]
    ended: Callable[[Whose, str, Registry, int], str]
    all_at_once: bool = False


def stations_named(family: Whose, changed: Collection[str], registry: Registry) -> set[str]:
    """The stations that changed by their ids, those of the registry too where all did."""
    named = set(changed)
    if EVERYWHERE in named:
        named |= {station.id for station in registry if station.family == family}
    return named - {EVERYWHERE}


def _city_ended(family: Whose, _: str, registry: Registry, now: int) -> str:
    counts = any(one.family == family and one.kind == "assessment" and one.active_at(now - 1) for one in registry)
    return "" if counts else "no station counts for the city any more"


def _stations(family: Whose, changed: Collection[str], registry: Registry) -> list[str]:
    return sorted(stations_named(family, changed, registry))


def _sections(family: Whose, changed: Collection[str], registry: Registry) -> list[str]:
    named = stations_named(family, changed, registry)
    return sorted({one.section or one.id for one in registry if one.family == family and one.id in named})


def _entry_ended(family: Whose, subject: str, registry: Registry, now: int) -> str:
    return "" if registry.entry(family, subject, now - 1) is not None else f"{subject} is out of service"


def _parts(_: str, changed: Collection[str], registry: Registry) -> list[str]:
    return sorted(set(changed) - {EVERYWHERE})


def _never_ended(*_: object) -> str:
    return ""


THE_CITY = Subject("city", lambda *_: [CITY], _city_ended, all_at_once=True)
STATION = Subject("station", _stations, _entry_ended)
SECTION = Subject("section", _sections, _entry_ended)
PART = Subject("part of cityflux", _parts, _never_ended)
