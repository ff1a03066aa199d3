"""Dated changes of the registry: the entry that holds ends, and one that differs begins. The past keeps what it was."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from sensors.instants import to_millis
from sensors.quantities import Family
from sensors.stations import Registry, RegistryError, Station, what_is_wrong

_NOT_CHANGED = frozenset({"id", "family", "active_from", "active_to"})


def find(registry: Registry, name: str, family: str | None = None) -> Family:
    """The family of the station of that name. Raises RegistryError where there is none, or several and nobody says which."""
    families = sorted({entry.family for entry in registry if entry.id == name and family in {None, entry.family}})
    if not families:
        of = "" if family is None else f" of {family}"
        raise RegistryError(f"{name!r} is no station{of} of the registry; `cityflux stations list` shows them")
    if len(families) > 1:
        raise RegistryError(f"{name!r} is a station of {' and of '.join(families)}: say which with --family")
    return families[0]


def change(registry: Registry, family: Family, name: str, values: Mapping[str, Any], since: datetime) -> list[Station]:
    """The entries that make the station another one from `since` on: the one that held, ended, and its successor. An entry
    that begins at that moment is changed itself. None as a value takes a key away. Raises RegistryError."""
    if fixed := sorted(values.keys() & _NOT_CHANGED):
        raise RegistryError(f"{fixed[0]} is not changed this way: it says which entry it is, and since when")
    held = _entry(registry, family, name, since)
    fields = {**held.model_dump(exclude_none=True), **values, "active_from": since}
    try:
        successor = Station.model_validate({key: value for key, value in fields.items() if value is not None})
    except ValidationError as error:
        raise RegistryError(f"station {name}, {what_is_wrong(error)}") from error
    begins = held.active_from is not None and to_millis(held.active_from) == to_millis(since)
    return [successor] if begins else [held.model_copy(update={"active_to": since}), successor]


def retire(registry: Registry, family: Family, name: str, at: datetime) -> list[Station]:
    """The entry that holds, ended. Raises RegistryError."""
    held = _entry(registry, family, name, at)
    if held.active_from is not None and to_millis(held.active_from) == to_millis(at):
        raise RegistryError(f"station {name} begins at {at.isoformat()}: it cannot end there too")
    return [held.model_copy(update={"active_to": at})]


def _entry(registry: Registry, family: Family, name: str, at: datetime) -> Station:
    held = registry.entry(family, name, to_millis(at))
    if held is None:
        raise RegistryError(
            f"station {family}/{name} has no entry at {at.isoformat()}; `cityflux stations history {name}` shows them"
        )
    return held
