"""What several dashboards have in common: links to explanations and to each other, columns of age and coverage, station names."""

from collections.abc import Mapping

from dashboards.asked import Asked, Words
from dashboards.colours import CLEAR, FINALITIES, GREY, SLATE, STATUSES, steps, words
from dashboards.influxql import EVER, IN_RANGE, Query, equals, fresh, matches, select, stale
from dashboards.panels import Column, Panel, lines, tile
from dashboards.units import AGO, RATIO, SECONDS, unit_of
from processors.plans import Indicator
from sensors.quantities import Quantity
from store.measurements import INDICATORS, STATIONS, Measurement

HOURLY_H = 2.0
"""Chosen: an hourly value is due within the hour after its end; as on the wall, two hours after it, it is old."""
CYCLE_H = 9.0
"""Chosen: stations of water measure each four hours; two cycles and an hour."""
DAILY_H = 26.0
"""Chosen: whatever is made of days is computed at least when a day closes."""

SAMPLED_H = 0.1
"""Chosen: a sample comes each minute; six minutes later nobody knows."""

Link = tuple[Words, str]


def explained(asked: Asked, code: str, period: str) -> Link:
    """Why an indicator's number of a period is what it is, on the wall."""
    return Words("为何是这个数", "Why this number"), f"{asked.wall}/explain/{code}/{period}"


def wall(asked: Asked) -> Link:
    """The wall, where nothing more is explained."""
    return Words("状态页", "Status page"), f"{asked.wall}/"


def to(asked: Asked, name: str, variables: str = "") -> Link:
    """Another dashboard, at the same time."""
    given = f"&{variables}" if variables else ""
    return Words("打开看板", "Open the dashboard"), f"/d/{asked.uid(name)}?${{__url_time_range}}{given}"


def computed(asked: Asked) -> Column:
    """How long ago a judgement was computed: `computed_at` under this name."""
    return Column(asked.say(Words("计算于", "computed")), AGO, width=150)


def came(asked: Asked) -> Column:
    """When the newest of points in a row came, in grey: the one thing that is left of a tile whose value is old."""
    return Column(asked.say(Words("最近一次", "last came")), AGO, grey=True)


def newest(
    asked: Asked, of: Measurement, columns: Mapping[str, str], when: str, hours: float, *its: str
) -> list[Query]:
    """Columns of the newest of points in a row where it is not older than so many hours; and always when it came, by the field
    `when` [ms]."""
    return [select(of, columns, *its, fresh(hours)), select(of, {came(asked).name: f"last({when})"}, *its, EVER)]


def coverage(asked: Asked) -> Column:
    """How much of what is expected is there [1]; grey where it is less than three quarters, which many rules ask for."""
    return Column(
        asked.say(Words("有效率", "coverage")), RATIO, steps((None, GREY), (0.75, SLATE)), decimals=0, width=110
    )


def age(asked: Asked, stale_h: float) -> Column:
    """How old a value is, [s] in the query; grey where it is old."""
    limits = steps((None, CLEAR), (stale_h * 3600, GREY))
    return Column(asked.say(Words("数据龄", "age")), SECONDS, limits, colour=True, decimals=0, width=110)


def finality(asked: Asked) -> Column:
    """How far a value is settled."""
    return Column(asked.say(Words("定稿程度", "settled")), "none", mapping=words(FINALITIES, asked.language), width=120)


def name(asked: Asked) -> Column:
    """The name of a station."""
    return Column(asked.say(Words("名称", "name")), "none", width=180)


def names(asked: Asked, family: str) -> Query:
    """The stations of a family in the chosen districts with their names, by station."""
    label = "name_zh" if asked.language == "zh" else "name_en"
    columns = {name(asked).name: f"last({label})"}
    where = (equals(STATIONS, "family", family), matches(STATIONS, "district", "($district)"))
    return select(STATIONS, columns, *where, by=("station",))


def over_time(
    asked: Asked, of: Measurement, quantity: Quantity, about: Words, column: Column | None = None, *, width: int = 8,
    height: int = 8, area: bool = False,
) -> Panel:  # fmt: skip
    """A quantity of the chosen stations as it is stored, a line for each; from a line to its device."""
    query = select(
        of, {quantity.code: quantity.code}, matches(of, "station", "($station)"), IN_RANGE, by=("station",), table=False,
        alias="$tag_station",
    )  # fmt: skip
    shown = column or Column(quantity.code, unit_of(quantity.unit))
    link = to(asked, "devices", "var-station=${__field.labels.station}")
    title = Words(quantity.zh, quantity.en)
    return lines(title, about, [query], shown, link, width=width, height=height, area=area)


def status(asked: Asked) -> Column:
    """How an indicator stands."""
    return Column(
        asked.say(Words("状态", "status")), "none", mapping=words(STATUSES, asked.language), colour=True, width=130
    )


def scope(asked: Asked) -> Column:
    """What a judgement is of: city, district:…, station:…, section:…"""
    return Column("scope", "none", width=150)


def this_year(asked: Asked, row: Indicator | None, called: Words, *, width: int, height: int = 5) -> list[Panel]:
    """A row of the plan in the year that runs, as its readings have it so far; its value is `called` so. Nothing where the plan
    has no such row."""
    if row is None:
        return []
    value = Column(asked.say(called), unit_of(row.unit))
    its_status, share, when = status(asked), coverage(asked), computed(asked)
    columns = {
        when.name: "last(computed_at)", value.name: "value", its_status.name: "status", share.name: "coverage",
    }  # fmt: skip
    # One period alone: of last year's value, computed again today, nothing is to be seen here.
    its = (
        equals(INDICATORS, "indicator", row.code), equals(INDICATORS, "scope", row.scope), equals(INDICATORS, "length", "year"),
        fresh(366 * 24),
    )  # fmt: skip
    queries = [select(INDICATORS, columns, *its, at(DAILY_H, INDICATORS, "computed_at")) for at in (fresh, stale)]
    about = Words(f"今年至今；目标 {row.wanted}。", f"The year so far; target {row.wanted}.")
    link = explained(asked, row.code, "${__to:date:YYYY}")
    shown = [its_status, value, share, when]
    return [tile(Words(row.zh, row.en), about, queries, shown, link, width=width, height=height, grey="B")]
