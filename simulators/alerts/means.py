"""Means that cross their limits: a haze over three days, a polluted day that crosses midnight, an ozone afternoon.

Stations scatter in pairs, up and down by the same, so the city's mean is exact; and no limit is nearer to it than `_OFF`.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from random import Random

from sensors.instants import HOUR_MS
from simulators.alerts.air import (
    CHONGQING,
    CITY_AQI,
    NATIONAL,
    OZONE,
    PM_DAY,
    STATION_AQI,
    Plateau,
    air,
    first_day,
    index_incident,
    midnight,
    with_gaps,
)
from simulators.alerts.sending import CITY, USUAL, Row, Way, entry, turns
from simulators.alerts.story import Incident, Stage, Story, What, incident

# Chosen: half of the last digit that a daily mean is rounded to, and a little.
_OFF = 0.6
# Chosen: so far a station may be from the city [µg/m³], and stay in its class.
_SITE = 6.0


def haze(seed: int, day: date | None = None) -> Story:
    """Three days of haze that comes and goes within an hour."""
    return _haze("haze episode", seed, day, over_midnight=False)


def crossing(seed: int, day: date | None = None) -> Story:
    """Less than a day of haze, over a midnight: no civil day is heavily polluted, 24 hours across midnight are."""
    return _haze("midnight crossing", seed, day, over_midnight=True)


def _haze(name: str, seed: int, day: date | None, *, over_midnight: bool) -> Story:
    rng = Random(f"{seed}/alerts/{name}")
    start, names = midnight(first_day(rng, day)), _names(rng)
    while True:
        first = rng.randint(34, 40) if over_midnight else rng.randint(26, 44)
        length = rng.randint(20, 24) if over_midnight else rng.randint(66, 80)
        clean, high = rng.randint(14, 28), rng.randint(178, 226 if over_midnight else 200)
        end = first + length + 24 + 36 + 2
        city = [float(high if first <= hour < first + length else clean) for hour in range(1, end + 1)]
        means = {hour: sum(city[hour - 24 : hour]) / 24 for hour in range(24, end + 1)}
        if _is_off(means, 110, 115, 145, 150) and (not over_midnight or _is_of_no_civil_day(city)):
            break
    rows = [
        Row(station, start + hour * HOUR_MS, air(city[hour - 1] + far))
        for hour in range(1, end + 1)
        for station, far in zip(names, _scattered(rng, len(names)), strict=True)
    ]
    # Not where a mean of 24 hours crosses a limit: there all its hours are there.
    rows = with_gaps(rng, rows, range(first + 24, first + length - 24), start)
    plateaus = [Plateau(first, 3), Plateau(first + length, 0)]
    truth = (
        *(index_incident(STATION_AQI, station, start, plateaus) for station in names),
        index_incident(CITY_AQI, CITY, start, plateaus),
        _of_mean(PM_DAY, means, start, limits=(115, 150), kept=(110, 145), clear_h=6),
        _of_scheme(CHONGQING, means, start, orange_in_two=False),
        _of_scheme(NATIONAL, means, start, orange_in_two=True),
    )
    rules = (STATION_AQI, CITY_AQI, PM_DAY, CHONGQING, NATIONAL)
    its = turns(rng, rows, Way(most=10), "air", "hour", city=True)
    return Story(name, seed, tuple(entry(one) for one in names), rules, its, (Stage(0, truth),))


def ozone(seed: int, day: date | None = None) -> Story:
    """A sunny afternoon."""
    rng = Random(f"{seed}/alerts/ozone")
    start, names, level, end = midnight(first_day(rng, day)), _names(rng), rng.choice([1, 2]), 40
    while True:
        first, length = rng.randint(11, 13), rng.randint(6, 9)
        low, high = rng.randint(70, 120), rng.randint(*((245, 285) if level == 1 else (312, 380)))
        city = [float(high if first <= hour < first + length else low) for hour in range(1, end + 1)]
        means = {hour: sum(city[hour - 8 : hour]) / 8 for hour in range(8, end + 1)}
        if _is_off(means, 205, 215, 255, 265) and max(means.values()) > 215:
            break
    rows = [
        Row(station, start + hour * HOUR_MS, air(20.0, o3=round(city[hour - 1] + far, 1)))
        for hour in range(1, end + 1)
        for station, far in zip(names, _scattered(rng, len(names)), strict=True)
    ]
    plateaus = [Plateau(first, level), Plateau(first + length, 0)]
    truth = (
        *(index_incident(STATION_AQI, station, start, plateaus) for station in names),
        index_incident(CITY_AQI, CITY, start, plateaus),
        _of_mean(OZONE, means, start, limits=(215, 265), kept=(205, 255), clear_h=3),
    )
    its = turns(rng, rows, USUAL, "air", "hour", city=True)
    stations, rules = tuple(entry(one) for one in names), (STATION_AQI, CITY_AQI, OZONE)
    return Story("ozone afternoon", seed, stations, rules, its, (Stage(0, truth),))


def _names(rng: Random) -> list[str]:
    return [f"hx-{number:02}" for number in range(1, rng.choice([5, 6, 7]))]


def _is_off(means: Mapping[int, float], *limits: float) -> bool:
    return all(abs(mean - limit) >= _OFF for mean in means.values() for limit in limits)


def _is_of_no_civil_day(city: Sequence[float]) -> bool:
    """No civil day is heavily polluted, 24 hours across midnight are, and no two windows that follow each other moderately."""
    days = [sum(city[begins : begins + 24]) / 24 for begins in range(0, len(city) - 23, 24)]
    windows = [sum(city[begins : begins + 24]) / 24 for begins in range(len(city) - 23)]
    moderate = [number for number, mean in enumerate(windows) if mean > 115]
    return max(days) < 145 and max(windows) > 155 and moderate[-1] - moderate[0] < 24


def _scattered(rng: Random, count: int) -> list[float]:
    """How far each of `count` stations is from the city in an hour [µg/m³]: up and down in pairs, 0 together."""
    found: list[float] = []
    for _ in range(count // 2):
        far = round(rng.uniform(0, _SITE), 1)
        found += [far, -far]
    found += [0.0] * (count % 2)
    rng.shuffle(found)
    return found


def _of_mean(
    rule: str, means: Mapping[int, float], start: int, *, limits: tuple[int, int], kept: tuple[int, int], clear_h: int
) -> Incident:
    """The incident of a mean that rises over one or both limits once: let go below `kept`, for so long."""
    first = min(hour for hour, mean in means.items() if mean > limits[0])
    high = [hour for hour, mean in means.items() if mean > limits[1]]
    well = 1 + max(hour for hour, mean in means.items() if mean > kept[0])
    over = well + clear_h
    # With one level there is none to go back to.
    lowered = 1 + clear_h + max(hour for hour, mean in means.items() if mean > kept[1]) if high else 0
    states: list[tuple[int, What, int]] = [(first, "opened", 2 if first in high else 1)]
    if high and first not in high:
        states.append((high[0], "raised", 2))
    if high and lowered < over:
        states.append((lowered, "lowered", 1))
    states.append((well, "recovering", 2 if well < lowered else 1))
    states.append((over, "resolved", 2 if over <= lowered else 1))
    return incident(rule, CITY, start + first * HOUR_MS, *((start + at * HOUR_MS, what, of) for at, what, of in states))


def _of_scheme(rule: str, means: Mapping[int, float], start: int, *, orange_in_two: bool) -> Incident:
    """Yellow: heavy (over 150), or moderate (over 115) in two windows of 24 hours. Orange: moderate in three, one of them heavy;
    `orange_in_two`: or heavy in two. Lifted after 36 hours without yellow."""
    heavy, moderate = ({hour for hour, mean in means.items() if mean > limit} for limit in (150, 115))
    yellow = heavy | {hour for hour in moderate if hour - 24 in moderate}
    orange = {hour for hour in moderate if {hour - 24, hour - 48} <= moderate}
    if orange_in_two:
        orange |= {hour for hour in heavy if hour - 24 in heavy}
    well, level = max(yellow) + 1, 2 if orange else 1
    states: list[tuple[int, What, int]] = [(min(yellow), "opened", 1), (well, "recovering", level)]
    states.append((well + 36, "resolved", level))
    if orange:
        states.append((min(orange), "raised", 2))
    since = start + min(yellow) * HOUR_MS
    return incident(rule, CITY, since, *((start + at * HOUR_MS, what, of) for at, what, of in states))
