"""Tales of single stations: a value that flaps about its limit, a weekend of silence, data that come late and change the past, an
evaluator that is restarted in every state of an incident."""

from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from random import Random

from sensors.instants import HOUR_MS
from sensors.presence import GRACE_MS
from simulators.alerts.air import (
    CITY_AQI,
    LEVELS,
    STATION_AQI,
    Plateau,
    air,
    first_day,
    index_incident,
    inside,
    midnight,
    with_gaps,
)
from simulators.alerts.sending import CITY, IN_ORDER, USUAL, Row, Way, entry, messages_of, turns
from simulators.alerts.story import UPSETS, Acknowledged, Incident, Stage, Story, Turn, What, incident

_OVER, _KEPT, _UNDER = (216.0, 244.0), (192.0, 198.0), (30.0, 90.0)
"""NO2 of an hour [µg/m³] whose index is over 100, from 96 to 100, or less than 95, in both editions of HJ 633."""

STATION_SILENT = "air_station_silent"
SILENT_H = (2, 12, 24)
"""For longer than that a station that sends each hour is silent, by level [h]; it is told with the grace of presence."""


def flapping(seed: int, day: date | None = None) -> Story:
    """About the limit: single hours over it, then an incident that is not let go, then one that begins again and again."""
    rng = Random(f"{seed}/alerts/flapping")
    start, hour = midnight(first_day(rng, day)), 6
    values: dict[int, tuple[float, float]] = {}
    states: list[tuple[int, What, int]] = []

    def spend(*bands: tuple[float, float]) -> None:
        nonlocal hour
        for band in bands:
            values[hour] = band
            hour += 1

    for _ in range(rng.randint(2, 5)):
        spend(_OVER, *([rng.choice([_KEPT, _UNDER])] * rng.randint(1, 2)))
    first = hour
    spend(_OVER, _OVER)
    states.append((first + 1, "opened", 1))
    for _ in range(rng.randint(2, 5)):
        spend(*([_KEPT] * rng.randint(1, 4)), _OVER)
    for _ in range(rng.randint(1, 4)):
        states.append((hour, "recovering", 1))
        spend(_UNDER, rng.choice([_OVER, _KEPT]))
        states.append((hour - 1, "fired again", 1))
    states += [(hour, "recovering", 1), (hour + 2, "resolved", 1)]
    spend(*([_UNDER] * rng.randint(3, 5)))
    # Within six hours of the end: the same incident.
    states += [(hour + 1, "reopened", 1)]
    spend(_OVER, _OVER, *([_OVER] * rng.randint(0, 3)))
    states += [(hour, "recovering", 1), (hour + 2, "resolved", 1)]
    spend(*([_UNDER] * rng.randint(8, 12)))
    second = hour
    spend(*([_OVER] * rng.randint(2, 4)))
    others: list[tuple[int, What, int]] = [
        (second + 1, "opened", 1),
        (hour, "recovering", 1),
        (hour + 2, "resolved", 1),
    ]
    spend(*([_UNDER] * 4))
    rows = [
        Row("hx-01", start + at * HOUR_MS, air(20.0, no2=round(rng.uniform(*values.get(at, _UNDER)), 1)))
        for at in range(1, hour)
    ]
    rows += [Row("hx-02", row.at, air(rng.uniform(*LEVELS[0]))) for row in rows]
    truth = (_at(start, first, states), _at(start, second, others))
    its = turns(rng, rows, Way(most=rng.choice([1, 3])), "air", "hour", city=False)
    stations = tuple(entry(one) for one in ("hx-01", "hx-02"))
    return Story("flapping at the threshold", seed, stations, (STATION_AQI,), its, (Stage(0, truth),))


def _at(start: int, since: int, states: list[tuple[int, What, int]], subject: str = "hx-01") -> Incident:
    its = ((start + hour * HOUR_MS, what, level) for hour, what, level in states)
    return incident(STATION_AQI, subject, start + since * HOUR_MS, *its)


