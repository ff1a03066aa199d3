"""The simulated river: what is said of it is so (one seed one river, classes by construction, mass that is kept, arrivals in
order), and what its stations send is what the contract takes."""

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest

from processors.indicators.water_class import section_class
from processors.indicators.water_means import Sample, evaluated, mean
from sensors.families import CONTRACTS
from sensors.formats.native import decode
from sensors.instants import DAY_MS, HOUR_MS
from sensors.quantities import OF_FAMILY
from sensors.topics import parse_topic
from simulators.river import (
    CYCLE_MS,
    Sampled,
    Scenario,
    Spill,
    added,
    arrivals,
    river,
    river_history,
    samples,
    spills,
    true_class,
    true_values,
    way,
)

SECTIONS = [station.id for station in river()]
ITEMS = ("ph", "dissolved_oxygen", "codmn", "nh3_n", "total_phosphorus")
QUIET = Scenario(spills=())
SPILL = Spill(1_780_000_000_000, "lt-01", "nh3_n", 200.0, 10)


def of_month(seed: int, section: str, month: int) -> list[Sampled]:
    first = date(2026, month, 1)
    days = [first + timedelta(days=number) for number in range(31) if (first + timedelta(days=number)).month == month]
    return [one for day in days for one in samples(seed, section, day, QUIET)]


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
    kind = next(station.water_body or "river" for station in river() if station.id == section)
    for seed, month in ((1, 1), (1, 7), (2, 4), (3, 6), (4, 8), (5, 10)):
        good = [one.values for one in of_month(seed, section, month) if one.state == "normal"]
        values = {code: mean(code, [Sample(Fraction(repr(one[code]))) for one in good]) for code in ITEMS}
        found = section_class(evaluated(values), kind)
        assert (found.cls, found.worst) == true_class(section), (seed, month, {k: float(v) for k, v in values.items()})


def test_the_mass_of_a_spill_passes_every_section_below() -> None:
    step = HOUR_MS // 12
    for one in arrivals(SPILL):
        flow = true_values(1, one.section, SPILL.at, Scenario(spills=(), rain=False))["flow"]
        nominal = {"lt-01": 1.6, "lt-02": 2.4, "lt-04": 4.2, "lt-05": 6.0}[one.section]
        assert abs(flow - nominal) < 0.2 * nominal
        grams = sum(
            added(SPILL, one.section, at) * nominal * step / 1_000
            for at in range(SPILL.at, SPILL.at + 96 * HOUR_MS, step)
        )
        assert grams == pytest.approx(1_000 * SPILL.mass_kg, rel=0.03), one.section


def test_a_spill_arrives_later_and_thinner_further_down_and_nowhere_else() -> None:
    found = arrivals(SPILL)
    assert [one.section for one in found] == ["lt-01", "lt-02", "lt-04", "lt-05"]
    assert all(before.peak < after.peak and before.added > after.added for before, after in pairwise(found))
    gone = way("lt-01", "lt-05")
    assert gone is not None
    assert abs((found[-1].peak - found[0].peak) / HOUR_MS - gone[1]) < 6
    assert way("lt-01", "lt-03") is None
    assert added(SPILL, "lt-03", found[1].peak) == added(SPILL, "lt-02", SPILL.at - 1) == 0


def test_events_can_be_left_out_or_given() -> None:
    at = arrivals(SPILL)[1].peak
    without = true_values(1, "lt-02", at, QUIET)
    assert true_values(1, "lt-02", at, Scenario(spills=(SPILL,)))["nh3_n"] == pytest.approx(
        without["nh3_n"] + added(SPILL, "lt-02", at)
    )
    year = [one for number in range(365) for one in samples(1, "lt-01", date(2026, 1, 1) + timedelta(days=number))]
    maintained = [one for one in year if one.state == "maintenance"]
    assert 20 <= len(maintained) <= 28
    assert all(one.state == "normal" for one in samples(1, "lt-01", date(2026, 1, 1), Scenario(maintenance=False)))


def test_what_is_sent_is_what_the_contract_takes() -> None:
    end = 1_767_196_800_000 + 3 * DAY_MS
    sent = list(river_history(1, date(2026, 1, 1), end))
    assert len(sent) == 3 * len(SECTIONS)
    states = set()
    for message in sent:
        address = parse_topic(message.topic)
        assert (address.family, address.period) == ("water", "raw")
        for record in decode(message.payload):
            judged = CONTRACTS["water"].judge(record, address.station, end, 400 * DAY_MS)
            assert not judged.refusals
            assert judged.observed_at <= end
            states |= {doubt.flag for doubt in judged.doubtful.values()}
            for code, value in judged.values.items():
                assert OF_FAMILY["water"][code].low <= value <= OF_FAMILY["water"][code].high
    assert states <= {"maintenance"}
