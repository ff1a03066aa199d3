"""Energy and carbon: the plan's intensities, what city and districts used, and meters by the day."""

from dashboards.asked import Asked, Words
from dashboards.boards import Board, district, station
from dashboards.influxql import IN_RANGE, above, equals, fresh, matches, select, stale
from dashboards.panels import Column, Panel, lines, rows, tile
from dashboards.parts import DAILY_H, computed, coverage, finality, scope, status, to, wall
from dashboards.units import unit_of
from processors.plans import Indicator
from store.measurements import INDICATORS, SCORECARD

_USE, _DAY = "energy_use", "energy_day"
_COAL = "tce"


def board(asked: Asked) -> Board:
    """Intensities, use by month, meters by the day."""
    bands = [
        [*(_intensity(asked, row) for row in _rows_of(asked)), _month(asked)],
        [_of_scopes(asked)],
        [_days(asked), _history(asked)],
        [_meters(asked)],
    ]
    about = Words(
        "折标煤依据与电网因子见各值说明；单位 GDP 能耗为填报数。灰色表示过期。",
        "The basis of standard coal and the grid's factor stand in each value's words; intensities are entered. Grey is old.",
    )
    title = Words("能源与碳", "Energy and carbon")
    return Board("energy", title, about, bands, [district(), station(asked, "energy")], since="now-30d")


def _rows_of(asked: Asked) -> list[Indicator]:
    """The plan's rows of intensities, those that it has."""
    found = (asked.row("energy_intensity"), asked.row("co2_intensity"))
    return [row for row in found if row is not None]


def _intensity(asked: Asked, row: Indicator) -> Panel:
    stands, when = status(asked), computed(asked)
    value = Column(asked.say(Words("累计降低", "reduction")), unit_of(row.unit))
    period = Column(asked.say(Words("期间", "period")), "none")
    columns = {when.name: "last(computed_at)", value.name: "value", stands.name: "status", period.name: "period"}
    its = equals(SCORECARD, "code", row.code)
    # Entered each quarter: half a year later the next ones are missing.
    queries = [select(SCORECARD, columns, its, at(184 * 24.0, SCORECARD, "computed_at")) for at in (fresh, stale)]
    about = Words(f"目标 {row.wanted}。{row.target_source_zh}", f"Target {row.wanted}. {row.target_source}")
    shown = [stands, value, period, when]
    return tile(Words(row.zh, row.en), about, queries, shown, wall(asked), width=8, grey="B")


def _month(asked: Asked) -> Panel:
    value, share, when = _used(asked), coverage(asked), computed(asked)
    columns = {when.name: "last(computed_at)", value.name: "value", share.name: "coverage"}
    its = (
        equals(INDICATORS, "indicator", _USE), equals(INDICATORS, "scope", "city"), equals(INDICATORS, "length", "month"),
        fresh(32 * 24),
    )  # fmt: skip
    queries = [select(INDICATORS, columns, *its, at(DAILY_H, INDICATORS, "computed_at")) for at in (fresh, stale)]
    about = Words("全市计量表本月至今用能 [tce]。", "What the city's meters used in the month so far [tce].")
    title = Words("本月用能", "Energy of the month")
    return tile(title, about, queries, [value, share, when], wall(asked), width=8, grey="B")


def _used(asked: Asked) -> Column:
    return Column(asked.say(Words("用能", "used")), unit_of(_COAL), decimals=2)


def _of_scopes(asked: Asked) -> Panel:
    value, share, when, settled = _used(asked), coverage(asked), computed(asked), finality(asked)
    of, why = scope(asked), Column(asked.say(Words("说明", "in words")), "none")
    columns = {
        when.name: "last(computed_at)", value.name: "value", share.name: "coverage", settled.name: "finality",
        why.name: "sentence",
    }  # fmt: skip
    query = select(
        INDICATORS, columns, equals(INDICATORS, "indicator", _USE), equals(INDICATORS, "length", "month"),
        matches(INDICATORS, "scope", "(city|district:($district))"), fresh(32 * 24), by=("scope",),
    )  # fmt: skip
    about = Words("本月至今，全市与各区县。", "The month so far, of the city and its districts.")
    return rows(
        Words("全市与区县", "City and districts"), about, [query], [of, value, share, settled, when, why], wall(asked), width=24,
        height=6, sort=of.name,
    )  # fmt: skip


def _days(asked: Asked) -> Panel:
    query = select(
        INDICATORS, {"tce": "value"}, equals(INDICATORS, "indicator", _DAY), matches(INDICATORS, "scope", "meter:($station)"),
        equals(INDICATORS, "unit", _COAL), IN_RANGE, by=("scope",), table=False, alias="$tag_scope",
    )  # fmt: skip
    about = Words("各计量表每日用能 [tce]。", "What each meter used by the day [tce].")
    link = to(asked, "devices", "var-family=energy")
    return lines(
        Words("逐日用能", "Energy by the day"), about, [query], Column("tce", unit_of(_COAL)), link, width=12, height=10
    )


def _history(asked: Asked) -> Panel:
    codes = "|".join(row.code for row in _rows_of(asked)) or "none"
    query = select(
        INDICATORS, {"reduction": "value"}, matches(INDICATORS, "indicator", f"({codes})"),
        equals(INDICATORS, "length", "year"), by=("indicator",), table=False, alias="$tag_indicator",
    )  # fmt: skip
    about = Words("各年累计降低 [%]，相对基准年。", "Cumulative reduction by year [%], against the base year.")
    return lines(
        Words("强度逐年", "Intensities by year"), about, [query], Column("reduction", unit_of("%")), wall(asked), width=12,
        height=10,
    )  # fmt: skip


def _meters(asked: Asked) -> Panel:
    value, share, when = (
        Column(asked.say(Words("日用能", "used")), "none", decimals=3),
        coverage(asked),
        computed(asked),
    )
    unit, of = Column(asked.say(Words("单位", "unit")), "none", width=90), scope(asked)
    day, why = (
        Column(asked.say(Words("日期", "day")), "none", width=110),
        Column(asked.say(Words("说明", "in words")), "none"),
    )
    columns = {
        when.name: "last(computed_at)", day.name: "period", value.name: "value", unit.name: "unit", share.name: "coverage",
        why.name: "sentence",
    }  # fmt: skip
    closed = above(INDICATORS, "revision", 0)
    query = select(
        INDICATORS, columns, equals(INDICATORS, "indicator", _DAY), matches(INDICATORS, "scope", "meter:($station)"), closed,
        fresh(3 * DAILY_H), by=("scope",),
    )  # fmt: skip
    about = Words("各计量表最近一个已结束日。", "Each meter's last day that has closed.")
    return rows(
        Words("计量表", "Meters"), about, [query], [of, day, value, unit, share, when, why], to(asked, "devices"), width=24,
        sort=of.name,
    )  # fmt: skip
