"""Rules and levels: what is wrong in a file is named; what is exceeded, kept up, or not known."""

from datetime import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.alerts.levels import may_exceed, may_exceed_in, points, text
from processors.alerts.rules import AlertRuleError, Rule, city_rules, load_rules, shipped_rules
from processors.alerts.signals import Extremes
from processors.indicators.exact import exact
from sensors.instants import DAY_MS, HOUR_MS, to_millis
from store.incidents import Draft, Incident
from tests.processors.world import ZONE

GOOD = """
[[rule]]
code = "one"
signal = "air_aqi_of_station"
zh = "甲"
en = "One"
runbook = "air"
roles = ["duty"]
document = "d"
clause = "c"
mark = "1 source"
effective_from = 2020-01-01
levels = [{ severity = "notice", over = 100 }, { severity = "warning", over = 150 }]
margin = 5
dwell_min = 0
clear_min = 60
gap_min = 180
reopen_min = 0
"""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('severity = "notice"', 'severity = "serious"'), "levels rise from notice to critical"),
        (("over = 100", "over = 100, any = [[{ over = 1 }]]"), "`over` or `any`, not both"),
        (("{ severity = \"notice\", over = 100 }", "{ severity = \"notice\", any = [[]] }"), "at least one clause"),
        (("roles = [\"duty\"]", "roles = []"), "roles"),
        (("margin = 5\n", ""), "margin"),
        (("gap_min = 180", "gap_min = 0"), "gap_min"),
        (("signal = \"air_aqi_of_station\"", "signal = \"air_smell\""), "air_day_windows"),
        (("reopen_min = 0", "reopen_min = 0\ninhibited_by = [\"two\"]"), "inhibited_by 'two' is no other rule"),
        (("reopen_min = 0", "reopen_min = 0\neffective_to = 2019-01-01"), "effective_to is before effective_from"),
        (("over = 100", "over = 100, below = 50"), "`over` or `below`, and not both"),
        (("over = 100", 'of = "pm10", over = 100'), "'pm10' is no quantity of air_aqi_of_station; it has value"),
        (("reopen_min = 0", "reopen_min = 9\nflap_times = 3"), "so many episodes (flap_times, two or more) within"),
        (("reopen_min = 0", "reopen_min = 0\nflap_times = 3\nflap_min = 60"), "set reopen_min"),
        (("reopen_min = 0", 'reopen_min = 0\ngroup = "city"'), "`group` and `group_min`"),
        (("reopen_min = 0", "reopen_min = 0\ncoverage_percent = 101"), "coverage_percent"),
        (("over = 100", 'over = "a lot"'), "levels.0.any.0.0.over: 'a lot' is no number"),
        (("over = 100", "over = true"), "levels.0.any.0.0.over: True is no number"),
        (("margin = 5", 'margin = "five"'), "margin: 'five' is no number"),
        (("reopen_min = 0", 'reopen_min = 0\nschedule = [{ from = "22:00Z", to = "06:00" }]'), "no time of the city's clock"),
        (("reopen_min = 0", 'reopen_min = 0\nschedule = [{ from = "22:00", to = 6 }]'), "to: 6 is no time of the city's clock"),
        (("[[rule]]", "[rule]"), "rule: each rule stands under [[rule]], in two brackets"),
        (("reopen_min = 0", 'reopen_min = 0\nschedule = [{ from = "25:00", to = "07:00" }]'), "schedule.0.from"),
        (("reopen_min = 0", 'reopen_min = 0\nschedule = [{ days = ["day"], from = "1:00", to = "2:00" }]'), "schedule.0"),
        (("[[rule]]", "[[rules]]"), "'rules' is unknown"),
        (("[[rule]]", "[[rule]"), "rules.toml"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(change: tuple[str, str], said: str) -> None:
    with pytest.raises(AlertRuleError, match=r"^rules\.toml: ") as raised:
        load_rules(GOOD.replace(*change), "rules.toml")
    assert said in str(raised.value)


def test_a_code_is_there_once() -> None:
    with pytest.raises(AlertRuleError, match="'one' is there twice"):
        load_rules(GOOD + GOOD, "rules.toml")


def test_shipped_rules_name_their_sources_and_both_languages() -> None:
    rules = shipped_rules()
    for rule in rules.values():
        assert rule.document
        assert rule.en != rule.zh
    # Red of the Chongqing scheme of 2022 could not be read: it is absent.
    assert [level.colour for level in rules["air_heavy_chongqing"].levels] == ["yellow", "orange"]


def of(text: str) -> Rule:
    return load_rules(text, "rules.toml")["one"]


@pytest.mark.parametrize(
    ("value", "level", "keeps"),
    [("100", 0, 1), ("100.0001", 1, 1), ("95", 0, 0), ("95.1", 0, 1), ("150", 1, 2), ("151", 2, 2), ("145", 1, 1)],
)
def test_a_limit_is_exceeded_by_more_than_it_and_kept_up_by_more_than_its_clear_limit(
    value: str, level: int, keeps: int
) -> None:
    (point,) = points(of(GOOD), {0: {"value": Fraction(Decimal(value))}}, HOUR_MS)
    assert (point.level, point.keeps) == (level, keeps)


def test_a_value_that_is_not_there_is_not_known() -> None:
    assert [point.level for point in points(of(GOOD), {0: {}, HOUR_MS: {"value": Fraction(1)}}, HOUR_MS)] == [None, 0]


WINDOWS = GOOD.replace("air_aqi_of_station", "air_day_windows").replace(
    'levels = [{ severity = "notice", over = 100 }, { severity = "warning", over = 150 }]',
    """[[rule.levels]]
severity = "warning"
any = [[{ of = "aqi", over = 200 }], [{ of = "pm2_5", over = 115, windows = 2 }, { of = "pm2_5", over = 150 }]]""",
)
# A table of its own comes last.
WINDOWS = (
    WINDOWS[: WINDOWS.index("[[rule.levels]]")]
    + WINDOWS[WINDOWS.index("margin") :]
    + WINDOWS[WINDOWS.index("[[rule.levels]]") : WINDOWS.index("margin")]
)


@pytest.mark.parametrize(
    ("today", "yesterday", "level"),
    [
        ({"aqi": 201}, {}, 1),
        ({"aqi": 200, "pm2_5": 151}, {"pm2_5": 116}, 1),
        ({"aqi": 200, "pm2_5": 151}, {"pm2_5": 115}, 0),
        ({"aqi": 200, "pm2_5": 150}, {"pm2_5": 116}, 0),
        # Yesterday is not known, and would decide.
        ({"aqi": 200, "pm2_5": 151}, {}, None),
        # It would not: today's is too low already.
        ({"aqi": 200, "pm2_5": 115}, {}, 0),
        ({"pm2_5": 115}, {"pm2_5": 116}, None),
        ({"aqi": 201, "pm2_5": 1}, {"pm2_5": 1}, 1),
    ],
)
def test_or_and_and_of_windows(today: dict[str, int], yesterday: dict[str, int], level: int | None) -> None:
    values = {
        at: {code: Fraction(value) for code, value in known.items()} for at, known in ((0, yesterday), (DAY_MS, today))
    }
    assert points(of(WINDOWS), values, DAY_MS)[-1].level == level


@pytest.mark.parametrize(
    ("days", "colour"),
    [
        # Orange is three windows over 200; red asks for one of them over 300, whichever it is.
        ((350, 250, 250), "red"), ((250, 350, 250), "red"), ((250, 250, 350), "red"), ((250, 250, 250), "orange"),
        # Over 150 in three windows is orange as well.
        ((350, 199, 250), "orange"), ((149, 199, 250), "yellow"),
    ],
)  # fmt: skip
def test_the_worst_window_of_a_scheme_may_be_any_of_them(days: tuple[int, ...], colour: str) -> None:
    rule = shipped_rules()["air_heavy_national"]
    values = {number * DAY_MS: {"aqi": Fraction(aqi)} for number, aqi in enumerate((50, *days))}
    level = points(rule, values, DAY_MS)[-1].level
    assert level is not None
    assert rule.levels[level - 1].colour == colour


def test_a_level_that_nothing_refutes_is_not_let_go() -> None:
    rule = shipped_rules()["air_heavy_chongqing"]
    known = {"pm2_5": Fraction(118), "mda8": Fraction(270), "aqi": Fraction(180)}
    values = {number * DAY_MS: known for number in range(3)} | {3 * DAY_MS: {"pm2_5": Fraction(118)}}
    found = points(rule, values, DAY_MS)
    # Orange by ozone; then PM2.5 alone is known, which is yellow and says nothing of ozone.
    assert (found[2].level, found[3].level, found[3].perhaps_kept) == (2, 1, 2)


@pytest.mark.parametrize(
    ("signal", "said"), [("windows = 2", "leave `windows`"), ("windows = 1", "leave coverage_percent")]
)
def test_raw_readings_have_no_windows(signal: str, said: str) -> None:
    text = WINDOWS.replace("air_day_windows", "readings.air.raw").replace("windows = 2", signal).replace("aqi", "pm10")
    with pytest.raises(AlertRuleError, match=said):
        load_rules(text.replace("reopen_min = 0", "reopen_min = 0\ncoverage_percent = 50"), "rules.toml")


@pytest.mark.parametrize(
    ("value", "level", "keeps"),
    [("200", 0, 1), ("199.9", 1, 1), ("204.9", 0, 1), ("205", 0, 0), ("90", 2, 2), ("102", 1, 2)],
)
def test_below_a_limit_mirrors_over(value: str, level: int, keeps: int) -> None:
    rule = of(GOOD.replace("over = 100", "below = 200").replace("over = 150", "below = 100"))
    (point,) = points(rule, {0: {"value": Fraction(Decimal(value))}}, HOUR_MS)
    assert (point.level, point.keeps) == (level, keeps)
    assert point.size == -Fraction(Decimal(value))


@given(st.fractions(-2000, 2000, max_denominator=10_000))
def test_a_value_is_shown_with_three_decimals_at_most(value: Fraction) -> None:
    shown = Fraction(text(value))
    assert shown == round(value, 3)
    assert text(value) == f"{round(Decimal(value.numerator) / Decimal(value.denominator), 3).normalize() + 0:f}"


@given(st.floats(0, 1000), st.sampled_from([99.9, 100, 100.1]), st.booleans())
def test_what_is_over_a_limit_may_be_so_by_its_extremes(value: float, limit: float, over: bool) -> None:
    """Never the other way round: what is left out in a shallow look exceeds nothing."""
    word = "over" if over else "below"
    rule = of(GOOD.replace("over = 100", f"{word} = {limit}").replace("over = 150", f"{word} = {150 if over else 50}"))
    values = {0: {"value": exact(value)}}
    column = {"value": np.array([value])}
    exceeds = (points(rule, values, HOUR_MS)[0].level or 0) > 0
    assert may_exceed(rule, values) == exceeds
    assert may_exceed_in(rule, Extremes(["a"], column, column, lambda *_: {}))[0] or not exceeds


@pytest.mark.parametrize(
    ("schedule", "moment", "may"),
    [
        ("", "2026-03-04T03:00", True),
        ('{ from = "07:00", to = "19:00" }', "2026-03-04T07:00", True),
        ('{ from = "07:00", to = "19:00" }', "2026-03-04T19:00", False),
        # 2026-03-06 is a Friday; its night ends on Saturday morning.
        ('{ days = ["fri"], from = "22:00", to = "06:00" }', "2026-03-06T23:00", True),
        ('{ days = ["fri"], from = "22:00", to = "06:00" }', "2026-03-07T05:59", True),
        ('{ days = ["fri"], from = "22:00", to = "06:00" }', "2026-03-06T05:59", False),
        ('{ days = ["fri"], from = "22:00", to = "06:00" }', "2026-03-07T23:00", False),
        ('{ days = ["mon"], from = "22:00", to = "00:00" }', "2026-03-09T23:59", True),
        (
            '{ days = ["sat"], from = "08:00", to = "09:00" }, { from = "10:00", to = "11:00" }',
            "2026-03-06T10:30",
            True,
        ),
    ],
)
def test_a_schedule_is_of_weekdays_and_hours_of_the_city(schedule: str, moment: str, may: bool) -> None:
    rule = of(GOOD.replace("reopen_min = 0", f"reopen_min = 0\nschedule = [{schedule}]"))
    at = to_millis(datetime.fromisoformat(moment).replace(tzinfo=ZONE))
    assert rule.may_begin(at, ZONE) is may


def test_a_level_has_a_dwell_of_its_own_and_coverage_counts_the_windows_of_each() -> None:
    rule = of(
        GOOD.replace("over = 150", "over = 150, dwell_min = 180").replace("gap_min", "coverage_percent = 60\ngap_min")
    )
    assert rule.timing.dwell == (0, 3 * HOUR_MS)
    # Of the one window at once, and of 60 % of four: 2.4, and up.
    assert rule.timing.known == (1, 3)


CITY = GOOD.replace('code = "one"', 'code = "air_o3_8h"').replace("air_aqi_of_station", "air_o3_8h")


def test_a_citys_rules_replace_shipped_ones_and_switch_them_off() -> None:
    shipped = shipped_rules()
    found = city_rules('off = ["water_exceedance"]' + CITY + GOOD, "city.toml", shipped)
    assert set(found) == set(shipped) - {"water_exceedance"} | {"one"}
    assert found["air_o3_8h"].zh == "甲"
    assert found["air_aqi_city"] is shipped["air_aqi_city"]


def test_a_citys_rule_may_be_inhibited_by_a_shipped_one() -> None:
    own = GOOD.replace("reopen_min = 0", 'reopen_min = 0\ninhibited_by = ["air_aqi_city"]')
    assert city_rules(own, "city.toml", shipped_rules())["one"].inhibited_by == ("air_aqi_city",)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("off = [{ code = 1 }]", "off: {'code': 1} is no shipped rule"),
        ('off = ["smell"]', "off: 'smell' is no shipped rule; there are air_aqi_station"),
        ('off = ["air_o3_8h"]' + CITY, "rule 'air_o3_8h' is off and written out"),
        ('of = ["air_o3_8h"]', "'of' is unknown"),
        (CITY.replace("margin = 5", "margin = -5"), "rule 'air_o3_8h': margin"),
        ('off = ["air_aqi_city"]' + GOOD.replace("reopen_min = 0", 'reopen_min = 0\ninhibited_by = ["air_aqi_city"]'),
         "rule 'one': inhibited_by 'air_aqi_city' is no other rule"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_citys_file_is_named(own: str, said: str) -> None:
    with pytest.raises(AlertRuleError, match=r"^city\.toml: ") as raised:
        city_rules(own, "city.toml", shipped_rules())
    assert said in str(raised.value)


def incident(rule: str, subject: str, greatest: int, fired: int, resolved: int | None) -> Incident:
    draft = Draft(fired, fired, greatest, greatest, "firing", None, resolved, resolved or 100, 1, {})
    return Incident(1, rule, subject, draft, None, None, 0, None, None, None)


@pytest.mark.parametrize(
    ("other", "stands"),
    [
        # Of the same subject, whatever their levels.
        (incident("silent", "hx-01", 1, 5, None), True),
        (incident("silent", "hx-02", 4, 5, None), False),
        (incident("silent", "city", 2, 5, None), True),
        # A city alert that is less severe says less than the station's.
        (incident("silent", "city", 1, 5, None), False),
        (incident("silent", "hx-01", 1, 1, 9), False),
        (incident("drifting", "hx-01", 1, 5, None), False),
    ],
)
def test_an_incident_stands_behind_one_of_its_subject_or_of_the_city(other: Incident, stands: bool) -> None:
    rule = of(GOOD).model_copy(update={"inhibited_by": ("silent",)})
    assert rule.stands_behind(incident("one", "hx-01", 2, 10, 20), other) is stands


def test_a_rule_is_in_force_from_the_end_of_its_first_hour_to_the_midnight_after_its_last_day() -> None:
    rule = of(GOOD.replace("2020-01-01", "2026-03-01\neffective_to = 2026-03-01"))
    midnight = to_millis(datetime(2026, 3, 1, tzinfo=ZONE))
    instants = (midnight, midnight + 1, midnight + DAY_MS, midnight + DAY_MS + 1)
    assert [rule.in_force(at, ZONE) for at in instants] == [False, True, True, False]
