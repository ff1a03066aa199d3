"""A city of air and water in March 2026, computed by the real runner over real books, with what an export must not let out."""

import asyncio
import random
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

from processors.windows import day_bounds, days_between, period_bounds
from sensors.instants import HOUR_MS
from sensors.reading import Doubt, Reading
from sensors.stations import Station
from store.intervals import Interval, Intervals
from store.judgements import Judgements
from store.records import Record, Records
from store.reviews import Decision, Reviews
from tests.processors.river import CLEAN as CLEAN_WATER
from tests.processors.river import River
from tests.processors.world import ZONE

MONTH = "2026-03"
DAYS = days_between(date(2026, 3, 1), date(2026, 3, 31))
SECRETS = ("MN-SECRET-0001", "alice-the-clerk", "mallory-reviewed", "between-us", "preliminary-note")
_DECIDED: Mapping[str, Decision] = {"city": "accept", "station:hx-03": "reject"}
FORMULA = '=HYPERLINK("http://x","梁滩河")'


def hourly(day: date, hour: int, station: str) -> dict[str, float]:
    """Values that differ by hour and station, on the 5th and 6th polluted."""
    chance = random.Random(f"{day} {hour} {station}")
    high = 90 if day.day in {5, 6} else 18
    return {
        "pm2_5": round(high + 10 * chance.random(), 3), "pm10": round(high + 30 * chance.random(), 3),
        "so2": round(5 * chance.random(), 3), "no2": round(20 + chance.random(), 3),
        "co": round(0.1 + chance.random(), 3), "o3": round(60 + 20 * chance.random(), 3),
    }  # fmt: skip


def readings() -> list[Reading]:
    """The hours of March: hx-04 is silent on the 10th, hx-01 has a fault on the 3rd; hx-05 is a background station."""
    found = []
    for day in DAYS:
        start = day_bounds(day, ZONE)[0]
        for station in ("hx-01", "hx-02", "hx-03", "hx-04", "hx-05"):
            if station == "hx-04" and day.day == 10:
                continue
            for hour in range(24):
                values = hourly(day, hour, station)
                doubtful: Mapping[str, Doubt] = {}
                if (station, day.day, hour) == ("hx-01", 3, 7):
                    doubtful = {"o3": Doubt("fault", 999.5), "so2": Doubt("withdrawn", 4.25)}
                    values = {code: value for code, value in values.items() if code not in doubtful}
                end = start + (hour + 1) * HOUR_MS
                found.append(Reading("air", station, "hour", end, end + 60_000, values, doubtful))
    return found


async def fill(folder: Path) -> None:
    """Readings, registry, figures, reviews and an interval, computed as of 2 April."""
    river = River(folder)
    world = river.world
    world.go_to(date(2026, 4, 2), 2)
    moved = [
        _station("hx-06", active_to="2026-03-11T00:00:00+08:00", longitude=106.5, latitude=29.5),
        _station("hx-06", active_from="2026-03-12T00:00:00+08:00", longitude=106.25, latitude=29.625),
    ]
    world.books.register([*moved, _station("hx-01", device=SECRETS[0])], who=SECRETS[1], now=0)
    river.section("lt-01", river="liangtan", name_zh=FORMULA, longitude=106.375, latitude=29.5)
    river.section("lt-02", river="liangtan", name_zh="梁滩河,二\n'桥'")
    await river.samples("lt-01", date(2026, 3, 1), 31, {**CLEAN_WATER, "nh3_n": 1.6})
    below = {"mercury": Doubt("below_detection", 0.00004)}
    await river.samples("lt-02", date(2026, 3, 1), 31, CLEAN_WATER, doubtful=below)
    await world.store.write(readings())
    for number, day in enumerate(DAYS):
        # Marks them as settling does: all hours of the stations.
        start = day_bounds(day, ZONE)[0] // HOUR_MS
        changed = {("air", "hour", start + hour): [f"hx-0{n}" for n in range(1, 6)] for hour in range(24)}
        world.books.settle(
            "opendata", number + 1, registry_version=world.books.registry().version, now=world.now, letters=(),
            changed=changed, unknown={},
        )  # fmt: skip
    # Of hx-06 hours on both sides of the day in which nobody holds it in service.
    gone = [
        Reading("air", "hx-06", "hour", day_bounds(date(2026, 3, n), ZONE)[1], world.now, {"pm2_5": float(n)})
        for n in (10, 11, 12)
    ]
    await world.store.write(gone)
    records = Records(world.books)
    figure = Record("forest_cover", "city", "2026", Decimal("46.10"), "%", "=公报 2026", "2026-03-20", SECRETS[4])

    def enter(value: str, reason: str) -> None:
        for year in ("2025", "2026"):
            ends = period_bounds(year, ZONE)[1] // HOUR_MS - 1
            its = figure._replace(period=year, value=Decimal(value), reason=reason)
            records.add(its, who=SECRETS[1], now=world.now, ends=ends)

    enter("46.10", "")
    await river.compute()
    enter("46.25", SECRETS[3])
    start = day_bounds(date(2026, 3, 20), ZONE)[0]
    held = Interval("air", "hx-02", "no2", start, start + 2 * HOUR_MS, "calibration", SECRETS[3])
    Intervals(world.books).add(held, period="hour", who=SECRETS[1], now=world.now)
    await river.compute()
    judgements = Judgements(world.books)
    fifth = judgements.latest("air_daily_aqi", first="2026-03-05", last="2026-03-05")
    reviews = Reviews(world.books)
    reviews.move(fifth, "final", who=SECRETS[2], why=SECRETS[3], now=world.now)
    # What the fifth would become is proposed: for the city accepted, for the station rejected, for the district not decided.
    start = day_bounds(date(2026, 3, 5), ZONE)[0]
    held = Interval("air", "hx-03", "pm2_5", start, start + 2 * HOUR_MS, "maintenance", SECRETS[3])
    Intervals(world.books).add(held, period="hour", who=SECRETS[1], now=world.now)
    await river.compute()
    proposed = {one.judgement.key.scope: one.id for one in reviews.proposals()}
    assert sorted(proposed) == ["city", "district:gaoxin", "station:hx-03"]
    for scope, decision in _DECIDED.items():
        reviews.decide(proposed[scope], decision, who=SECRETS[2], why=SECRETS[3], now=world.now, window=None)
    await world.store.close()
    world.books.close()


def _station(name: str, **changes: object) -> Station:
    usual = {"id": name, "family": "air", "name_zh": name, "district": "gaoxin", "kind": "assessment"}
    return Station.model_validate({**usual, **changes})


def filled(folder: Path) -> Path:
    """The city's data folder."""
    folder.mkdir()
    asyncio.run(fill(folder))
    return folder
