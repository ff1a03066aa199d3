"""The station registry: which devices a city knows, where they stand, and what they count for, over time."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from sensors.instants import to_millis
from sensors.quantities import Family
from sensors.reading import Period
from sensors.topics import is_id

Kind = Literal["assessment", "background", "control", "traffic", "research"]
"""What a station counts for. Only `assessment` (评价点) enters a city or district value (HJ 663);
`background` is 对照点/清洁对照点, `control` 管控点, `traffic` 交通点, `research` any other."""


class Station(BaseModel):
    """One entry of the registry: a station during [active_from, active_to), open where absent.

    A station that moves, changes district or kind gets a second entry; entries of one station must not overlap.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    family: Family
    name_zh: str
    name_en: str = ""
    district: str
    longitude: float | None = Field(default=None, ge=-180, le=180)
    latitude: float | None = Field(default=None, ge=-90, le=90)
    kind: Kind = "assessment"
    period: Period = "hour"
    active_from: AwareDatetime | None = None
    active_to: AwareDatetime | None = None

    @field_validator("id", "district")
    @classmethod
    def _is_an_id(cls, text: str) -> str:
        if not is_id(text):
            raise ValueError(f"{text!r} is not an id: use 1 to 64 of a-z, 0-9 and -")
        return text

    def active_at(self, at: int) -> bool:
        """Whether the entry holds at `at` [ms since the epoch]."""
        after_start = self.active_from is None or to_millis(self.active_from) <= at
        return after_start and (self.active_to is None or at < to_millis(self.active_to))


class RegistryError(ValueError):
    """The registry file is wrong: the message names the entry, the key and what it should be."""


class Registry:
    """All entries, of all stations. Immutable; a change makes a new one with a greater version."""

    def __init__(self, stations: Iterable[Station], version: int = 0) -> None:
        self.version = version
        self._entries: dict[tuple[str, str], list[Station]] = {}
        for station in stations:
            self._entries.setdefault((station.family, station.id), []).append(station)
        for (family, name), entries in self._entries.items():
            _refuse_overlap(family, name, entries)

    def __iter__(self) -> Iterator[Station]:
        for entries in self._entries.values():
            yield from entries

    def __len__(self) -> int:
        return sum(len(entries) for entries in self._entries.values())

    def knows(self, family: str, station: str) -> bool:
        """Whether the station has any entry."""
        return (family, station) in self._entries

    def entry(self, family: str, station: str, at: int) -> Station | None:
        """The station's entry at `at` [ms since the epoch]."""
        return next((e for e in self._entries.get((family, station), []) if e.active_at(at)), None)

    def active(
        self, family: Family, at: int, *, kind: Kind | None = None, district: str | None = None
    ) -> list[Station]:
        """Entries of a family that hold at `at`, of one kind and district where given, by id."""
        found = (self.entry(fam, name, at) for fam, name in self._entries if fam == family)
        return sorted(
            (
                s
                for s in found
                if s and (kind is None or s.kind == kind) and (district is None or s.district == district)
            ),
            key=lambda s: s.id,
        )


def _refuse_overlap(family: str, name: str, entries: list[Station]) -> None:
    spans = sorted(
        (to_millis(e.active_from) if e.active_from else -(2**62), to_millis(e.active_to) if e.active_to else 2**62)
        for e in entries
    )
    for (start, end), (following, _) in zip(spans, [*spans[1:], (2**62, 2**62)], strict=True):
        if start >= end or following < end:
            raise RegistryError(
                f"station {family}/{name}: its entries overlap in time or end before they start; "
                "set active_to of the earlier to active_from of the later"
            )


def load_registry(text: str, place: str) -> Registry:
    """A registry from TOML: an array of tables `[[station]]`. `place` names the file in errors. Raises RegistryError."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RegistryError(f"{place}: {error}") from error
    if unexpected := set(table) - {"station"}:
        raise RegistryError(f"{place}: unknown key {min(unexpected)!r}; a registry is an array of tables [[station]]")
    if not isinstance(table.get("station", []), list):
        raise RegistryError(f"{place}: station is a single table; write [[station]] with double brackets")
    stations = []
    for number, row in enumerate(table.get("station", []), start=1):
        try:
            stations.append(Station.model_validate(row))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            name = row.get("id", f"number {number}")
            raise RegistryError(f"{place}: station {name}, {where}: {first['msg']}") from error
    return Registry(stations)


def dump_registry(stations: Iterable[Station]) -> str:
    """Entries as the TOML that `load_registry` reads."""
    blocks = []
    for station in stations:
        lines = ["[[station]]"]
        for key, value in station.model_dump(exclude_none=True).items():
            if isinstance(value, str):
                escaped = re.sub(r'(["\\])', r"\\\1", value)
                lines.append(f'{key} = "{escaped}"')
            elif isinstance(value, (int, float)):
                lines.append(f"{key} = {value}")
            else:
                lines.append(f"{key} = {value.isoformat()}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"
