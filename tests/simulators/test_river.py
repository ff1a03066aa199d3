"""The simulated river: what is said of it is so (one seed one river, classes by construction, mass that is kept in any weather,
arrivals in order, service that ends a fouling), and what its stations send is what the contract takes."""

from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest

from processors.indicators.water_class import section_class
from processors.indicators.water_means import Sample, evaluated, mean
from sensors.families import CONTRACTS
from sensors.formats.native import decode
from sensors.instants import DAY_MS, HOUR_MS, to_datetime, to_millis
from sensors.quantities import OF_FAMILY
from sensors.topics import parse_topic
from simulators.city import ZONE
from simulators.river import (
    CYCLE_MS,
    Sampled,
    Scenario,
    Spill,
    added,
    arrivals,
    fouled,
    rains,
    river,
    river_history,
    samples,
    service,
    spills,
    true_class,
    true_values,
    way,
)

SECTIONS = [station.id for station in river()]
ITEMS = ("ph", "dissolved_oxygen", "codmn", "nh3_n", "total_phosphorus")
QUIET = Scenario(spills=())
DRY = Scenario(spills=(), rain=False)
SPILL = Spill(1_780_000_000_000, "lt-01", "nh3_n", 200.0, 10)


def of_month(seed: int, section: str, month: int, scenario: Scenario = QUIET) -> list[Sampled]:
    first = date(2026, month, 1)
    days = [first + timedelta(days=number) for number in range(31) if (first + timedelta(days=number)).month == month]
    return [one for day in days for one in samples(seed, section, day, scenario)]


def judged(section: str, cycles: list[dict[str, float]]) -> tuple[int | None, tuple[str, ...]]:
    kind = next(station.water_body or "river" for station in river() if station.id == section)
    means = {code: mean(code, [Sample(Fraction(repr(one[code]))) for one in cycles]) for code in ITEMS}
    found = section_class(evaluated(means), kind)
    return found.cls, found.worst


def test_a_seed_is_one_river_and_a_day_is_made_alone() -> None:
    day = date(2026, 5, 14)
    assert samples(7, "lt-02", day) == samples(7, "lt-02", day)
    assert samples(7, "lt-02", day) != samples(8, "lt-02", day)
    assert spills(7, 2026) == spills(7, 2026)
    ends = [one.at for one in samples(7, "lt-02", day)] + [
        one.at for one in samples(7, "lt-02", day + timedelta(days=1))
    ]
    assert [after - before for before, after in pairwise(ends)] == [CYCLE_MS] * 11


@pytest.mark.parametrize("section", SECTIONS)
def test_a_month_without_a_spill_has_the_class_it_was_made_with(section: str) -> None:
    for seed in (1, 7, 23):
        for month in range(1, 13):
            good = [dict(one.values) for one in of_month(seed, section, month) if one.state == "normal"]
            assert judged(section, good) == true_class(section), (seed, month)


def test_a_month_that_a_spill_passed_has_the_class_of_what_was_in_the_water() -> None:
    at = to_millis(datetime(2026, 5, 10, 6, tzinfo=ZONE))
    # 3,000 kg in 20 h at 2.4 m³/s are 17.4 mg/L; 20 of 744 h of that raise the month's mean by 0.47 mg/L, over Ⅳ's 1.5.
    scenario = Scenario(spills=(Spill(at, "lt-02", "nh3_n", 3_000.0, 20),))
    sent = [dict(one.values) for one in of_month(1, "lt-02", 5, scenario) if one.state == "normal"]
    true = [true_values(1, "lt-02", one.at, scenario) for one in of_month(1, "lt-02", 5)]
    assert judged("lt-02", sent) == judged("lt-02", true) == (5, ("nh3_n",))


@pytest.mark.parametrize("seed", [1, 5])
def test_no_more_of_a_spill_passes_a_section_than_was_let_in_in_any_weather(seed: int) -> None:
    step = HOUR_MS // 12
    strongest = max(rains(seed, 2026), key=lambda rain: rain.strength)
    for begins in (SPILL.at, strongest.at + 3 * HOUR_MS):
        spill = SPILL._replace(at=begins)
        scenario = Scenario(spills=(spill,))
        for section in ("lt-01", "lt-02", "lt-04", "lt-05"):
            grams = 0.0
            for at in range(begins, begins + 96 * HOUR_MS, step):
                there = true_values(seed, section, at, scenario)
                more = there["nh3_n"] - true_values(seed, section, at, QUIET)["nh3_n"]
                # [mg/L] × [m³/s] is [g/s].
                grams += more * there["flow"] * step / 1_000
            assert grams == pytest.approx(1_000 * spill.mass_kg, rel=0.03), (section, begins)


