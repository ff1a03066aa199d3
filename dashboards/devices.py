"""Devices: which stations send, how old what they sent is, what their devices say, how much of each day came."""

from dashboards.asked import Asked, Words
from dashboards.boards import Board, Variable, district, station
from dashboards.colours import ALARM, CLEAR, LOOK, STATES, steps, words
from dashboards.influxql import IN_RANGE, equals, fresh, matches, select
from dashboards.panels import Column, Json, Panel, calendar, lines, rows, tile
from dashboards.parts import SAMPLED_H, came, newest, to
from dashboards.units import COUNT, RATIO, SECONDS
from sensors.presence import ILL
from sensors.quantities import MEASURED_FAMILIES
from store.measurements import DEVICES, INDICATORS, STATIONS

_FAMILIES = {
    "air": Words("空气", "Air"),
    "water": Words("水质", "Water"),
    "energy": Words("能源", "Energy"),
    "traffic": Words("交通", "Traffic"),
}


def board(asked: Asked) -> Board:
    """How many send, which do not, and how it was."""
    bands = [
        [_online(asked, family) for family in MEASURED_FAMILIES],
        [_table(asked)],
        [_history(asked)],
        [_coverage(asked), _links(asked)],
    ]
    about = Words(
        "状态每分钟采样一次；六分钟无采样即为未知。",
        "States are sampled once a minute; after six minutes without, nothing is known.",
    )
    return Board(
        "devices", Words("设备", "Devices"), about, bands, [_family(), district(), station(asked)], since="now-24h"
    )


def _family() -> Variable:
    return Variable("family", Words("类别", "Family"), select(STATIONS, {"family": "distinct(family_id)"}))


def _ours() -> tuple[str, ...]:
    return tuple(matches(DEVICES, name, f"(${name})") for name in ("family", "district", "station"))


def _states(asked: Asked) -> list[Json]:
    """How ill a station is, as words."""
    options = {
        str(number): {"text": STATES[state][0].of(asked.language), "color": STATES[state][1], "index": number}
        for state, number in ILL.items()
    }
    return [{"type": "value", "options": options}]


def _online(asked: Asked, family: str) -> Panel:
    """Of all stations of a family the worst, so that one that is silent is seen from afar."""
    worst = Column(asked.say(Words("最差状态", "worst")), "none", mapping=_states(asked), colour=True)
    oldest = Column(asked.say(Words("最旧数据龄", "oldest")), SECONDS)
    columns = {worst.name: "max(ill)", oldest.name: "max(age_s)"}
    queries = newest(asked, DEVICES, columns, "sampled_at", SAMPLED_H, equals(DEVICES, "family", family))
    about = Words(
        "该类站点中最差的状态与最旧的数据龄。", "The worst state of this family's stations, and the oldest age."
    )
    link = to(asked, "devices", f"var-family={family}")
    return tile(_FAMILIES[family], about, queries, [worst, oldest, came(asked)], link, width=6)


def _table(asked: Asked) -> Panel:
    state = Column("state", "none", mapping=words(STATES, asked.language), colour=True, width=120)
    drifts = Column("drifts", COUNT, steps((None, CLEAR), (1, LOOK)), colour=True, width=90)
    battery = Column("battery", "percent", steps((None, ALARM), (20, LOOK), (40, CLEAR)), width=90)
    columns = {
        "state": "last(state)", "ill": "ill", "age": "age_s", "battery": "battery", "rssi": "rssi", "snr": "snr", "lost": "lost",
        "drifts": "drifts",
    }  # fmt: skip
    query = select(DEVICES, columns, *_ours(), fresh(SAMPLED_H), by=("family", "station", "district"))
    shown = [
        state, Column("ill", "none", hidden=True), Column("family", "none", width=100), Column("station", "none", width=160),
        Column("district", "none", width=110), Column("age", SECONDS, width=120), battery, Column("rssi", "dBm", width=90),
        Column("snr", "dB", width=90), Column("lost", COUNT, width=90), drifts,
    ]  # fmt: skip
    about = Words(
        "最差的在前。drifts：报文有变、待确认的处数（cityflux drifts list）。",
        "The worst first. drifts: changes of messages to be looked at (cityflux drifts list).",
    )
    link = (
        Words("看该站点", "This station"),
        f"/d/{asked.uid('devices')}?${{__url_time_range}}&var-station=${{__data.fields.station}}",
    )
    return rows(
        Words("各站点", "Stations"), about, [query], shown, link, width=24, height=12, sort="ill", descending=True
    )


def _history(asked: Asked) -> Panel:
    column = Column("ill", "none", mapping=_states(asked), colour=True)
    query = select(DEVICES, {"ill": "ill"}, *_ours(), IN_RANGE, by=("station",), table=False, alias="$tag_station")
    about = Words(
        "各站点状态随时间的变化；空白为没有采样。", "How each station was over time; empty where nothing was sampled."
    )
    return calendar(
        Words("状态历史", "States over time"), about, query, column, to(asked, "devices"), width=24, height=12
    )


def _coverage(asked: Asked) -> Panel:
    query = select(
        INDICATORS, {"coverage": "coverage"}, equals(INDICATORS, "length", "day"),
        matches(INDICATORS, "scope", "(station|section|meter):($station)"), IN_RANGE, by=("scope",), table=False,
        alias="$tag_scope",
    )  # fmt: skip
    about = Words("每日有效率：有效数据与应有数据之比。", "Quality by the day: valid data of what is expected.")
    return lines(
        Words("每日有效率", "Coverage by the day"),
        about,
        [query],
        Column("coverage", RATIO, decimals=0),
        to(asked, "devices"),
        width=12,
    )


def _links(asked: Asked) -> Panel:
    query = select(DEVICES, {"age": "age_s"}, *_ours(), IN_RANGE, by=("station",), table=False, alias="$tag_station")
    about = Words("距各站点最近一次上报的时间。", "How long ago each station was heard last.")
    return lines(Words("数据龄", "Age"), about, [query], Column("age", SECONDS), to(asked, "devices"), width=12)
