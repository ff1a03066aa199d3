"""The station registry: which devices a city knows, where they stand, and what they count for, over time. As a file it is
TOML, or CSV or GeoJSON (`station_files.py`)."""

import json
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sensors.instants import FOREVER, to_millis
from sensors.quantities import OF_FAMILY, Family
from sensors.reading import Period
from sensors.topics import is_id
from sensors.vehicles import known_coding

Kind = Literal["assessment", "background", "control", "traffic", "research"]
"""What a station counts for. Only `assessment` (评价点) enters a city or district value (HJ 663);
`background` is 对照点/清洁对照点, `control` 管控点, `traffic` 交通点, `research` any other."""


Sampling = Literal["automatic", "manual"]
"""Who samples a section of water."""

WaterBody = Literal["river", "lake"]
"""What a section lies in: GB 3838-2002 table 1 limits total phosphorus otherwise in lakes and reservoirs than in rivers."""

# Chosen: longer than any MN (24 characters, HJ 212-2017), DevEUI (16) or device name of the platforms we read (64).
_LONGEST_DEVICE = 128
_HOUR_S = 3_600


class Station(BaseModel):
    """One entry of the registry: a station during [active_from, active_to), open where absent.

    A station that moves, changes district, kind or device gets a second entry; entries of one station must not overlap, and no
    two stations have one device at the same time.
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
    device: str | None = Field(default=None, min_length=1, max_length=_LONGEST_DEVICE)
    """What the device calls itself where that is not the id (MN, DevEUI, device name); upper and lower case are one."""
    model: str | None = Field(default=None, min_length=1)
    """The model of the device: which commands it takes (`sensors/downlink.py`)."""
    expected_period_s: int | None = Field(default=None, ge=1, le=31 * 86_400)
    """How often it sends [s], where that is not once a period; `raw` has no period of its own. Of counts of traffic it is how
    long their interval is."""
    water_body: WaterBody | None = None
    target_class: int | None = Field(default=None, ge=1, le=5)
    """The class that a section is to reach: 1 to 5 for Ⅰ to Ⅴ (GB 3838-2002, clause 3)."""
    section: str | None = None
    """The section whose water this one samples, where it is not its own: the id of another entry of water."""
    sampling: Sampling | None = None
    """Whether people draw the samples; absent: automatic. A laboratory's values stand behind those of an automatic station of the
    same section."""
    river: str | None = None
    """Which river, as an id, the section is of."""
    river_km: float | None = Field(default=None, allow_inf_nan=False)
    """Where along the river it lies, downstream the more [km]."""
    downstream: str | None = None
    """The next section that its water passes, of the same river or of the one it flows into: an id."""
    travel_h: float | None = Field(default=None, gt=0, le=2_400, allow_inf_nan=False)
    """How long the water takes to it [h], where that is known."""
    capacity_pcu_h: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """What a tunnel or road passes at most [passenger car units an hour]."""
    tunnel: str | None = None
    """The tunnel that an entry of traffic counts in, as an id; a direction each is an entry."""
    length_km: float | None = Field(default=None, gt=0, le=500, allow_inf_nan=False)
    """How long the tunnel or the stretch of road is that an entry of traffic stands for [km]."""
    free_flow_km_h: float | None = Field(default=None, gt=0, le=200, allow_inf_nan=False)
    """How fast it is driven where nobody is in the way [km/h]."""
    lanes: int | None = Field(default=None, ge=1, le=20)
    """Lanes of the direction."""
    vehicle_coding: str | None = None
    """What the numbers of `vehicle_class` mean at this device: a coding of `vehicle_codings.toml`; absent: that of the
    settings."""
    meter_factor: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """What a meter's numbers are multiplied by (倍率: current and voltage transformers); absent: 1."""
    meter_modulus: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Where a meter's count begins again at 0 [canonical unit of the count]: 1000000 with six digits of kWh; absent: never."""
    meter_start: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    meter_end: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """What the meter showed at active_from and at active_to [canonical unit of the count]: with both, nothing is lost where a
    meter is replaced."""

    measures: str | None = None
    """What a meter measures, as quantities of use between blanks: `electricity generation exported`; meter_start, meter_end and
    meter_modulus, which need it, are of the count of the first. Absent: whatever it sends."""
    main_meter: str | None = None
    """The meter that this one is a sub-meter of: the id of another entry of energy."""

    @field_validator("id", "district", "section", "river", "downstream", "tunnel", "main_meter")
    @classmethod
    def _is_an_id(cls, text: str | None) -> str | None:
        if text is not None and not is_id(text):
            raise ValueError(f"{text!r} is not an id: use 1 to 64 of a-z, 0-9 and -")
        return text

    @field_validator("vehicle_coding")
    @classmethod
    def _is_a_coding(cls, name: str | None) -> str | None:
        return name if name is None else known_coding(name)

    @field_validator("device", "model")
    @classmethod
    def _is_a_name(cls, text: str | None) -> str | None:
        # It stands in topics of commands.
        if text is not None and (set(text) & set("+#/") or any(unicodedata.category(c)[0] == "C" for c in text)):
            raise ValueError(f"{text!r} is no name of a device: it may not have + # / or control characters")
        return text

    @field_validator("measures")
    @classmethod
    def _are_uses(cls, text: str | None) -> str | None:
        uses = [one.code for one in OF_FAMILY["energy"].values() if one.averages == "sum"]
        if text is not None and (not text.split() or set(text.split()) - set(uses)):
            raise ValueError(f"{text!r} does not name what a meter measures: there are {', '.join(uses)}")
        return text

    @model_validator(mode="after")
    def _is_not_its_own(self) -> Self:
        for field, what in (("section", "section"), ("downstream", "section"), ("main_meter", "meter")):
            if getattr(self, field) == self.id:
                raise ValueError(f"{field} is {self.id} itself: leave it out, or name another {what}")
        return self

    @model_validator(mode="after")
    def _counts_in_parts_of_an_hour(self) -> Self:
        length = self.expected_period_s
        if self.family == "traffic" and self.period in {"minute", "hour"} and length is not None and _HOUR_S % length:
            raise ValueError(
                f"expected_period_s {length}: counts of traffic are over intervals that divide an hour; "
                "write 60, 300, 900 or 3600, as the device sends"
            )
        return self

    @model_validator(mode="after")
    def _register_is_of_a_count(self) -> Self:
        given = [name for name in ("meter_modulus", "meter_start", "meter_end") if getattr(self, name) is not None]
        if given and self.measures is None:
            raise ValueError(f'{given[0]} is of one count: say which by `measures`, as in measures = "electricity"')
        return self

    @property
    def measured(self) -> tuple[str, ...]:
        """The quantities that it measures; none where the entry does not say."""
        return () if self.measures is None else tuple(self.measures.split())

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
        self._by_device: defaultdict[str, list[Station]] = defaultdict(list)
        for station in stations:
            self._entries.setdefault((station.family, station.id), []).append(station)
            if station.device is not None:
                self._by_device[station.device.casefold()].append(station)
        for (family, name), entries in self._entries.items():
            if _overlap(entries):
                raise RegistryError(
                    f"station {family}/{name}: its entries overlap in time or end before they start; "
                    "set active_to of the earlier to active_from of the later"
                )
        for entries in self._by_device.values():
            if _overlap(entries):
                of = " and ".join(sorted({f"{entry.family}/{entry.id}" for entry in entries}))
                raise RegistryError(
                    f"device {entries[0].device!r} is that of {of} at the same time; "
                    "set active_to of the earlier to active_from of the later, or give each its own device"
                )

        self._check_main_meters()

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

    def entries(self, family: str, station: str) -> Sequence[Station]:
        """All entries of a station."""
        return self._entries.get((family, station), ())

    def entries_of(self, device: str) -> Sequence[Station]:
        """The entries that name the device, of all times."""
        return self._by_device.get(device.casefold(), ())

    def station_of(self, device: str, at: int) -> tuple[Family, str] | None:
        """(family, id) of the station whose entry at `at` [ms since the epoch] names the device."""
        for entry in self.entries_of(device):
            if entry.active_at(at):
                return entry.family, entry.id
        return None

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

    def _check_main_meters(self) -> None:
        """Raises RegistryError where a meter's main meter is not there all the time, for then its use would count nowhere; or
        where meters are sub-meters of each other: a circle is whole when its last entry begins."""
        for entry in [one for one in self if one.main_meter is not None]:
            since, until = active_span(entry)
            at = since
            for begins, ends in sorted(
                active_span(one) for one in self._entries.get(("energy", entry.main_meter or ""), [])
            ):
                at = ends if begins <= at < ends else at
            if at < until:
                raise RegistryError(
                    f"meter {entry.id}: its main_meter {entry.main_meter} has no entry of energy for all of that time; add it, "
                    "or give the meter an entry without main_meter from then on"
                )
            way, above = [entry.id], entry.main_meter
            while above is not None and above not in way:
                way.append(above)
                following = self.entry("energy", above, since)
                above = None if following is None else following.main_meter
            if above is not None:
                raise RegistryError(
                    f"meters {' → '.join([*way, above])} are sub-meters of each other; take main_meter from one of them"
                )


