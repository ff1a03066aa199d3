"""Panels as Grafana's classic JSON (11 to 13), each with title, unit, description and a link from its numbers.

A tile asks twice, so that silence never looks like clean air. Of one value that is computed again and again: once for it where
it is fresh, and once where it is not, which is then grey. Of points in a row: for the newest where it is fresh, and always for
when it came, in grey; what is old is not shown, only when it was. Where there is neither, it says that there is nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from dashboards.asked import SOURCE_UID, Asked, Words
from dashboards.colours import GREY, PLAIN
from dashboards.influxql import Query

Json = dict[str, Any]
Kind = Literal["stat", "timeseries", "table", "status-history", "geomap", "bargauge"]

SOURCE: Final = {"type": "influxdb", "uid": SOURCE_UID}
NOTHING = Words("无数据", "no data")


@dataclass(frozen=True)
class Column:
    """How a field is shown, by the name that its query gives it. `colour`: its cell is coloured by steps or mapping."""

    name: str
    unit: str
    steps: Mapping[str, Any] = field(default_factory=lambda: PLAIN)
    mapping: Sequence[Json] = ()
    colour: bool = False
    decimals: int | None = None
    width: int | None = None
    link: tuple[Words, str] | None = None
    hidden: bool = False
    grey: bool = False


@dataclass(frozen=True)
class Panel:
    """A panel; `width` of 24 and `height` are Grafana's units. `columns` beside the first say how the others are shown."""

    kind: Kind
    title: Words
    about: Words
    queries: Sequence[Query]
    columns: Sequence[Column]
    link: tuple[Words, str]
    width: int
    height: int = 8
    options: Mapping[str, Any] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    transformations: Sequence[Json] = ()
    grey: str = ""
    """The letter of the query that asks for what is old."""


