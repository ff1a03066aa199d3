"""Air: the city now and by the day, stations now and over time, the calendar."""

from dashboards.asked import Asked, Words
from dashboards.boards import Board, district, station
from dashboards.colours import aqi_steps
from dashboards.influxql import IN_RANGE, above, equals, fresh, matches, select
from dashboards.panels import Column, Panel, calendar, lines, rows, tile
from dashboards.parts import (
    DAILY_H,
    HOURLY_H,
    Link,
    age,
    came,
    coverage,
    explained,
    finality,
    name,
    names,
    newest,
    over_time,
    this_year,
    to,
    wall,
)
from dashboards.units import unit_of
from processors.standards.tables import POLLUTANTS
from sensors.quantities import OF_FAMILY
from store.measurements import INDICATORS, MEASUREMENTS, measurement_of

_HOURS = MEASUREMENTS[measurement_of("air", "hour")]
_INDEX = MEASUREMENTS[measurement_of("air-index", "hour")]
_CITY = "@city"
_DAILY = "air_daily_aqi"


def board(asked: Asked) -> Board:
    """City, stations, calendar, and the pollutants over time."""
    aqi = Column("AQI", unit_of("1"), aqi_steps(asked.day), colour=True, decimals=0)
    good = this_year(asked, asked.row("good_air_days"), Words("优良天数", "good days"), width=8)
    bands = [
        [_now(asked, aqi), _day(asked, aqi), *good],
        [_stations(asked, aqi), _index_lines(asked, aqi)],
        [_calendar(asked, aqi)],
        [_pollutant(asked, code) for code in POLLUTANTS[:3]],
        [_pollutant(asked, code) for code in POLLUTANTS[3:]],
    ]
    about = Words(
        "颜色按 HJ 633 分级；灰色表示数据过期。日值由处理程序按当日标准计算。",
        "Colours are the classes of HJ 633; grey is old. Days are computed by the pipeline, by the day's own standard.",
    )
    variables = [district(), station(asked, "air")]
    return Board("air", Words("空气质量", "Air quality"), about, bands, variables, annotated=True)


def _now(asked: Asked, aqi: Column) -> Panel:
    share, when = coverage(asked), came(asked)
    its = equals(_INDEX, "station", _CITY)
    columns = {aqi.name: "last(aqi)", share.name: "coverage"}
    queries = newest(asked, _INDEX, columns, "received_at", HOURLY_H, its)
    about = Words(
        "最近一个整点的城市实时 AQI；两小时后不再显示。", "The city's AQI of the last hour; not shown after two hours."
    )
    title = Words("城市实时 AQI", "City, real-time AQI")
    return tile(title, about, queries, [aqi, share, when], to(asked, "air"), width=8)


def _day(asked: Asked, aqi: Column) -> Panel:
    share, settled, when = coverage(asked), finality(asked), came(asked)
    # The last day that has closed: the one that runs has no value before enough of its hours are there.
    its = (
        equals(INDICATORS, "indicator", _DAILY), equals(INDICATORS, "scope", "city"), equals(INDICATORS, "length", "day"),
        above(INDICATORS, "revision", 0),
    )  # fmt: skip
    columns = {"last": "last(computed_at)", aqi.name: "value", share.name: "coverage", settled.name: "finality"}
    queries = newest(asked, INDICATORS, columns, "computed_at", 2 * DAILY_H, *its)
    about = Words("最近一个已结束日的城市 AQI。", "The city's AQI of the last day that has closed.")
    shown = [aqi, share, settled, when]
    return tile(Words("城市日 AQI", "City, last day"), about, queries, shown, _why_day(asked), width=8)


def _why_day(asked: Asked) -> Link:
    """A day of the city, where the plan counts good days; else the wall."""
    row = asked.row("good_air_days")
    if row is None:
        return wall(asked)
    return explained(asked, row.code, "${__value.time:date:YYYY}/${__value.time:date:YYYY-MM-DD}")


def _stations(asked: Asked, aqi: Column) -> Panel:
    how_old, share, called = age(asked, HOURLY_H), coverage(asked), name(asked)
    its = matches(_INDEX, "station", "($station)")
    queries = [
        names(asked, "air"),
        select(_INDEX, {aqi.name: "last(aqi)", share.name: "coverage"}, its, fresh(HOURLY_H), by=("station",)),
        select(
            _INDEX,
            {how_old.name: "age(received_at)", "last": "last(received_at)"},
            its,
            fresh(92 * 24),
            by=("station",),
        ),
    ]
    about = Words("过期的站点没有 AQI，数据龄变灰。", "A station that is old has no AQI, and its age is grey.")
    link = to(asked, "devices", "var-station=${__data.fields.station}")
    station_column = Column("station", "none", width=110, link=link)
    return rows(
        Words("各站点", "Stations"), about, queries, [called, station_column, aqi, share, how_old], link, width=10,
        join="station", sort=aqi.name, descending=True,
    )  # fmt: skip


def _index_lines(asked: Asked, aqi: Column) -> Panel:
    query = select(
        _INDEX, {"AQI": "aqi"}, matches(_INDEX, "station", "($station|@city)"), IN_RANGE, by=("station",), table=False,
        alias="$tag_station",
    )  # fmt: skip
    about = Words(
        "各站点与城市（@city）的小时 AQI，底色为分级。",
        "Hourly AQI of stations and the city (@city), over the classes.",
    )
    return lines(
        Words("小时 AQI", "AQI by the hour"), about, [query], Column("AQI", aqi.unit, aqi.steps), to(asked, "air"),
        width=14, height=10, area=True,
    )  # fmt: skip


def _calendar(asked: Asked, aqi: Column) -> Panel:
    its = (equals(INDICATORS, "indicator", _DAILY), equals(INDICATORS, "length", "day"))
    query = select(
        INDICATORS,
        {"AQI": "value"},
        *its,
        matches(INDICATORS, "scope", "(city|district:($district))"),
        IN_RANGE,
        by=("scope",),
        table=False,
        alias="$tag_scope",
    )
    about = Words(
        "城市与区县每日 AQI；空格为不可评价。",
        "Daily AQI of the city and its districts; an empty cell is not assessable.",
    )
    link = _why_day(asked)
    return calendar(Words("日历", "Calendar"), about, query, aqi, link, width=24)


def _pollutant(asked: Asked, code: str) -> Panel:
    of = OF_FAMILY["air"][code]
    about = Words(
        f"{of.zh}小时均值 [{of.unit}]，时间为小时之末。",
        f"Hourly means of {of.en} [{of.unit}], at the end of the hour.",
    )
    return over_time(asked, _HOURS, of, about)
