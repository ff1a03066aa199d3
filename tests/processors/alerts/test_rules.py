"""Rules and levels: what is wrong in a file is named; what is exceeded, kept up, or not known."""

from decimal import Decimal
from fractions import Fraction

import pytest

from processors.alerts.levels import points
from processors.alerts.rules import AlertRuleError, Rule, load_rules, shipped_rules
from sensors.instants import DAY_MS, HOUR_MS

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