def as_json(panel: Panel, asked: Asked, number: int, x: int, y: int) -> Json:
    """A panel at its place."""
    main = panel.columns[0]
    defaults: Json = {
        "unit": main.unit,
        "thresholds": dict(main.steps),
        "mappings": list(main.mapping),
        "color": {"mode": "thresholds"} if main.colour else {"mode": "palette-classic"},
        "noValue": asked.say(NOTHING),
        "links": [_link(panel.link, asked)],
        "custom": dict(panel.custom),
    }
    if main.decimals is not None:
        defaults["decimals"] = main.decimals
    overrides = [_override(column, panel.kind, asked) for column in panel.columns]
    if panel.grey:
        old = [{"id": "color", "value": {"mode": "fixed", "fixedColor": GREY}}]
        overrides.append({"matcher": {"id": "byFrameRefID", "options": panel.grey}, "properties": old})
    return {
        "id": number,
        "type": panel.kind,
        "title": asked.say(panel.title),
        "description": asked.say(panel.about),
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "targets": [_target(query, chr(ord("A") + n)) for n, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "options": dict(panel.options),
        "transformations": list(panel.transformations),
    }


def _target(query: Query, letter: str) -> Json:
    found: Json = {
        "refId": letter, "datasource": SOURCE, "rawQuery": True, "query": query.text,
        "resultFormat": "table" if query.table else "time_series",
    }  # fmt: skip
    return found | ({"alias": query.alias} if query.alias else {})


def _link(link: tuple[Words, str], asked: Asked) -> Json:
    title, url = link
    return {"title": asked.say(title), "url": url, "targetBlank": url.startswith("http")}


def _override(column: Column, kind: Kind, asked: Asked) -> Json:
    properties: list[Json] = [
        {"id": "unit", "value": column.unit},
        {"id": "thresholds", "value": dict(column.steps)},
        {"id": "mappings", "value": list(column.mapping)},
    ]
    if kind == "table":
        style = {"type": "color-background", "mode": "basic"} if column.colour else {"type": "auto"}
        properties.append({"id": "custom.cellOptions", "value": style})
        if column.hidden:
            properties.append({"id": "custom.hidden", "value": True})
        if column.width is not None:
            properties.append({"id": "custom.width", "value": column.width})
    colour = {"mode": "fixed", "fixedColor": GREY} if column.grey else {"mode": "thresholds"}
    properties.append({"id": "color", "value": colour})
    if column.decimals is not None:
        properties.append({"id": "decimals", "value": column.decimals})
    if column.link is not None:
        properties.append({"id": "links", "value": [_link(column.link, asked)]})
    return {"matcher": {"id": "byName", "options": column.name}, "properties": properties}


# The kinds that are used


def tile(
    title: Words, about: Words, queries: Sequence[Query], columns: Sequence[Column], link: tuple[Words, str], *, width: int,
    height: int = 5, grey: str = "",
) -> Panel:  # fmt: skip
    """Big numbers that are read from afar: of the columns the first is coloured; coverage and age stand beside it. `grey` is the
    letter of the query that asks for what is old."""
    names = "|".join(re.escape(column.name) for column in columns)
    options = {
        "reduceOptions": {"values": False, "calcs": ["lastNotNull"], "fields": f"/^({names})$/"},
        "orientation": "auto", "textMode": "value_and_name", "colorMode": "background_solid", "graphMode": "none",
        "justifyMode": "center", "wideLayout": True, "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }  # fmt: skip
    return Panel("stat", title, about, queries, columns, link, width, height, options, grey=grey)


def lines(
    title: Words, about: Words, queries: Sequence[Query], column: Column, link: tuple[Words, str], *, width: int,
    height: int = 8, area: bool = False,
) -> Panel:  # fmt: skip
    """Values over time, gaps left open; `area`: the limits as bands behind them."""
    custom = {
        "drawStyle": "line", "lineWidth": 2, "fillOpacity": 0, "showPoints": "auto", "pointSize": 4, "spanNulls": False,
        "insertNulls": False, "thresholdsStyle": {"mode": "area" if area else "off"},
    }  # fmt: skip
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return Panel("timeseries", title, about, queries, [column], link, width, height, options, custom)


def rows(
    title: Words, about: Words, queries: Sequence[Query], columns: Sequence[Column], link: tuple[Words, str], *,
    width: int, height: int = 10, join: str = "", sort: str = "", descending: bool = False,
) -> Panel:  # fmt: skip
    """A table of the columns in their order; several queries are joined by a column."""
    transformations: list[Json] = []
    if join:
        transformations.append({"id": "joinByField", "options": {"byField": join, "mode": "outer"}})
    names = [column.name for column in columns]
    transformations.append({"id": "filterFieldsByName", "options": {"include": {"names": names}}})
    order = {name: index for index, name in enumerate(names)}
    transformations.append(
        {"id": "organize", "options": {"indexByName": order, "excludeByName": {}, "renameByName": {}}}
    )
    options: Json = {"showHeader": True, "cellHeight": "md", "frameIndex": 0}
    if sort:
        options["sortBy"] = [{"displayName": sort, "desc": descending}]
    return Panel(
        "table", title, about, queries, columns, link, width, height, options, {"align": "auto", "filterable": True},
        transformations,
    )  # fmt: skip


def calendar(
    title: Words, about: Words, query: Query, column: Column, link: tuple[Words, str], *, width: int, height: int = 8
) -> Panel:
    """A row for each subject, a cell for each day, coloured; a day without a value stays empty."""
    options = {
        "showValue": "auto", "rowHeight": 0.9, "colWidth": 0.9,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
    }  # fmt: skip
    custom = {"lineWidth": 0, "fillOpacity": 90}
    return Panel("status-history", title, about, [query], [column], link, width, height, options, custom)


def places(
    title: Words, about: Words, queries: Sequence[Query], columns: Sequence[Column], link: tuple[Words, str], *,
    width: int, height: int, join: str, colour: str, text: str, tiles: str,
) -> Panel:  # fmt: skip
    """Stations on a map by `latitude` and `longitude`, coloured by one column; their ground is of `tiles`, or there is none."""
    layer = {
        "type": "markers", "name": text, "tooltip": True,
        "config": {
            "showLegend": False,
            "style": {
                "size": {"fixed": 12, "min": 8, "max": 16}, "opacity": 0.9, "rotation": {"fixed": 0, "min": -360, "max": 360},
                "color": {"field": colour, "fixed": GREY}, "symbol": {"fixed": "img/icons/marker/circle.svg", "mode": "fixed"},
                "text": {"field": text, "fixed": "", "mode": "field"},
                "textConfig": {"fontSize": 14, "textAlign": "left", "textBaseline": "middle", "offsetX": 12, "offsetY": 0},
            },
        },
        "location": {"mode": "coords", "latitude": "latitude", "longitude": "longitude"},
    }  # fmt: skip
    options = {
        "view": {"id": "fit", "lat": 0, "lon": 0, "zoom": 12, "allLayers": True},
        "basemap": {
            "type": "xyz", "name": "ground", "config": {"url": tiles or "about:blank"}, "opacity": 1 if tiles else 0,
        },
        "controls": {"showZoom": True, "mouseWheelZoom": True, "showAttribution": False, "showScale": True},
        "layers": [layer], "tooltip": {"mode": "details"},
    }  # fmt: skip
    transformations = [{"id": "joinByField", "options": {"byField": join, "mode": "outer"}}]
    return Panel("geomap", title, about, queries, columns, link, width, height, options, {}, transformations)