def weekend(seed: int, day: date | None = None) -> Story:
    """Two stations fall silent on a Friday evening: of one an incident holds, of the other a polluted hour was its last. Silence
    ends the one and makes nothing of the other; on Monday the values say how it is. The silence is told by when they were heard,
    for the third station sends each hour."""
    rng = Random(f"{seed}/alerts/weekend")
    start = midnight(first_day(rng, day)) + 4 * 24 * HOUR_MS
    level, begins, silent = rng.randint(1, 4), rng.randint(12, 15), rng.randint(19, 23)
    back, dirty = 72 + rng.randint(6, 9), rng.randint(0, 3)
    end = back + dirty + 6
    levels: dict[str, dict[int, int]] = {"hx-01": {}, "hx-02": {}, "hx-03": {}}
    for hour in range(1, end + 1):
        is_silent = silent <= hour < back
        levels["hx-03"][hour] = 0
        if not is_silent:
            levels["hx-01"][hour] = level if begins <= hour < back + dirty else 0
            levels["hx-02"][hour] = level if hour in {silent - 1, back} else 0
    well = back + dirty
    truth = _at(
        start, begins, [(begins + 1, "opened", level), (well, "recovering", level), (well + 2, "resolved", level)]
    )
    rows = _rows(rng, start, levels)
    its = turns(rng, rows, Way(most=1, again=0.0), "air", "hour", city=False)
    heard = {name: [turn.at for turn in its if _is_heard(turn, name)] for name in levels}
    silences = [
        _silence(name, last, next_)
        for name, at in heard.items()
        for last, next_ in pairwise(at)
        if next_ - last > SILENT_H[0] * HOUR_MS + GRACE_MS
    ]
    stations = tuple(entry(one) for one in levels)
    rules, so = (STATION_AQI, STATION_SILENT), Stage(0, (truth, *silences))
    return Story("silent weekend", seed, stations, rules, its, (so,), of_receipt=(STATION_SILENT,))


def _is_heard(turn: Turn, station: str) -> bool:
    return any(f"/{station}/" in message.topic for message in turn.messages)


def _silence(station: str, last: int, heard: int) -> Incident:
    """Of a station that was heard at `last` and then at `heard` [ms], more than a day later."""
    opened, *raised = [last + hours * HOUR_MS + GRACE_MS for hours in SILENT_H]
    states: list[tuple[int, What, int]] = [(opened, "opened", 1)]
    states += [(at, "raised", level) for level, at in enumerate(raised, start=2)]
    return incident(STATION_SILENT, station, opened, *states, (heard, "resolved", len(SILENT_H)))


def _rows(rng: Random, start: int, levels: Mapping[str, Mapping[int, int]]) -> list[Row]:
    return [
        Row(station, start + hour * HOUR_MS, air(rng.uniform(*LEVELS[level])))
        for station, of_hour in levels.items()
        for hour, level in of_hour.items()
    ]


def late(seed: int, day: date | None = None) -> Story:
    """What comes a day later opens an incident that is over, moves the beginning of one, says that one never was, that one was
    never so severe, and makes one of two. A station for each, and one of which nothing changes."""
    rng = Random(f"{seed}/alerts/late")
    start, level, shift = midnight(first_day(rng, day)), rng.randint(1, 4), rng.randint(0, 3)
    higher = rng.randint(2, 4)
    live: dict[str, dict[int, int]] = {f"hx-{number:02}": dict.fromkeys(range(1, 31), 0) for number in range(1, 7)}
    after: dict[str, dict[int, int]] = {name: {} for name in live}
    before_of: dict[str, list[Incident]] = {name: [] for name in live}
    after_of: dict[str, list[Incident]] = {name: [] for name in live}
    also: dict[str, list[str]] = {name: [] for name in live}

    def dirty(name: str, hours: range, of: int) -> None:
        live[name].update(dict.fromkeys(hours, of))

    def told(name: str, first: int, until: int, of: int) -> Incident:
        return index_incident(STATION_AQI, name, start, [Plateau(first, of), Plateau(until, 0)])

    a, b = 8 + shift, 13 + shift
    for hour in range(a, b):
        del live["hx-01"][hour]
        after["hx-01"][hour] = level
    after_of["hx-01"] = [told("hx-01", a, b, level)]

    dirty("hx-02", range(a, b), level)
    del live["hx-02"][a - 1]
    after["hx-02"][a - 1] = level
    before_of["hx-02"], after_of["hx-02"] = [told("hx-02", a, b, level)], [told("hx-02", a - 1, b, level)]
    also["hx-02"] = ["corrected"]

    dirty("hx-03", range(a, b), level)
    after["hx-03"] = dict.fromkeys(range(a, b), 0)
    before_of["hx-03"], also["hx-03"] = [told("hx-03", a, b, level)], ["withdrawn"]

    dirty("hx-04", range(4, 8), level)
    dirty("hx-04", range(16, 21), level)
    after["hx-04"] = dict.fromkeys(range(8, 16), level)
    before_of["hx-04"] = [told("hx-04", 4, 8, level), told("hx-04", 16, 21, level)]
    after_of["hx-04"], also["hx-04"] = [told("hx-04", 4, 21, level)], ["joined", "corrected"]

    dirty("hx-05", range(a, b), higher)
    after["hx-05"] = dict.fromkeys(range(a, b), higher - 1)
    before_of["hx-05"], after_of["hx-05"] = [told("hx-05", a, b, higher)], [told("hx-05", a, b, higher - 1)]
    also["hx-05"] = ["corrected"]

    dirty("hx-06", range(a, b), level)
    before_of["hx-06"] = after_of["hx-06"] = [told("hx-06", a, b, level)]

    its = list(turns(rng, _rows(rng, start, live), IN_ORDER._replace(most=4), "air", "hour", city=False))
    stages = [Stage(0, tuple(one for of in before_of.values() for one in of))]
    now, changed = dict(before_of), [name for name in live if after[name]]
    rng.shuffle(changed)
    for name in changed:
        rows = _rows(rng, start, {name: after[name]})
        at = its[-1].at + 60_000
        messages = messages_of(rng, rows, IN_ORDER, "air", "hour")
        rng.shuffle(messages)
        its.append(Turn(at, tuple(messages), its[-1].seen, rng.choice(["", *UPSETS])))
        now[name] = after_of[name]
        stages.append(
            Stage(
                at,
                tuple(one for of in now.values() for one in of),
                tuple((STATION_AQI, name, what) for what in also[name]),
            )
        )
    stations = tuple(entry(one) for one in live)
    return Story("late upload", seed, stations, (STATION_AQI,), tuple(its), tuple(stages))


