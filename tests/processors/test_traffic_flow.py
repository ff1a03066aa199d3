"""Flow, passenger car units, peak hour, saturation, congestion: by hand, by properties, and over two days of real toll gates."""

import csv
import gzip
from collections import Counter
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.indicators.traffic_flow import (
    Flow,
    Vehicles,
    congestion,
    flows,
    level_of_service,
    network_tpi,
    peak_hour,
    saturation,
)
from processors.standards.tables import UnknownStandardError
from processors.standards.traffic import traffic_tables
from sensors.instants import HOUR_MS, MINUTE_MS, to_millis
from tests.programs import real_data

DESIGN = traffic_tables().scheme("JTG-B01-2014-design")
SURVEY = traffic_tables().scheme("traffic-survey")


def test_a_truck_is_what_the_scheme_says() -> None:
    passed = [Vehicles(1, "car", 10), Vehicles(2, "large", 4), Vehicles(3, "bicycle"), Vehicles(4, None, 2)]
    [design] = flows(passed, DESIGN, 0, HOUR_MS, 60)
    [survey] = flows(passed, SURVEY, 0, HOUR_MS, 60)
    assert (design.vehicles, design.pcu, design.without_pcu) == (17, Fraction(20), 3)
    assert survey.pcu == 22
    with pytest.raises(UnknownStandardError, match="JTG-B01-2014-design"):
        traffic_tables().scheme("JTG-B01-2014")


def test_an_interval_holds_what_passed_up_to_its_end() -> None:
    width = 15 * MINUTE_MS
    passed = [Vehicles(at, "car") for at in (0, 1, width, width + 1, 4 * width, 4 * width + 1)]
    found = flows(passed, DESIGN, 0, 4 * width, 15)
    assert [flow.vehicles for flow in found] == [2, 1, 0, 1], "nothing at 0, and nothing after the end"
    assert found[0].pcu_per_hour == 8
    with pytest.raises(ValueError, match="no whole number of intervals"):
        flows([], DESIGN, 0, HOUR_MS + 1, 15)


def test_the_peak_hour_and_its_factor() -> None:
    quarters = [
        Flow(n * 900_000, (n + 1) * 900_000, 0, Fraction(pcu), 0) for n, pcu in enumerate((10, 40, 30, 20, 30, 0))
    ]
    found = peak_hour(quarters)
    assert found is not None
    assert (found.start, found.pcu, found.factor) == (900_000, Fraction(120), Fraction(3, 4))
    assert peak_hour([flow._replace(pcu=Fraction(0)) for flow in quarters]) is None
    assert peak_hour(quarters[:3]) is None
    with pytest.raises(ValueError, match="consecutive quarter hours"):
        peak_hour(quarters[:2] + quarters[3:])


@given(st.lists(st.integers(0, 500), min_size=4, max_size=40))
def test_a_peak_hour_factor_lies_between_a_quarter_and_one(counts: list[int]) -> None:
    quarters = [Flow(n * 900_000, (n + 1) * 900_000, 0, Fraction(pcu), 0) for n, pcu in enumerate(counts)]
    found = peak_hour(quarters)
    if found is not None:
        assert Fraction(1, 4) <= found.factor <= 1
        assert found.pcu == max(sum(counts[n : n + 4]) for n in range(len(counts) - 3))


@pytest.mark.parametrize(
    ("ratio", "level"), [("0.35", 1), ("0.351", 2), ("0.75", 3), ("0.9", 4), ("1", 5), ("1.01", 6), ("3", 6)]
)
def test_levels_of_service(ratio: str, level: int) -> None:
    assert level_of_service(Fraction(ratio)) == level
    assert level_of_service(Fraction(ratio), Fraction("0.5")) == level
    assert level_of_service(Fraction(ratio), Fraction("0.49")) == 6, "a jam through which little passes is not free"


def test_saturation_and_congestion() -> None:
    assert saturation(Fraction(3000), Decimal(4000)) == Fraction(3, 4)
    with pytest.raises(ValueError, match="of 0 pcu/h"):
        saturation(Fraction(1), Decimal(0))
    assert congestion(Fraction("1.2")).zh == "畅通"
    assert congestion(Fraction("2.2")).zh == "严重拥堵"


def test_the_index_of_a_network() -> None:
    def of(percent: str) -> Fraction:
        return network_tpi({"arterial": Fraction(percent) / 100}, {"arterial": Fraction(1)})

    assert [of(percent) for percent in ("0", "2", "4", "9.5", "14", "24", "60")] == [0, 1, 2, 5, 8, 10, 10]
    weighted = network_tpi(
        {"expressway": Fraction(0), "arterial": Fraction("0.08")}, {"expressway": Fraction(3), "arterial": Fraction(1)}
    )
    assert weighted == 1
    with pytest.raises(ValueError, match="vehicle kilometres"):
        network_tpi({"arterial": Fraction(0)}, {})


def test_two_days_of_toll_gates_are_what_the_file_says() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    with gzip.open(real_data("traffic/tollgates_*.csv.gz"), "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    start = to_millis(datetime(2016, 10, 18, tzinfo=zone))
    by_gate: dict[str, list[Vehicles]] = {}
    by_hour: Counter[tuple[str, int]] = Counter()
    for row in rows:
        moment = datetime.strptime(row["time"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone)
        gate, at = f"{row['tollgate_id']}-{row['direction']}", to_millis(moment)
        by_gate.setdefault(gate, []).append(Vehicles(at, "car"))
        # By the clock alone: the hour in which it passed, its last instant that of the next one.
        by_hour[gate, -(-(at - start) // HOUR_MS) - 1] += 1
    assert len(rows) == 36_550
    total = 0
    for gate, passed in by_gate.items():
        # From an hour before: two vehicles passed at midnight sharp.
        found = flows(passed, DESIGN, start - HOUR_MS, start + 48 * HOUR_MS, 60)
        assert {n - 1: flow.vehicles for n, flow in enumerate(found) if flow.vehicles} == {
            n: count for (name, n), count in by_hour.items() if name == gate
        }
        assert sum(flow.vehicles for flow in flows(passed, DESIGN, start - HOUR_MS, start + 48 * HOUR_MS, 5)) == len(
            passed
        )
        total += sum(flow.vehicles for flow in found)
    assert total == 36_550
