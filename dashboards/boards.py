"""A dashboard of panels in bands: classic JSON with a stable uid, variables, annotations and links to the others."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dashboards.asked import Asked, Words
from dashboards.influxql import IN_RANGE, Query, equals, matches, select
from dashboards.panels import SOURCE, Json, Panel, as_json
from store.measurements import INCIDENTS, SCORECARD, STATIONS

SCHEMA_VERSION = 39
"""Grafana 11's; later ones read it and bring it to their own."""

_WIDTH = 24


@dataclass(frozen=True)
class Variable:
    """What a person chooses; `query` gives the choices, of which `regex` takes text and value."""

    name: str
    label: Words
    query: Query
    regex: str = ""
    many: bool = True
    newest_first: bool = False


@dataclass(frozen=True)
class Board:
    """A dashboard: bands of panels, one under the other."""

    name: str
    title: Words
    about: Words
    bands: Sequence[Sequence[Panel]]
    variables: Sequence[Variable] = ()
    since: str = "now-7d"
    refresh: str = "1m"
    annotated: bool = field(default=False)


def district() -> Variable:
    """One district, several or all."""
    query = select(STATIONS, {"district": "distinct(district_id)"})
    return Variable("district", Words("区县", "District"), query)


def station(asked: Asked, family: str = "") -> Variable:
    """Stations of a family, or of the chosen ones, in the chosen districts, by the names that people know."""
    label = "label_zh" if asked.language == "zh" else "label_en"
    of = equals(STATIONS, "family", family) if family else matches(STATIONS, "family", "($family)")
    chosen = (of, matches(STATIONS, "district", "($district)"))
    query = select(STATIONS, {"station": f"distinct({label})"}, *chosen)
    return Variable("station", Words("站点", "Station"), query, r"/(?<text>.+) \((?<value>[^)]+)\)$/")


def year() -> Variable:
    """A year of the plan, the newest first."""
    return Variable(
        "year", Words("年度", "Year"), select(SCORECARD, {"year": "distinct(of_year)"}), many=False, newest_first=True
    )


def dashboard(board: Board, asked: Asked) -> Json:
    """Its JSON, as Grafana imports it. Raises ValueError where a band is wider than the page."""
    panels: list[Json] = []
    y = 0
    for band in board.bands:
        x = 0
        for panel in band:
            if x + panel.width > _WIDTH:
                raise ValueError(f"{board.name}: {panel.title.en} does not fit in its band")
            panels.append(as_json(panel, asked, len(panels) + 1, x, y))
            x += panel.width
        y += max(panel.height for panel in band)
    return {
        "uid": asked.uid(board.name),
        "title": asked.say(board.title),
        "description": asked.say(board.about),
        "tags": ["cityflux", asked.language],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "timezone": asked.zone,
        "refresh": board.refresh,
        "time": {"from": board.since, "to": "now"},
        "templating": {"list": [_variable(one, asked) for one in board.variables]},
        "annotations": {"list": [_incidents(asked)] if board.annotated else []},
        "links": [_to_the_others(asked)],
        "panels": panels,
    }


def _variable(one: Variable, asked: Asked) -> Json:
    return {
        "name": one.name,
        "label": asked.say(one.label),
        "type": "query",
        "datasource": SOURCE,
        "query": one.query.text,
        "regex": one.regex,
        "refresh": 2,  # when the time range changes, so that what is new is there
        "sort": 4 if one.newest_first else 1,
        "multi": one.many,
        "includeAll": one.many,
        # All is everything that matches, whatever a regular expression would make of a list of thousands.
        **({"allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]}} if one.many else {}),
    }


def _incidents(asked: Asked) -> Json:
    """Incidents that began in what is looked at, as marks over the lines."""
    names = {"text": "subject", "rule": "rule", "timeEnd": "resolved"}
    query = select(INCIDENTS, names, IN_RANGE)
    return {
        "name": asked.say(Words("告警", "Incidents")),
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "red",
        "target": {
            "refId": "incidents",
            "query": query.text,
            "rawQuery": True,
            "textColumn": "text",
            "tagsColumn": "rule",
            "timeEndColumn": "timeEnd",
        },
    }


def _to_the_others(asked: Asked) -> Json:
    return {
        "title": asked.say(Words("看板", "Dashboards")),
        "type": "dashboards",
        "tags": ["cityflux", asked.language],
        "asDropdown": True,
        "keepTime": True,
        "includeVars": False,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }
