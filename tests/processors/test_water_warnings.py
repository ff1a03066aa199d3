"""Early warnings by hand-made cycles: two in a row, gaps, limits, what is usual, rain, travel times, pulses on their way."""

from collections.abc import Callable, Sequence
from math import exp
from random import Random

import pytest

from processors.water.warning.exceedance import class_drops, exceedances, usual_classes
from processors.water.warning.pulses import Announced, announced
from processors.water.warning.rules import warning_rules
from processors.water.warning.runs import Cycle, Warned, runs
from processors.water.warning.sudden import JUDGED_DAYS, scores, sudden_changes
from processors.water.warning.travel import NoEstimate, Reach, configured, estimated
from sensors.instants import HOUR_MS

RULES = warning_rules()
CYCLE = 4 * HOUR_MS
START = 1_780_000_000_000 - 1_780_000_000_000 % (24 * HOUR_MS)
CLEAN = {"ph": 7.5, "dissolved_oxygen": 8.0, "codmn": 3.0, "nh3_n": 0.3, "total_phosphorus": 0.08}


def at(number: int) -> int:
    return START + number * CYCLE


def cycles(count: int, of: Callable[[int], dict[str, float]]) -> list[Cycle]:
    return [Cycle(at(number), values) for number in range(count) if (values := of(number))]


def wobbling(level: float, number: int) -> float:
    """A level with a scatter of some percent that repeats in no simple way."""
    return level * (1 + 0.03 * ((number * 7919 % 13) / 6 - 1))


def series(bad: dict[int, float], code: str = "nh3_n", count: int = 240) -> list[Cycle]:
    """Forty days of a usual value, other at the numbers of `bad`."""
    return cycles(count, lambda n: {**CLEAN, code: bad.get(n, wobbling(CLEAN[code], n))})


def spans(found: Sequence[Warned]) -> list[tuple[int, int, int | None]]:
    """Since, said and until as numbers of cycles."""
    return [
        (
            (one.since - START) // CYCLE,
            (one.said - START) // CYCLE,
            None if one.until is None else (one.until - START) // CYCLE,
        )
        for one in found
    ]


def test_a_run_needs_so_many_and_ends_after_so_many() -> None:
    bad = [False, True, False, True, True, False, True, False, False, True, True]
    found = runs(bad, [at(n) for n in range(len(bad))], 2, 2, 9)
    assert [(run.bad, run.well, run.gap) for run in found] == [((3, 4, 6), 7, False), ((9, 10), None, False)]


def test_what_is_not_known_neither_ends_nor_goes_on_and_a_gap_begins_anew() -> None:
    assert [run.bad for run in runs([True, None, True], [at(0), at(1), at(2)], 2, 2, 9)] == [(0, 2)]
    assert runs([True, True], [at(0), at(3)], 2, 2, 9) == []
    [broken] = runs([True, True, True], [at(0), at(1), at(9)], 2, 2, 9)
    assert (broken.bad, broken.well, broken.gap) == ((0, 1), None, True), "nobody saw it end"


def test_an_exceedance_is_said_at_its_second_cycle_and_the_limit_itself_is_within() -> None:
    found = exceedances("s", series({50: 1.2, 51: 1.3, 60: 1.0, 61: 1.0, 70: 1.2}), "river", 3, RULES)
    assert spans(found) == [(50, 51, 52)]
    assert (found[0].item, found[0].detail["against"], found[0].detail["limits"]) == (
        "nh3_n",
        "target class Ⅲ",
        ["1.0"],
    )
    assert found[0].detail["class"] == "Ⅳ"
    assert not exceedances("s", series({50: 1.2, 51: 1.3}), "river", 4, RULES)
    [without] = exceedances("s", series({50: 1.2, 51: 1.3}), "river", None, RULES)
    assert without.detail["against"] == "class Ⅲ"


def test_oxygen_falls_and_ph_leaves_its_band() -> None:
    assert [one.item for one in exceedances("s", series({9: 4.0, 10: 4.1}, "dissolved_oxygen"), "river", 3, RULES)] == [
        "dissolved_oxygen"
    ]
    [ph] = exceedances("s", series({9: 9.4, 10: 9.2}, "ph"), "river", 5, RULES)
    assert ph.detail["limits"] == ["6", "9"]
    assert not exceedances("s", series({9: 0.06, 10: 0.06}, "total_phosphorus"), "river", 3, RULES)
    assert exceedances("s", series({9: 0.06, 10: 0.06}, "total_phosphorus"), "lake", 3, RULES), (
        "a lake has other limits"
    )


