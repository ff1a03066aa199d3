"""The names of everything in InfluxDB: measurements, tags and fields. Whoever writes there and whoever asks reads this one table.

Three places, each a bucket and a retention policy of one database, so that one data source and InfluxQL alone reach all of them:

    autogen    what was measured, and what is derived beside it by the hour (`store/influx.py`)
    books      what the books say: indicators, incidents, stations; a projection, rebuilt by `cityflux project`
    samples    how stations and the pipeline are, once a minute; kept for some months

A projection is drawn, and never read as a record: the books are the record. A field that is `optional` is absent where there is
nothing to say; every other is always there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from sensors.quantities import FAMILIES, OF_FAMILY, Family
from sensors.reading import PERIODS, Period

Policy = Literal["autogen", "books", "samples"]
Kind = Literal["float", "integer", "string", "boolean"]

FIXED: Final = ("received_at", "issued", "unknown_station", "origin", "batch", "extra")
"""The fields of a reading besides its quantities."""

_FIXED_KINDS: Mapping[str, Kind] = {
    "received_at": "integer", "issued": "integer", "unknown_station": "boolean", "origin": "integer", "batch": "integer",
    "extra": "string",
}  # fmt: skip


@dataclass(frozen=True)
class Measurement:
    """A measurement: where it is, its tags, its fields with their kinds, and which of them may be absent."""

    name: str
    policy: Policy
    tags: Sequence[str]
    fields: Mapping[str, Kind]
    about: str
    optional: frozenset[str] = field(default=frozenset())

    @property
    def place(self) -> str:
        """As InfluxQL names it after FROM; it is quoted as nothing of ours needs escaping."""
        return f'"{self.policy}"."{self.name}"'


def literal(text: str) -> str:
    """A string of InfluxQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def measurement_of(family: Family, period: Period) -> str:
    """The name of the measurement of a family's readings of one period."""
    return f"{family}_{period}".replace("-", "_")


def _readings() -> Iterator[Measurement]:
    for family in FAMILIES:
        quantities: Mapping[str, Kind] = dict.fromkeys(OF_FAMILY[family], "float")
        for period in PERIODS:
            fields = {**quantities, **_FIXED_KINDS}
            about = f"readings of {family}, {period}; an averaged period is stamped with its end"
            optional = frozenset(fields) - {"received_at", "origin", "batch"}
            yield Measurement(
                measurement_of(family, period), "autogen", ("station", "seq", "writer"), fields, about, optional
            )


INDICATORS: Final = Measurement(
    "indicators",
    "books",
    ("indicator", "scope", "standard", "length"),
    {
        "value": "float",
        "unit": "string",
        "status": "string",
        "finality": "string",  # running, provisional, under review, final
        "valid": "integer",
        "expected": "integer",
        "coverage": "float",  # valid / expected [1]
        "computed_at": "integer",  # [ms]
        "period": "string",
        "revision": "integer",  # its number in the books; 0 while the period is open
        "reason": "string",
        "sentence": "string",
        "primary": "string",
        "category": "string",
    },
    "judgements as they are in force, at the beginning of their period in the city's time; `length`: day, month, quarter, year",
    frozenset({"value", "coverage"}),
)

SCORECARD: Final = Measurement(
    "scorecard",
    "books",
    ("code", "year"),
    {
        "of_year": "string",  # the year again: variables of dashboards are made of fields
        "value": "float",
        "shown": "string",  # value and unit, or a dash
        "target": "float",
        "gap": "float",
        "status": "string",
        "trend": "string",
        "coverage": "string",
        "finality": "string",
        "standards": "string",
        "period": "string",
        "computed_at": "integer",  # [ms]
        "sentence": "string",
        "source": "string",
    },
    "the rows of the plan of a year, at its beginning",
    frozenset({"value", "target", "gap"}),
)

INCIDENTS: Final = Measurement(
    "incidents",
    "books",
    ("rule", "subject"),
    {
        "id": "integer",
        "severity": "string",
        "level": "integer",
        "greatest": "integer",
        "phase": "string",  # firing, recovering, resolved; withdrawn, joined, closed where it is none any more
        "open": "boolean",
        "asks": "boolean",  # nobody has acknowledged it at its level
        "since": "integer",  # [ms]
        "resolved": "integer",  # [ms]
        "minutes": "integer",  # it lasted, or has lasted until its last window
        "acknowledged_by": "string",
        "peak": "string",
    },
    "incidents, at the moment of which they were told; the nanoseconds within the millisecond are the number's last digits",
    frozenset({"resolved"}),
)

STATIONS: Final = Measurement(
    "stations",
    "books",
    ("family", "station", "district"),
    {
        "label_zh": "string",  # 虎溪 (hx-01): what variables of dashboards are made of
        "label_en": "string",
        "name_zh": "string",
        "name_en": "string",
        "family_id": "string",
        "district_id": "string",
        "kind": "string",
        "longitude": "float",
        "latitude": "float",
        "river": "string",
        "river_km": "float",
        "target_class": "integer",
        "tunnel": "string",
    },
    "the registry's entries of now, at the epoch",
    frozenset({"longitude", "latitude", "river_km", "target_class"}),
)

CURSOR: Final = Measurement(
    "projection",
    "books",
    (),
    {"revision": "integer", "log": "integer", "registry": "integer"},
    "how far of the books this projection is, at the epoch",
)

DEVICES: Final = Measurement(
    "devices",
    "samples",
    ("family", "station", "district"),
    {
        "state": "string",
        "ill": "integer",  # sensors.presence.ILL
        "age_s": "integer",
        "battery": "float",
        "rssi": "float",
        "snr": "float",
        "lost": "integer",
        "drifts": "integer",
        "sampled_at": "integer",  # [ms]
    },
    "how each station is: presence, age of what it sent last, what its device says, changes of its messages to be looked at",
    frozenset({"age_s", "battery", "rssi", "snr", "lost"}),
)

LEDGER: Final = Measurement(
    "ledger",
    "samples",
    ("journal",),
    {
        "journalled": "integer", "written": "integer", "refused": "integer", "pending": "integer",
        "readings_decoded": "integer", "readings_written": "integer", "readings_refused": "integer",
        "quantities_refused": "integer", "age_s": "integer", "sampled_at": "integer",
    },
    "each journal's ledger as last copied into the books, and how old the copy is",
)  # fmt: skip

PIPELINE: Final = Measurement(
    "pipeline",
    "samples",
    (),
    {
        "open_dead_letters": "integer", "unknown_stations": "integer", "windows_waiting": "integer",
        "alerts_waiting": "integer", "drifts_waiting": "integer", "ingest_age_s": "integer",
        "incidents_open": "integer", "incidents_asking": "integer", "sampled_at": "integer",
    },
    "what waits for a person or a program, and how many incidents hold, of which nobody has acknowledged so many",
    frozenset({"ingest_age_s"}),
)  # fmt: skip

PROJECTED: Final[Sequence[Measurement]] = (
    INDICATORS, SCORECARD, INCIDENTS, STATIONS, CURSOR, DEVICES, LEDGER, PIPELINE,
)  # fmt: skip
"""What the books are projected into."""

MEASUREMENTS: Final[Mapping[str, Measurement]] = {one.name: one for one in (*_readings(), *PROJECTED)}
"""Everything, by name."""
