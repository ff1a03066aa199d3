"""Colours: the standards' own where they have any; of what no standard colours, chosen: from calm to alarming."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from dashboards.asked import Language, Words
from processors.standards.tables import air_rules
from processors.standards.traffic import traffic_tables
from processors.standards.water import water_standard

GREY: Final = "#808080"
"""Chosen: of what is old, missing or not to be judged; no standard has it."""

SLATE: Final = "#3D4F60"
"""Chosen: the ground of a tile that has no verdict; white is read on it, by day and by night."""
CLEAR: Final = "transparent"
"""The ground of a cell that has no verdict."""

CALM, LOOK, WORSE, ALARM = "#37872D", "#E0B400", "#FA6400", "#C4162A"

SEVERITIES: Final[Mapping[str, tuple[Words, str]]] = {
    "notice": (Words("提示", "notice"), "#5794F2"),
    "warning": (Words("预警", "warning"), LOOK),
    "serious": (Words("严重", "serious"), WORSE),
    "critical": (Words("危急", "critical"), ALARM),
}
PHASES: Final[Mapping[str, tuple[Words, str]]] = {
    "firing": (Words("持续", "firing"), ALARM),
    "recovering": (Words("恢复中", "recovering"), LOOK),
    "resolved": (Words("已解除", "resolved"), CALM),
    "closed": (Words("已关闭", "closed"), GREY),
    "withdrawn": (Words("已撤回", "withdrawn"), GREY),
    "joined": (Words("已合并", "joined"), GREY),
}
STATES: Final[Mapping[str, tuple[Words, str]]] = {
    "online": (Words("在线", "online"), CALM),
    "late": (Words("迟报", "late"), LOOK),
    "silent": (Words("失联", "silent"), ALARM),
    "offline": (Words("离线", "offline"), ALARM),
    "never seen": (Words("从未上报", "never seen"), GREY),
}
STATUSES: Final[Mapping[str, tuple[Words, str]]] = {
    "met": (Words("达到", "met"), CALM),
    "on track": (Words("进展正常", "on track"), CALM),
    "stated": (Words("已公布", "stated"), "#5794F2"),
    "at risk": (Words("有风险", "at risk"), LOOK),
    "missed": (Words("未达到", "missed"), ALARM),
    "not assessable": (Words("不可评价", "not assessable"), GREY),
    "not computed": (Words("未计算", "not computed"), GREY),
    "not entered": (Words("未填报", "not entered"), GREY),
}
FINALITIES: Final[Mapping[str, tuple[Words, str]]] = {
    "running": (Words("累计中", "running"), GREY),
    "provisional": (Words("暂定", "provisional"), GREY),
    "under review": (Words("审核中", "under review"), LOOK),
    "final": (Words("终审", "final"), CALM),
}


def words(known: Mapping[str, tuple[Words, str]], language: Language) -> list[dict[str, Any]]:
    """Grafana's mapping of our words: what people read, and its colour."""
    options = {
        code: {"text": text.of(language), "color": colour, "index": index}
        for index, (code, (text, colour)) in enumerate(known.items())
    }
    return [{"type": "value", "options": options}]


def steps(*limits: tuple[float | None, str]) -> dict[str, Any]:
    """Thresholds: a colour from each limit on; the first one, from nothing on, has none."""
    return {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in limits]}


PLAIN: Final = steps((None, SLATE))


def aqi_steps(day: date) -> dict[str, Any]:
    """The classes of the AQI in force on a day."""
    classes = air_rules(day).index.categories
    return steps(*((None if one.low == 0 else one.low, one.hex) for one in classes))


def water_mapping(language: Language) -> list[dict[str, Any]]:
    """Classes of water by their number: their name and the colour that the standard says in a word, which Grafana knows too."""
    status = "status_zh" if language == "zh" else "status_en"
    options = {
        str(one.code): {"text": f"{one.name} {getattr(one, status)}", "color": one.colour, "index": one.code}
        for one in water_standard().classes
    }
    return [{"type": "value", "options": options}]


def water_steps() -> dict[str, Any]:
    """The same as limits, for what is drawn without text."""
    return steps(*((None if one.code == 1 else one.code, one.colour) for one in water_standard().classes))


def service_steps() -> dict[str, Any]:
    """Saturation by level of service: the limits are the table's, the colours chosen."""
    limits = [float(level.to) for level in traffic_tables().service.levels if level.to is not None]
    shades: Sequence[str] = (CALM, "#73BF69", "#FADE2A", LOOK, WORSE, ALARM)
    return steps(*zip([None, *limits], shades, strict=True))