def test_a_run_of_a_section_that_falls_silent_stays_open_and_says_so() -> None:
    found = exceedances(
        "s", [c for c in series({50: 1.2, 51: 1.3}) if not 52 <= (c.at - START) // CYCLE < 60], "river", 3, RULES
    )
    assert [(one.until, one.silent) for one in found] == [(None, True)]


def test_a_class_drop_is_against_the_sections_own_usual_class() -> None:
    found = class_drops("s", series({200: 0.6, 201: 0.7, 202: 0.6}), "river", RULES)
    assert spans(found) == [(200, 201, 203)]
    assert (found[0].item, found[0].detail["usual"], found[0].detail["class"]) == ("nh3_n", "Ⅱ", "Ⅲ")
    assert not class_drops("s", series({20: 0.6, 21: 0.7}), "river", RULES), "of three days nothing is usual yet"


def test_what_a_section_usually_is_follows_it_after_half_of_the_days_wherever_a_look_begins() -> None:
    whole = series(dict.fromkeys(range(200, 500), 0.7), count=500)
    (one,) = class_drops("s", whole, "river", RULES)
    assert one.until is not None, "worse for longer than the medians look back is as usual"
    assert 13 <= (one.until - one.since) / (24 * HOUR_MS) <= 15
    late, days = whole[300:], RULES.class_drop.usual_days * 6
    assert usual_classes(late, "river", RULES)[days:] == usual_classes(whole, "river", RULES)[300 + days :]


def test_a_sudden_change_is_a_notice_and_then_a_warning() -> None:
    [notice] = sudden_changes("s", series({200: 0.9}), RULES)
    assert (notice.level, spans([notice])) == ("notice", [(200, 200, 201)])
    [warning] = sudden_changes("s", series({200: 0.9, 201: 1.1}), RULES)
    assert (warning.level, warning.item, warning.detail["confirmed"]) == ("warning", "nh3_n", at(201))
    assert warning.detail["usual"] == pytest.approx(0.3, rel=0.03)
    assert not sudden_changes("s", series({200: 0.36, 201: 0.38}), RULES), "a fifth more is no sudden change"
    assert not sudden_changes("s", series({200: 0.05, 201: 0.05}), RULES), "ammonia that falls is good news"


def test_oxygen_warns_where_it_falls_and_ph_both_ways() -> None:
    assert sudden_changes("s", series({200: 4.5, 201: 4.4}, "dissolved_oxygen"), RULES)
    assert not sudden_changes("s", series({200: 12.0, 201: 12.0}, "dissolved_oxygen"), RULES)
    assert [one.item for one in sudden_changes("s", series({200: 8.6, 210: 6.4}, "ph"), RULES)] == ["ph", "ph"]


def test_what_is_usual_is_of_the_hour_of_day() -> None:
    def of(number: int) -> dict[str, float]:
        # Twice as much at noon, every day.
        return {"nh3_n": wobbling(0.8 if number % 6 == 3 else 0.4, number)}

    assert not sudden_changes("s", cycles(240, of), RULES)


def test_a_change_that_stays_is_the_new_usual() -> None:
    [one] = sudden_changes("s", series({n: wobbling(0.9, n) for n in range(180, 300)}, count=300), RULES)
    days = (at(300) - one.since) / (24 * HOUR_MS) if one.until is None else (one.until - one.since) / (24 * HOUR_MS)
    assert RULES.sudden.new_usual_days <= days <= RULES.sudden.new_usual_days + 1


def test_rain_is_told_apart_but_not_what_is_more_than_rain() -> None:
    def of(rise: float) -> list[Cycle]:
        def values(number: int) -> dict[str, float]:
            rains = number in {200, 201}
            return {
                "nh3_n": wobbling(0.3, number) * (1 + rise * rains),
                "turbidity": wobbling(12.0, number) * (6 if rains else 1),
                "conductivity": wobbling(500.0, number) * (0.7 if rains else 1),
            }

        return cycles(240, values)

    [rain] = sudden_changes("s", of(0.6), RULES)
    assert (rain.level, rain.detail["like_rain"]) == ("notice", True)
    [spill] = sudden_changes("s", of(3.0), RULES)
    assert (spill.level, spill.detail["like_rain"]) == ("warning", False)


def test_the_last_cycles_alone_say_the_same_as_the_whole_series() -> None:
    whole = series({300: 0.9, 301: 1.1, 302: 0.8}, count=310)
    days = RULES.sudden.usual_days * 6
    assert [one for one in sudden_changes("s", whole[310 - days - 12 :], RULES) if one.since == at(300)] == [
        one for one in sudden_changes("s", whole, RULES) if one.since == at(300)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_a_score_depends_on_the_days_before_it_and_not_on_where_a_look_begins(seed: int) -> None:
    rng = Random(seed)
    bad: dict[int, float] = {}
    for first in range(20, 640, 110):
        rise = rng.choice((1.5, 2, 5))
        bad |= {n: 0.3 * rise * rng.lognormvariate(0, 0.2) for n in range(first, first + rng.choice((1, 3, 36, 40)))}
    bad |= dict.fromkeys(range(400, 450), 1.5)
    whole = cycles(660, lambda n: {"nh3_n": bad.get(n, 0.3 * rng.lognormvariate(0, 0.1))})
    said = scores(whole, "nh3_n", RULES)
    assert any(one is not None and one.settled for one in said)
    for cut in range(0, 300, 37):
        known = cut + JUDGED_DAYS * 6
        assert scores(whole[cut:], "nh3_n", RULES)[known - cut :] == said[known:]


def test_nothing_comes_of_nothing() -> None:
    assert (
        sudden_changes("s", [], RULES)
        == exceedances("s", [], "river", 3, RULES)
        == class_drops("s", [], "river", RULES)
        == []
    )


def pulsed(middles_h: Sequence[float], width_h: float = 5.0, height: float = 1.5) -> list[Cycle]:
    """Ammonia with pulses around hours after the start."""

    def of(number: int) -> dict[str, float]:
        hours = number * 4.0
        rise = sum(exp(-(((hours - middle) / width_h) ** 2)) for middle in middles_h)
        return {"nh3_n": wobbling(0.3, number) + height * rise}

    return cycles(480, of)


MIDDLES = [850.0, 1000.0, 1203.0, 1401.0, 1622.0]


@pytest.mark.parametrize("hours", [6.0, 9.5, 14.0, 22.0])
def test_a_travel_time_is_found_from_pulses(hours: float) -> None:
    above = sudden_changes("a", pulsed(MIDDLES), RULES)
    below = sudden_changes("b", pulsed([middle + hours for middle in MIDDLES], 6.0, 0.9), RULES)
    found = estimated(above, below, ("a", "b"), RULES)
    assert isinstance(found, Reach)
    assert (found.source, found.pulses) == ("estimated", len(MIDDLES))
    assert abs(found.hours - hours) < 1.5
    assert found.low <= hours <= found.high


def test_without_common_pulses_there_is_no_travel_time() -> None:
    found = estimated(
        sudden_changes("a", pulsed(MIDDLES), RULES), sudden_changes("b", pulsed([]), RULES), ("a", "b"), RULES
    )
    assert isinstance(found, NoEstimate)
    assert found.why.startswith("0 pulses")


REACHES = [configured("a", "b", 10.0, RULES), configured("b", "c", 14.0, RULES)]


def below(series_of_b: list[Cycle], now: int) -> list[Announced]:
    of = {"a": pulsed([1000.0]), "b": series_of_b}
    changes = {name: sudden_changes(name, its, RULES) for name, its in of.items()}
    return [one for one in announced(changes, REACHES, of, now) if one.upstream == "a"]


def test_a_pulse_announces_its_arrival_at_every_section_below() -> None:
    b, c = below(pulsed([1010.0], 6.0, 0.8), at(300))
    assert (b.downstream, b.state, c.downstream, c.state) == ("b", "seen", "c", "section silent")
    assert b.earliest <= (b.seen or 0) <= b.latest
    assert 0.3 < (b.left or 0) < 0.8
    assert (c.latest - c.earliest) > (b.latest - b.earliest), "the further, the less sure"
    assert [reach.downstream for reach in c.reaches] == ["b", "c"]


def test_a_pulse_is_expected_then_missed_and_what_comes_at_once_did_not_travel() -> None:
    assert below(pulsed([]), at(251))[0].state == "expected"
    assert below(pulsed([]), at(300))[0].state == "missed"
    assert below(pulsed([997.0]), at(300))[0].state == "at once"
