"""What is not the water's in what a station measures: a sensor that fouls from one service to the next, and the service.

A station is serviced every so many days at 08:00 of the city's time, two cycles long: cleaned in the first, calibrated in the
second. What has fouled until then is clean after it.
"""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from random import Random
from typing import NamedTuple

from sensors.instants import DAY_MS, HOUR_MS, to_millis
from sensors.reading import Status
from simulators.city import ZONE
from simulators.river.course import RIVER

_BEGINS = time(8)
_CLEANED_MS, _CALIBRATED_MS = 4 * HOUR_MS, 4 * HOUR_MS
# From which services are counted: chosen before anything that is simulated.
_FIRST = date(2000, 1, 1)


class Service(NamedTuple):
    """A visit to a station: when it begins, when cleaning is over, and when it ends [ms]."""

    begins: int
    cleaned: int
    ends: int


class Fouling(NamedTuple):
    """Which sensor is fouled, and by how much it reads off [share of the value]."""

    code: str
    share: float


def service(seed: int, section: str, at: int) -> Service:
    """The last service of a station that began before an instant [ms]."""
    number = _number(at)
    found = _service(seed, section, number)
    return found if found.begins < at else _service(seed, section, number - 1)


def serviced(seed: int, section: str, at: int) -> Status:
    """The state of the instruments in the cycle that ends at an instant [ms]."""
    last = service(seed, section, at)
    if at > last.ends:
        return "normal"
    return "maintenance" if at <= last.cleaned else "calibration"


def fouled(seed: int, section: str, at: int) -> Fouling | None:
    """Which sensor of a station is fouled at an instant [ms], None where all are clean."""
    of, last = RIVER.upkeep, service(seed, section, at)
    rng = Random(f"{seed}/{section}/fouling/{last.begins}")
    code, chance, share = rng.choice(of.codes), rng.random(), rng.uniform(*of.share_a_day)
    if chance >= of.chance or at <= last.ends:
        return None
    # A fouled oxygen probe reads low, the others high.
    return Fouling(code, (-share if code == "dissolved_oxygen" else share) * (at - last.ends) / DAY_MS)


def _number(at: int) -> int:
    """Which service may be the last before an instant: it or the one before."""
    days = (datetime.fromtimestamp(at / 1000, ZONE).date() - _FIRST).days
    return days // RIVER.upkeep.every_days


@lru_cache(maxsize=4_096)
def _service(seed: int, section: str, number: int) -> Service:
    of = RIVER.upkeep
    late = Random(f"{seed}/{section}/service/{number}").randint(0, of.within_days)
    day = _FIRST + timedelta(days=number * of.every_days + late)
    begins = to_millis(datetime.combine(day, _BEGINS, ZONE))
    return Service(begins, begins + _CLEANED_MS, begins + _CLEANED_MS + _CALIBRATED_MS)