def restarts(seed: int, day: date | None = None) -> Story:
    """One station, hour by hour, through every state: pending, firing, acknowledged, raised, recovering, resolved. In each
    something becomes of the evaluator."""
    rng = Random(f"{seed}/alerts/restarts")
    start, level = midnight(first_day(rng, day)), rng.randint(1, 3)
    first = rng.randint(4, 8)
    rise, fall = first + rng.randint(4, 6), first + rng.randint(9, 12)
    end = fall + 4
    levels = {
        hour: 0 if hour < first or hour >= fall else level if hour < rise else level + 1 for hour in range(1, end)
    }
    plateaus = [Plateau(first, level), Plateau(rise, level + 1), Plateau(fall, 0)]
    rows = _rows(rng, start, {"hx-01": levels})
    its = turns(rng, rows, USUAL._replace(most=1), "air", "hour", city=True)
    known = Acknowledged(STATION_AQI, "hx-01")
    said = {start + (first + 2) * HOUR_MS: (known,), start + (rise + 2) * HOUR_MS: (known,)}
    order = rng.sample(UPSETS, len(UPSETS))
    upset = tuple(
        turn._replace(upset=order[number % len(order)], people=said.get(turn.seen["hx-01"], ()))
        for number, turn in enumerate(its)
    )
    truth = (
        index_incident(STATION_AQI, "hx-01", start, plateaus),
        index_incident(CITY_AQI, CITY, start, plateaus),
    )
    return Story("restart in each state", seed, (entry("hx-01"),), (STATION_AQI, CITY_AQI), upset, (Stage(0, truth),))


def levels_in_turn(seed: int, day: date | None = None) -> Story:
    """Stations whose index rises and falls through the levels, each in its own way; hours are missing, in calibration or late."""
    rng = Random(f"{seed}/alerts/levels")
    start, end = midnight(first_day(rng, day)), 60
    names = [f"hx-{number:02}" for number in range(1, rng.randint(3, 7))]
    rows: list[Row] = []
    truth: list[Incident] = []
    for name in names:
        hour, plateaus = rng.randint(8, 14), list[Plateau]()
        while hour < end - 14 and len(plateaus) < 5:
            last = plateaus[-1].level if plateaus else 0
            plateaus.append(Plateau(hour, rng.choice([level for level in range(1, 5) if level != last])))
            hour += rng.randint(5, 9)
        plateaus.append(Plateau(hour, 0))
        level_of = {
            at: [one.level for one in (Plateau(0, 0), *plateaus) if one.first <= at][-1] for at in range(1, end)
        }
        rows += with_gaps(rng, _rows(rng, start, {name: level_of}), inside(plateaus, end), start)
        truth.append(index_incident(STATION_AQI, name, start, plateaus))
    its = turns(rng, sorted(rows, key=lambda row: row.at), USUAL, "air", "hour", city=False)
    stations = tuple(entry(one) for one in names)
    return Story("through the levels", seed, stations, (STATION_AQI,), its, (Stage(0, tuple(truth)),))
