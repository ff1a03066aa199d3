"""Commands of energy over books that the runner filled from simulated buildings: use, load, losses, anomalies, explain."""

import asyncio
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sensors.formats.native import decode
from sensors.instants import to_millis
from sensors.reading import Reading
from sensors.stations import load_registry
from sensors.topics import parse_topic
from simulators.buildings import FAULTS, buildings_history, meters, meters_registry_text, true_loss, true_use
from simulators.city import ZONE
from tests.processors.meters import Meters
from tests.programs import Asked

SEED, FIRST, LAST = 3, date(2026, 3, 1), date(2026, 6, 1)
HOLIDAYS = ("--holiday", "2026-05-01", "--holiday", "2026-05-02", "--holiday", "2026-05-03")


def at(day: date) -> int:
    return to_millis(datetime(day.year, day.month, day.day, tzinfo=ZONE))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quarter of a year of the simulated buildings."""
    folder = tmp_path_factory.mktemp("buildings")
    asyncio.run(_fill(folder))
    return folder


async def _fill(folder: Path) -> None:
    world = Meters(folder)
    world.world.books.register(load_registry(meters_registry_text(SEED, LAST), "made"), who="test", now=0)
    readings = []
    for message in buildings_history(SEED, FIRST, at(LAST)):
        address = parse_topic(message.topic)
        for record in decode(message.payload):
            one: Any = record
            readings.append(Reading("energy", address.station, "raw", one["at"], at(LAST), dict(one["values"])))
    await world.write(readings)
    await world.compute(LAST, 12)
    await world.world.store.close()
    world.world.books.close()


@pytest.fixture(scope="module")
def asked(filled: Path) -> Asked:
    return Asked(filled)


def test_use_of_a_month_is_what_the_buildings_used(asked: Asked) -> None:
    rows = {row["scope"]: row for row in asked.json("energy", "use", "2026-04")}
    span = at(date(2026, 4, 1)), at(date(2026, 5, 1))
    mains = ("office", "school", "hospital", "dwellings", "hall")
    whole = sum(true_use(SEED, name, "electricity", *span) for name in mains)
    assert rows["city"]["electricity_kwh"] == float(round(whole, 3)), "without the sub-meters"
    assert rows["meter:hospital-water"]["water_m3"] == float(true_use(SEED, "hospital-water", "water_use", *span))
    assert rows["meter:hospital-water"]["tce"] is rows["meter:hospital-water"]["co2_t"] is None
    assert rows["meter:hospital-heat"]["co2_t"] is None, "heat has no factor, and none is no zero"
    assert "no CO2 factor of heat" in rows["meter:hospital-heat"]["sentence"]
    self_use = [true_use(SEED, "dwellings", code, *span) for code in ("generation", "exported")]
    assert rows["meter:dwellings"]["self_use_kwh"] == float(round(self_use[0] - self_use[1], 3))
    assert rows["city"]["grid_factor"] == "0.5306 of 2023, the latest factor by then, national"
    assert {row["status"] for row in rows.values()} == {"stated"}
    assert "当量值" in asked("energy", "use", "2026-04", "--scope", "city")
    assert "office" in asked("energy", "use", "2026-04-09", "--scope", "meter:office")
    assert "district:gaoxin" in asked("energy", "use", "2026-04", "--scope", "district:none", expect=2)
    assert "is no period" in asked("energy", "use", "April", expect=2)
    listed = asked.json("indicators", "--code", "energy_use")
    assert {row["period"] for row in listed if row["scope"] == "city"} >= {"2026-03", "2026-04", "2026-Q2", "2026"}


def test_losses_are_those_that_were_made(asked: Asked) -> None:
    [april] = [row for row in asked.json("energy", "losses", "2026-04") if row["quantity"] == "electricity"]
    lost = true_loss("office", at(date(2026, 4, 1)), at(date(2026, 5, 1)))
    assert (april["meter"], april["loss"], april["status"]) == ("office", float(lost), "stated")
    assert (april["days"], april["of"]) == (30, 30)


def test_the_load_of_a_day_says_when_it_was_greatest_and_where_it_was_silent(asked: Asked) -> None:
    day = date(2026, 4, FAULTS.silent.day)
    span = ("--from", day.isoformat(), "--to", date(2026, 4, FAULTS.silent.day + 1).isoformat())
    rows = asked.json("energy", "load", "office-light", *span, "--minutes", "60")
    assert len(rows) == 24
    total = true_use(SEED, "office-light", "electricity", at(day), at(date(2026, 4, day.day + 1)))
    assert abs(sum(row["amount"] for row in rows) - float(total)) < 0.01
    silent = [row["apportioned_percent"] for row in rows[: FAULTS.silent.first + FAULTS.silent.hours]]
    assert silent == [100.0] * len(silent), "bridged by the next count, and shared out"
    assert {row["period"] for row in rows} == {"peak", "flat", "valley"}
    said = asked("energy", "load", "office-light", *span, "--minutes", "60")
    assert "maximum demand" in said
    assert "not a published one" in said, "the times of use say that they are an example"
    assert "no maximum demand" in asked("energy", "load", "office-light", *span)
    assert len(asked.json("energy", "load", "office-light", *span, "--minutes", "60", "--duration")) == 18
    assert "is not an energy station" in asked("energy", "load", "lt-01", *span, expect=2)
    assert "nothing that is used" in asked("energy", "load", "office", *span, "--quantity", "steam", expect=2)
    assert "is not after" in asked("energy", "load", "office", "--from", "2026-04-02", "--to", "2026-04-01", expect=2)


def test_a_day_with_something_left_on_is_an_anomaly(asked: Asked) -> None:
    left_on = asked.json("energy", "anomalies", "--from", "2026-04-13", "--to", "2026-04-20", "--meter", "office-hvac")
    assert [row["day"] for row in left_on] == [f"2026-04-{FAULTS.anomaly.day}"]
    assert left_on[0]["used"] > left_on[0]["high"] > left_on[0]["expected"]
    found = asked.json(
        "energy", "anomalies", "--from", "2026-05-15", "--to", "2026-05-20", "--meter", "school", *HOLIDAYS
    )
    assert found == [], "of a school where nothing happened"
    every = asked.json(
        "energy", "anomalies", "--from", "2026-05-15", "--to", "2026-05-20", "--meter", "school", "--all"
    )
    assert len(every) == 6
    assert {"temperature is not known" in row["like"] for row in every} == {True}
    holiday = asked.json("energy", "anomalies", "--from", "2026-05-01", "--to", "2026-05-01", "--meter", "school")
    assert [row["anomaly"] for row in holiday] == [True], "a Friday as quiet as a Sunday, where nobody said why"
    kept = asked.json(
        "energy", "anomalies", "--from", "2026-05-01", "--to", "2026-05-01", "--meter", "school", *HOLIDAYS
    )
    assert kept == []
    assert "is before --from" in asked("energy", "anomalies", "--from", "2026-05-02", "--to", "2026-05-01", expect=2)
    assert "is not a day" in asked("energy", "anomalies", "--from", "May", "--to", "2026-05-01", expect=2)


def test_explain_goes_from_the_city_to_a_reading_and_its_message(asked: Asked) -> None:
    city = asked.json("explain", "energy_use", "2026-04")
    assert set(city["meters"]) == {one.id for one in meters() if one.main_meter is None}
    assert any(one["document"].startswith("公告2025年第47号") for one in city["clauses"])
    month = asked.json("explain", "energy_use", "2026-05", "--meter", FAULTS.replaced.meter)
    assert len(month["days"]) == 31
    # It was replaced at a count: what each of both meters used is counted, and no minute is lost.
    assert month["how"] == ["counted"]
    assert {day["covered"][0] == day["covered"][1] for day in month["days"]} == {True}
    day = asked.json("explain", "energy_use", "2026-04-21", "--meter", FAULTS.late.meter)
    assert day["same_when_computed_again"]
    pieces = [one for one in day["pieces"] if one["quantity"] == "electricity"]
    assert sum(Fraction(one["of_this_day"]) for one in pieces) == Fraction(day["used"][0]["exact"])
    assert len(day["readings"]) == 25, "24 of the day, and the one before it"
    assert day["readings"][0]["at"].startswith("2026-04-21T00:00")
    assert "electricity_counter" in asked("explain", "energy_use", "2026-04-21", "--meter", "hospital")
    assert "no energy station" in asked("explain", "energy_use", "2026-04-21", "--meter", "none", expect=2)
    assert "--meter" in asked("explain", "energy_use", "2026-04-21", expect=2)
    assert "has no meters" in asked("explain", "good_air_days", "2026", "--meter", "office", expect=2)


def test_a_day_is_drawn_and_one_without_readings_is_not(asked: Asked, tmp_path: Path) -> None:
    for name in ("load.png", "load.svg"):
        asked("picture", "load", "office-light", "2026-04-09", "--minutes", "60", "--out", str(tmp_path / name))
        assert (tmp_path / name).stat().st_size > 5_000
    svg = (tmp_path / "load.svg").read_text("utf-8")
    assert 'id="bar-23"' in svg
    assert "maximum demand" in svg
    nothing = ("picture", "load", "office-light", "2027-04-09", "--out", str(tmp_path / "x.png"))
    assert "nothing was measured whole" in asked(*nothing, expect=2)
    assert "is no energy station" in asked("picture", "load", "none", "2026-04-09", "--out", "x.png", expect=2)
    assert "is no day" in asked("picture", "load", "office", "April", "--out", "x.png", expect=2)


def test_settings_that_name_no_factor_or_no_table_are_refused(asked: Asked, tmp_path: Path) -> None:
    span = ("energy", "load", "office", "--from", "2026-04-01", "--to", "2026-04-02")
    assert "there are chongqing" in asked(*span, expect=2, CITYFLUX_ENERGY_GRID_PLACE="atlantis")
    assert "energy_time_of_use" in asked(*span, expect=2, CITYFLUX_ENERGY_TIME_OF_USE=str(tmp_path / "none.toml"))
    table = tmp_path / "tariff.toml"
    table.write_text(
        'name = "city"\ndocument = "our own"\nmark = "1 source"\n[[table]]\nfrom = 2026-01-01\nflat = ["00:00-24:00"]\n',
        "utf-8",
    )
    assert "times of use: city, our own" in asked(*span, CITYFLUX_ENERGY_TIME_OF_USE=str(table))
    for command in ("load", "use", "losses", "anomalies"):
        assert "Example: " in " ".join(asked("energy", command, "--help").split()), command
