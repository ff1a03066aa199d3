"""Reading: one device at one instant, several quantities. The value that everything after intake works on.

Identity is (family, station, period, observed_at, seq): writing a reading twice is writing it once. Good values and
doubtful ones live apart, so no average can pick a doubtful one up by accident; a missing value is absent, never 0 or NaN.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

from sensors.instants import DAY_MS, HOUR_MS, MINUTE_MS
from sensors.quantities import Family

Period = Literal["raw", "minute", "hour", "day"]
"""The averaging period of the values: data, never guessed. Averaged periods are stamped with their end."""

PERIODS: tuple[Period, ...] = get_args(Period)
PERIOD_MS: Mapping[Period, int] = {"minute": MINUTE_MS, "hour": HOUR_MS, "day": DAY_MS}
"""How long a period is [ms]: a day where the clock does not change; raw readings have none."""

Status = Literal[
    "normal",
    "calibration",
    "maintenance",
    "fault",
    "stopped",
    "no_link",
    "above_range",
    "manual",
    "doubtful",
    "withdrawn",
    "standard_check",
    "no_water",
    "below_detection",
]
"""What a sender may say of a quantity: the closed list of the native format. HJ 212-2017 table 8 maps onto it
(N normal, C calibration, M maintenance, D fault, F stopped, B no_link, T above_range, S manual).

`standard_check` is the measuring of a standard sample, `no_water` that nothing could be drawn. Of `below_detection` the number
is the detection limit that the sample was below, and may be sent as the text `<0.01`: it is no value, because a mean that took it
for one would be too high; who knows such samples takes half of it (环办监测函〔2020〕82号, 7)."""

STATUSES: frozenset[str] = frozenset(get_args(Status))

Flag = Literal[
    "calibration",
    "maintenance",
    "fault",
    "stopped",
    "no_link",
    "above_range",
    "manual",
    "doubtful",
    "withdrawn",
    "standard_check",
    "no_water",
    "below_detection",
    "out_of_range",
    "not_assessable",
]
"""Why a value is not good: every status but `normal`, and what cityflux itself decides."""


class Doubt(NamedTuple):
    """A value that must not enter an average: why, and what was sent [canonical unit] (`None`: nothing was)."""

    flag: Flag
    value: float | None


NO_DOUBTS: Mapping[str, Doubt] = MappingProxyType({})


class Reading(NamedTuple):
    """One device at one instant.

    Times are integer milliseconds since the epoch, UTC. `values` are good and `doubtful` are not, by quantity code, in
    canonical units, quantised to the quantity's scale; a quantity is in at most one of the two. `issued` is when the
    sender produced this version. `unknown_station` says that the registry did not know the station when this came in.
    `origin` and `batch` are the lineage: the books' number of (journal, topic), and the journal's batch.
    """

    family: Family
    station: str
    period: Period
    observed_at: int
    received_at: int
    values: Mapping[str, float]
    doubtful: Mapping[str, Doubt] = NO_DOUBTS
    seq: int = 0
    issued: int | None = None
    unknown_station: bool = False
    origin: int = 0
    batch: int = 0

    @property
    def version(self) -> tuple[int, int]:
        """Of two readings with one identity, the greater version wins, quantity by quantity."""
        return (self.received_at if self.issued is None else self.issued, self.received_at)