def test_rain_thins_a_spill() -> None:
    strongest = max(rains(1, 2026), key=lambda rain: rain.strength)
    spill = SPILL._replace(at=strongest.at)
    wet, dry = arrivals(1, spill), arrivals(1, spill, Scenario(rain=False))
    assert [one.section for one in wet] == [one.section for one in dry]
    assert wet[0].added < dry[0].added / 1.5


def test_a_spill_arrives_later_and_thinner_further_down_and_nowhere_else() -> None:
    found = arrivals(1, SPILL, DRY)
    assert [one.section for one in found] == ["lt-01", "lt-02", "lt-04", "lt-05"]
    assert all(before.peak < after.peak and before.added > after.added for before, after in pairwise(found))
    gone = way("lt-01", "lt-05")
    assert gone is not None
    assert abs((found[-1].peak - found[0].peak) / HOUR_MS - gone[1]) < 6
    assert way("lt-01", "lt-03") is None
    assert added(SPILL, "lt-03", found[1].peak, 1.0) == added(SPILL, "lt-02", SPILL.at - 1, 1.0) == 0


def test_a_spill_of_the_old_year_is_felt_in_the_new_one() -> None:
    late = [
        (seed, spill, one)
        for seed in range(400)
        for spill in spills(seed, 2025)
        if spill.at > to_millis(datetime(2025, 12, 30, tzinfo=ZONE))
        for one in arrivals(seed, spill)
        if one.peak > to_millis(datetime(2026, 1, 1, tzinfo=ZONE))
    ]
    seed, spill, one = late[0]
    usual, without = true_values(seed, one.section, one.peak), true_values(seed, one.section, one.peak, QUIET)
    assert usual[spill.code] - without[spill.code] == pytest.approx(one.added)


def test_events_can_be_left_out_or_given() -> None:
    at = arrivals(1, SPILL)[1].peak
    without = true_values(1, "lt-02", at, QUIET)
    assert true_values(1, "lt-02", at, Scenario(spills=(SPILL,)))["nh3_n"] == pytest.approx(
        without["nh3_n"] + added(SPILL, "lt-02", at, without["flow"])
    )
    assert all(one.state == "normal" for one in of_month(1, "lt-01", 1, Scenario(maintenance=False)))


def test_a_station_is_cleaned_and_calibrated_by_day_every_two_weeks() -> None:
    year = [one for number in range(365) for one in samples(1, "lt-01", date(2026, 1, 1) + timedelta(days=number))]
    served = [(to_datetime(one.at, ZONE), one.state) for one in year if one.state != "normal"]
    cleaned = [at for at, state in served if state == "maintenance"]
    assert {(at.hour, state) for at, state in served} == {(12, "maintenance"), (16, "calibration")}
    assert 25 <= len(cleaned) <= 27
    assert len(served) == 2 * len(cleaned)
    assert all(12 <= (after - before).days <= 16 for before, after in pairwise(cleaned))


def test_what_has_fouled_is_clean_after_the_service_and_never_before_it() -> None:
    start, fouled_spans = to_millis(datetime(2026, 1, 1, tzinfo=ZONE)), 0
    for section in SECTIONS:
        before = None
        for at in range(start, start + 365 * DAY_MS, CYCLE_MS):
            now = fouled(3, section, at)
            served = service(3, section, at) != service(3, section, at - CYCLE_MS)
            if before is not None and not served:
                assert now is not None
                assert now.code == before.code
                assert abs(now.share) > abs(before.share)
            if served:
                assert now is None
                fouled_spans += before is not None
            before = now
    assert 10 < fouled_spans < 40


def test_what_is_sent_is_what_the_contract_takes() -> None:
    start = date(2026, 1, 1)
    end = to_millis(datetime(2026, 1, 18, tzinfo=ZONE))
    sent = list(river_history(1, start, end))
    assert len(sent) == 17 * len(SECTIONS)
    states = set()
    for message in sent:
        address = parse_topic(message.topic)
        assert (address.family, address.period) == ("water", "raw")
        for record in decode(message.payload):
            judged_record = CONTRACTS["water"].judge(record, address.station, end, 400 * DAY_MS)
            assert not judged_record.refusals
            assert judged_record.observed_at <= end
            states |= {doubt.flag for doubt in judged_record.doubtful.values()}
            for code, value in judged_record.values.items():
                assert OF_FAMILY["water"][code].low <= value <= OF_FAMILY["water"][code].high
    assert states == {"maintenance", "calibration"}
