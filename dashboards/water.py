"""Water: sections against their targets, the river as a strip of days, and the items of a section over time."""

from dashboards.asked import Asked, Words
from dashboards.boards import Board, district, station
from dashboards.colours import water_mapping, water_steps
from dashboards.influxql import IN_RANGE, equals, fresh, matches, select
from dashboards.panels import Column, Panel, calendar, rows
from dashboards.parts import (
    CYCLE_H,
    Link,
    age,
    computed,
    coverage,
    explained,
    finality,
    name,
    names,
    over_time,
    scope,
    status,
    this_year,
    to,
    wall,
)
from processors.standards.water import water_standard
from sensors.quantities import OF_FAMILY
from store.measurements import INDICATORS, MEASUREMENTS, STATIONS, measurement_of

_CYCLES = MEASUREMENTS[measurement_of("water", "raw")]
_DAY = "water_section_day"


def board(asked: Asked) -> Board:
    """The plan's share, sections, the strip, and what automatic stations measure."""
    items = water_standard().evaluation.automatic
    share = this_year(asked, asked.row("water_sections"), Words("达标率", "at target"), width=8, height=10)
    bands = [
        [*share, _of_sections(asked)],
        [_strip(asked)],
        [_now(asked)],
        [_item(asked, code) for code in items[:3]],
        [_item(asked, code) for code in items[3:]],
    ]
    about = Words(
        "类别按 GB 3838-2002，颜色为标准所定；灰色表示过期或数据不足。",
        "Classes by GB 3838-2002 in the standard's own colours; grey is old, or too little.",
    )
    return Board(
        "water",
        Words("水质", "Water"),
        about,
        bands,
        [district(), station(asked, "water")],
        since="now-30d",
        annotated=True,
    )


def _why(asked: Asked) -> Link:
    """The year of the sections, where the plan has them; else the wall."""
    row = asked.row("water_sections")
    return wall(asked) if row is None else explained(asked, row.code, "${__to:date:YYYY}")


def _of_sections(asked: Asked) -> Panel:
    share, when, settled = coverage(asked), computed(asked), finality(asked)
    now = Column(
        asked.say(Words("本月类别", "class, month")), "none", water_steps(), water_mapping(asked.language), colour=True
    )
    stands, of, why = status(asked), scope(asked), Column(asked.say(Words("说明", "in words")), "none")
    columns = {
        when.name: "last(computed_at)", now.name: "value", stands.name: "status", share.name: "coverage",
        settled.name: "finality", why.name: "sentence",
    }  # fmt: skip
    query = select(
        INDICATORS, columns, equals(INDICATORS, "indicator", "water_section"), equals(INDICATORS, "length", "month"),
        matches(INDICATORS, "scope", "section:($station)"), fresh(32 * 24), by=("scope",),
    )  # fmt: skip
    link = _why(asked)
    about = Words("各断面本月至今的水质类别与有效率。", "Each section's class of the month so far, with its coverage.")
    return rows(
        Words("各断面", "Sections"), about, [query], [of, now, stands, share, settled, when, why], link, width=16,
        sort=of.name,
    )  # fmt: skip


def _strip(asked: Asked) -> Panel:
    column = Column("class", "none", water_steps(), water_mapping(asked.language), colour=True)
    query = select(
        INDICATORS, {"class": "value"}, equals(INDICATORS, "indicator", _DAY), matches(INDICATORS, "scope", "section:($station)"),
        IN_RANGE, by=("scope",), table=False, alias="$tag_scope",
    )  # fmt: skip
    about = Words(
        "每日水质类别，一行一个断面；空格为数据不足。",
        "The class of each day, a row a section; an empty cell is too little.",
    )
    link = _why(asked)
    return calendar(Words("河流水质带", "River strip"), about, query, column, link, width=24)


def _now(asked: Asked) -> Panel:
    how_old, called = age(asked, CYCLE_H), name(asked)
    items = [OF_FAMILY["water"][code] for code in water_standard().evaluation.automatic]
    shown = [Column(f"{asked.say(Words(one.zh, one.en))} [{one.unit}]", "none", decimals=one.scale) for one in items]
    its = matches(_CYCLES, "station", "($station)")
    # The one item that every cycle has is what says that there was a cycle.
    columns = {"last": "last(received_at)"} | {column.name: one.code for column, one in zip(shown, items, strict=True)}
    target = Column(asked.say(Words("目标类别", "target")), "none", water_steps(), water_mapping(asked.language))
    queries = [
        names(asked, "water"),
        select(_CYCLES, columns, its, fresh(CYCLE_H), by=("station",)),
        select(
            _CYCLES,
            {how_old.name: "age(received_at)", "heard": "last(received_at)"},
            its,
            fresh(92 * 24),
            by=("station",),
        ),
        select(STATIONS, {target.name: "last(target_class)"}, equals(STATIONS, "family", "water"), by=("station",)),
    ]
    link = to(asked, "devices", "var-station=${__data.fields.station}")
    about = Words(
        "自动站最近一个周期；过期的没有数值。", "The last cycle of automatic stations; what is old has no values."
    )
    return rows(
        Words("最近周期", "Last cycle"), about, queries,
        [called, Column("station", "none", link=link), target, *shown, how_old], link, width=24, join="station", sort="station",
    )  # fmt: skip


def _item(asked: Asked, code: str) -> Panel:
    of = OF_FAMILY["water"][code]
    about = Words(f"{of.zh} [{of.unit}]，自动站各周期。", f"{of.en} [{of.unit}], each cycle of automatic stations.")
    return over_time(asked, _CYCLES, of, about)
