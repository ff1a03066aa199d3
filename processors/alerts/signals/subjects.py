"""What incidents are of: which subjects have a part in what changed, and why a subject is no more."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from processors.scopes import CITY, METER
from sensors.stations import Registry
from store.events import EVERYWHERE


class Subject(NamedTuple):
    """A kind of subject: its name; of a family's stations that changed (`EVERYWHERE`: all) the subjects, in order; and why
    one is no more at an instant [ms], empty where it is. `all_at_once`: to know one is to read all stations."""

    name: str
    changed: Callable[[str, Collection[str], Registry], list[str]]
    ended: Callable[[str, str, Registry, int], str]
    all_at_once: bool = False


def stations_named(family: str, changed: Collection[str], registry: Registry) -> set[str]:
    """The stations that changed by their ids, those of the registry too where all did."""
    named = set(changed)
    if EVERYWHERE in named:
        named |= {station.id for station in registry if station.family == family}
    return named - {EVERYWHERE}


def _city_ended(family: str, _: str, registry: Registry, now: int) -> str:
    names = {one.id for one in registry if one.family == family}
    entries = (registry.entry(family, name, now - 1) for name in names)
    counts = any(entry is not None and entry.kind == "assessment" for entry in entries)
    return "" if counts else "no station counts for the city any more"


def _stations(family: str, changed: Collection[str], registry: Registry) -> list[str]:
    return sorted(stations_named(family, changed, registry))


def _sections(family: str, changed: Collection[str], registry: Registry) -> list[str]:
    named = stations_named(family, changed, registry)
    return sorted({one.section or one.id for one in registry if one.family == family and one.id in named})


def _sections_below(family: str, changed: Collection[str], registry: Registry) -> list[str]:
    """The sections that changed, and all below them."""
    below = {one.id: one.downstream for one in registry if one.family == family and one.downstream is not None}
    found: set[str] = set()
    for name in _sections(family, changed, registry):
        section: str | None = name
        while section is not None and section not in found:
            found.add(section)
            section = below.get(section)
    return sorted(found)


def _entry_ended(family: str, subject: str, registry: Registry, now: int) -> str:
    return "" if registry.entry(family, subject, now - 1) is not None else f"{subject} is out of service"


def _meters(_: str, changed: Collection[str], registry: Registry) -> list[str]:
    """The meters of scopes of judgements."""
    del registry
    return sorted({name.removeprefix(METER) for name in changed if name.startswith(METER)})


def _meter_ended(_: str, subject: str, registry: Registry, now: int) -> str:
    return _entry_ended("energy", subject, registry, now)


def _themselves(_: str, changed: Collection[str], registry: Registry) -> list[str]:
    return sorted(set(changed) - {EVERYWHERE})


def _never_ended(*_: object) -> str:
    return ""


THE_CITY = Subject("city", lambda *_: [CITY], _city_ended, all_at_once=True)
STATION = Subject("station", _stations, _entry_ended)
SECTION = Subject("section", _sections, _entry_ended)
SECTION_BELOW = Subject("section", _sections_below, _entry_ended)
"""A section of which something above it says something too."""
ENTERED = Subject("city", lambda *_: [CITY], _never_ended, all_at_once=True)
"""The city, of what people enter about it."""
METER_OF_DAYS = Subject("meter", _meters, _meter_ended)
"""A meter, of its judged days."""
ROW = Subject("row of the plan", _themselves, _never_ended)
"""A year's value by indicator and scope."""
PART = Subject("part of cityflux", _themselves, _never_ended)
