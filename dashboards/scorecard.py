"""The city's scorecard: every row of the plan, for the wall of the operations centre."""

from dashboards.asked import Asked, Words
from dashboards.boards import Board, Variable, year
from dashboards.colours import words
from dashboards.influxql import differs, equals, fresh, select, stale
from dashboards.panels import Column, Panel, rows, tile
from dashboards.parts import DAILY_H, Link, computed, explained, finality, status, wall
from dashboards.units import unit_of
from processors.plans import Indicator
from store.measurements import SCORECARD

# Chosen: figures that people enter come once a year, or each quarter; a year and a month later nobody has entered the next.
_ENTERED_H = 400 * 24.0
_TILES_A_BAND = 3


def board(asked: Asked) -> Board:
    """A tile for each row, and all of them as a table."""
    tiles = [_tile(asked, row) for row in asked.plan.indicators]
    bands = [tiles[start : start + _TILES_A_BAND] for start in range(0, len(tiles), _TILES_A_BAND)]
    title = Words(f"城市指标 · {asked.plan.zh}", f"Scorecard · {asked.plan.en}")
    about = Words(
        "规划各行指标：数值、状态、有效率与计算时间。灰色表示过期或不可评价。",
        "The rows of the plan with status, coverage and age. Grey is old, or not assessable.",
    )
    variables: list[Variable] = [year()]
    return Board("scorecard", title, about, [*bands, [_table(asked)]], variables, since="now/y")


def _coverage(asked: Asked) -> Column:
    return Column(asked.say(Words("有效/应有", "valid/expected")), "none", width=120)


def _explained(asked: Asked, row: Indicator) -> Link:
    return explained(asked, row.code, "${year}") if row.family in {"air", "water", "traffic"} else wall(asked)


def _tile(asked: Asked, row: Indicator) -> Panel:
    value = Column(asked.say(Words("数值", "value")), unit_of(row.unit))
    stands, share, when = status(asked), _coverage(asked), computed(asked)
    columns = {
        when.name: "last(computed_at)", value.name: "value", stands.name: "status", share.name: "coverage",
    }  # fmt: skip
    its = (equals(SCORECARD, "code", row.code), equals(SCORECARD, "year", "$year"))
    hours = _ENTERED_H if row.family is None else DAILY_H
    queries = [select(SCORECARD, columns, *its, limit(hours, SCORECARD, "computed_at")) for limit in (fresh, stale)]
    unit = "" if row.unit == "1" else f" [{row.unit}]"
    about = Words(
        f"{row.zh}{unit}；目标 {row.wanted}。{row.target_source_zh}",
        f"{row.en}{unit}; target {row.wanted}. {row.target_source}",
    )
    return tile(
        Words(row.zh, row.en),
        about,
        queries,
        [stands, value, share, when],
        _explained(asked, row),
        width=8,
        grey="B",
    )


def _table(asked: Asked) -> Panel:
    value, gap, trend = (
        Column(asked.say(text), "none", width=width)
        for text, width in (
            (Words("数值", "value"), 140), (Words("与目标之差", "gap"), 120),
            (Words("同比", "trend"), 140),
        )
    )  # fmt: skip
    why = Column(asked.say(Words("说明", "in words")), "none")
    stands, share, when, settled = status(asked), _coverage(asked), computed(asked), finality(asked)
    period = Column(asked.say(Words("期间", "period")), "none", width=100)
    names = words({one.code: (Words(one.zh, one.en), "text") for one in asked.plan.indicators}, asked.language)
    link = explained(asked, "${__value.raw}", f'${{__data.fields["{period.name}"]}}')
    code = Column("code", "none", mapping=names, width=260, link=link)
    columns = {
        when.name: "last(computed_at)", period.name: "period", value.name: "shown", gap.name: "gap", stands.name: "status",
        trend.name: "trend", share.name: "coverage", settled.name: "finality", why.name: "sentence",
    }  # fmt: skip
    where = (equals(SCORECARD, "year", "$year"), differs(SCORECARD, "status", "not computed"))
    query = select(SCORECARD, columns, *where, by=("code",))
    about = Words(
        "每行的数值、与目标之差、同比、定稿程度与说明。",
        "Value, gap to the target, trend, how far it is settled, and in words.",
    )
    return rows(
        Words("规划各行", "Rows of the plan"), about, [query],
        [code, period, value, gap, stands, trend, share, settled, when, why], wall(asked), width=24, height=12,
    )  # fmt: skip