def active_span(entry: Station) -> tuple[int, int]:
    """From when till when an entry holds [ms]; far away where it is open."""
    since = -FOREVER if entry.active_from is None else to_millis(entry.active_from)
    return since, FOREVER if entry.active_to is None else to_millis(entry.active_to)


def _overlap(entries: list[Station]) -> bool:
    """Whether entries overlap in time, or one ends before it starts."""
    spans = sorted(active_span(entry) for entry in entries)
    return any(
        start >= end or following < end
        for (start, end), (following, _) in zip(spans, [*spans[1:], (FOREVER, FOREVER)], strict=True)
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
            name = row.get("id", f"number {number}") if isinstance(row, dict) else f"number {number}"
            raise RegistryError(f"{place}: station {name}, {what_is_wrong(error)}") from error
    return Registry(stations)


def what_is_wrong(error: ValidationError) -> str:
    """The first fault of an entry: key, what is wrong with it, and the fix."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "entry"
    match first["type"]:
        case "extra_forbidden":
            near = get_close_matches(key, Station.model_fields, n=1)
            fix = f"did you mean {near[0]}?" if near else f"an entry has {', '.join(Station.model_fields)}"
            return f"{key}: is no key of an entry; {fix}"
        case "missing":
            return f"{key}: is missing; every entry needs it"
        case "timezone_aware":
            return f"{key}: has no offset; write 2026-01-01T00:00:00+08:00"
        case _:
            return f"{key}: {first['msg'].removeprefix('Value error, ')}"


def dump_registry(stations: Iterable[Station]) -> str:
    """Entries as the TOML that `load_registry` reads."""
    blocks = []
    for station in stations:
        lines = ["[[station]]"]
        for key, value in station.model_dump(exclude_none=True).items():
            if isinstance(value, str):
                # A JSON string is a TOML string, but that TOML takes no bare DEL.
                text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
                lines.append(f"{key} = {text}")
            elif isinstance(value, (int, float)):
                lines.append(f"{key} = {value}")
            else:
                lines.append(f"{key} = {value.isoformat()}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"
