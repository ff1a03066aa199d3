"""Traffic and tunnels: capacity against the plan, saturation now and over time, days, and the air in tunnels."""

from dashboards.asked import Asked, Words
from dashboards.boards import Board, district, station
from dashboards.colours import service_steps
from dashboards.influxql import above, differs, equals, fresh, matches, select
from dashboards.panels import Column, Panel, rows
from dashboards.parts import HOURLY_H, age, computed, coverage, name, names, over_time, scope, this_year, to
from dashboards.units import RATIO, unit_of
from sensors.quantities import OF_FAMILY
from store.measurements import INDICATORS, MEASUREMENTS, STATIONS, measurement_of

_FLOW = MEASUREMENTS[measurement_of("traffic-flow", "hour")]
_MINUTES = MEASUREMENTS[measurement_of("traffic", "minute")]
_DAY = "traffic_day"


def board(asked: Asked) -> Board:
    """Capacity, directions now, flow and saturation over time, tunnel air."""
    capacity = this_year(asked, asked.row("tunnel_capacity"), Words("通行能力", "capacity"), width=8, height=10)
    bands = [
        [*capacity, _now(asked)],
        [_over_time(asked, "saturation"), _over_time(asked, "speed")],
        [_days(asked)],
        [_air(asked, code) for code in ("tunnel_co", "tunnel_no2", "tunnel_extinction")],
    ]
    about = Words(
        "饱和度按服务水平分色（界限出自标准，颜色自选）；灰色表示过期。",
        "Saturation by level of service (the limits are the standard's, the colours chosen); grey is old.",
    )
    title = Words("交通与隧道", "Traffic and tunnels")
    return Board(
        "traffic", title, about, bands, [district(), station(asked, "traffic")], since="now-2d", annotated=True
    )


def _now(asked: Asked) -> Panel:
    quantities = OF_FAMILY["traffic-flow"]
    saturation = Column(asked.say(Words("饱和度", "v/C")), RATIO, service_steps(), colour=True, decimals=0)
    others = [Column(asked.say(Words(quantities[code].zh, quantities[code].en)), unit_of(quantities[code].unit), decimals=0)
              for code in ("vehicles", "pcu", "speed")]  # fmt: skip
    share, how_old = coverage(asked), age(asked, HOURLY_H)
    columns = {"last": "last(received_at)", saturation.name: "saturation", share.name: "coverage"} | {
        column.name: code for column, code in zip(others, ("vehicles", "pcu", "speed"), strict=True)
    }
    its = matches(_FLOW, "station", "($station)")
    queries = [
        names(asked, "traffic"),
        select(_FLOW, columns, its, fresh(HOURLY_H), by=("station",)),
        select(_FLOW, {how_old.name: "age(received_at)", "heard": "last(received_at)"}, its, fresh(92 * 24), by=("station",)),
        select(STATIONS, {"tunnel": "last(tunnel)"}, equals(STATIONS, "family", "traffic"), differs(STATIONS, "tunnel", ""),
               by=("station",)),
    ]  # fmt: skip
    link = to(asked, "devices", "var-station=${__data.fields.station}")
    shown = [
        name(asked),
        Column("tunnel", "none", width=110),
        saturation,
        *others,
        share,
        how_old,
        Column("station", "none", link=link),
    ]
    about = Words("最近一小时各方向；过期的没有数值。", "Each direction in the last hour; what is old has no values.")
    return rows(
        Words("各方向", "Directions"),
        about,
        queries,
        shown,
        link,
        width=16,
        join="station",
        sort=saturation.name,
        descending=True,
    )


def _over_time(asked: Asked, code: str) -> Panel:
    of = OF_FAMILY["traffic-flow"][code]
    is_ratio = code == "saturation"
    column = Column(code, RATIO, service_steps()) if is_ratio else None
    about = Words(f"每小时{of.zh}，各方向。", f"{of.en} by the hour, each direction.")
    return over_time(asked, _FLOW, of, about, column, width=12, height=10, area=is_ratio)


def _days(asked: Asked) -> Panel:
    of, share, when = scope(asked), coverage(asked), computed(asked)
    value = Column(asked.say(Words("日流量", "vehicles")), unit_of("veh"), decimals=0)
    day, why = (
        Column(asked.say(Words("日期", "day")), "none", width=110),
        Column(asked.say(Words("说明", "in words")), "none"),
    )
    columns = {
        when.name: "last(computed_at)", day.name: "period", value.name: "value", share.name: "coverage", why.name: "sentence",
    }  # fmt: skip
    closed = above(INDICATORS, "revision", 0)
    query = select(
        INDICATORS, columns, equals(INDICATORS, "indicator", _DAY), matches(INDICATORS, "scope", "station:($station)"), closed,
        fresh(3 * 24.0), by=("scope",),
    )  # fmt: skip
    about = Words("各方向最近一个已结束日。", "Each direction's last day that has closed.")
    return rows(
        Words("日流量", "Days"),
        about,
        [query],
        [of, day, value, share, when, why],
        to(asked, "devices"),
        width=24,
        sort=of.name,
    )


def _air(asked: Asked, code: str) -> Panel:
    of = OF_FAMILY["traffic"][code]
    about = Words(f"{of.zh} [{of.unit}]，按上报周期。", f"{of.en} [{of.unit}], as it is sent.")
    return over_time(asked, _MINUTES, of, about)
