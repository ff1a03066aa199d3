"""The map: stations where they stand, coloured by the air of the last hour, and by whether they send."""

from dashboards.asked import Asked, Words
from dashboards.boards import Board, Variable, district
from dashboards.colours import STATES, aqi_steps, words
from dashboards.influxql import Query, equals, fresh, matches, select
from dashboards.panels import Column, Panel, places
from dashboards.parts import HOURLY_H, SAMPLED_H, name, to
from dashboards.units import unit_of
from store.measurements import DEVICES, MEASUREMENTS, STATIONS, measurement_of

_INDEX = MEASUREMENTS[measurement_of("air-index", "hour")]


def board(asked: Asked) -> Board:
    """Two maps side by side."""
    about = Words(
        "左：站点小时 AQI；右：站点在线状态。灰色表示过期或未知。底图不取自外网。",
        "Left: hourly AQI of stations; right: whether stations send. Grey is old or not known. No map is loaded from outside.",
    )
    variables: list[Variable] = [district()]
    return Board("map", Words("地图", "Map"), about, [[_air(asked), _states(asked)]], variables, since="now-6h")


def _air(asked: Asked) -> Panel:
    aqi = Column("AQI", unit_of("1"), aqi_steps(asked.day), colour=True, decimals=0)
    queries = [
        _positions(asked, equals(STATIONS, "family", "air")),
        select(_INDEX, {aqi.name: "last(aqi)", "coverage": "coverage"}, fresh(HOURLY_H), by=("station",)),
    ]
    about = Words(
        "站点最近一小时 AQI；过期的站点为灰色。", "AQI of stations in the last hour; a station that is old is grey."
    )
    link = to(asked, "air", "var-station=${__data.fields.station}")
    return places(
        Words("空气质量", "Air quality"), about, queries, [aqi, name(asked)], link, width=12, height=22, join="station",
        colour=aqi.name, text=name(asked).name, tiles=asked.tiles,
    )  # fmt: skip


def _states(asked: Asked) -> Panel:
    state = Column(asked.say(Words("状态", "state")), "none", mapping=words(STATES, asked.language), colour=True)
    queries = [
        _positions(asked),
        select(DEVICES, {state.name: "last(state)", "age_s": "age_s"}, fresh(SAMPLED_H), by=("station",)),
    ]
    about = Words("各类站点是否按时上报。", "Whether stations of every family send as they should.")
    link = to(asked, "devices", "var-station=${__data.fields.station}")
    return places(
        Words("在线状态", "Presence"), about, queries, [state, name(asked)], link, width=12, height=22, join="station",
        colour=state.name, text=name(asked).name, tiles=asked.tiles,
    )  # fmt: skip


def _positions(asked: Asked, *where: str) -> Query:
    label = "name_zh" if asked.language == "zh" else "name_en"
    columns = {name(asked).name: f"last({label})", "longitude": "longitude", "latitude": "latitude"}
    return select(STATIONS, columns, matches(STATIONS, "district", "($district)"), *where, by=("station",))
