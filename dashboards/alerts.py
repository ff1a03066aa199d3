"""Alerts and incidents: what holds now and asks for somebody, what was, and by which rules."""

from dashboards.asked import Asked, Words
from dashboards.boards import Board
from dashboards.colours import ALARM, CALM, LOOK, PHASES, SEVERITIES, steps, words
from dashboards.influxql import IN_RANGE, equals, select
from dashboards.panels import Column, Json, Panel, lines, rows, tile
from dashboards.parts import SAMPLED_H, came, newest, to, wall
from dashboards.units import COUNT, MOMENT
from store.measurements import INCIDENTS, PIPELINE

_MANY, _SOME = 10, 1


def board(asked: Asked) -> Board:
    """How many, which, and the history in what is looked at."""
    bands = [
        [_count(asked), _asking(asked), _watching(asked)],
        [_open(asked)],
        [_severities(asked)],
        [_history(asked)],
    ]
    about = Words(
        "告警由处理程序判定，此处只显示。处置步骤见 docs/runbooks。",
        "The pipeline decides; this only shows. What to do: docs/runbooks.",
    )
    return Board("alerts", Words("告警与事件", "Alerts and incidents"), about, bands, since="now-30d", refresh="30s")


def _count(asked: Asked) -> Panel:
    limits = steps((None, CALM), (_SOME, LOOK), (_MANY, ALARM))
    about = Words("尚未解除的事件数。", "Incidents that hold.")
    return _sampled(asked, Words("持续中的事件", "Open incidents"), about, "incidents_open", limits)


def _asking(asked: Asked) -> Panel:
    limits = steps((None, CALM), (_SOME, ALARM))
    about = Words("持续中且当前级别无人确认的事件。", "Open ones that nobody has acknowledged at their level.")
    return _sampled(asked, Words("待确认", "To be acknowledged"), about, "incidents_asking", limits)


def _watching(asked: Asked) -> Panel:
    """That there is none says something only while somebody looks."""
    about = Words(
        "告警程序尚未查看的序列；长时间不降表示告警程序未运行，此时“没有告警”不可信。",
        "Series that the watch has not looked at yet; where they do not fall, it does not run, and no alert means nothing.",
    )
    limits = steps((None, CALM), (100, LOOK))
    return _sampled(asked, Words("待查看的序列", "Series to look at"), about, "alerts_waiting", limits)


def _sampled(asked: Asked, title: Words, about: Words, field: str, limits: Json) -> Panel:
    of = Column(asked.say(title), COUNT, limits, colour=True, decimals=0)
    queries = newest(asked, PIPELINE, {of.name: f"last({field})"}, "sampled_at", SAMPLED_H)
    return tile(title, about, queries, [of, came(asked)], to(asked, "pipeline"), width=8)


def _columns(asked: Asked) -> list[Column]:
    rules = {rule.code: (Words(rule.zh, rule.en), "text") for rule in asked.rules.values()}
    return [
        Column("id", "none", width=70),
        Column("severity", "none", mapping=words(SEVERITIES, asked.language), colour=True, width=100),
        Column("rule", "none", mapping=words(rules, asked.language), width=320),
        Column("subject", "none", width=140),
        Column("since", MOMENT, width=180),
        Column("phase", "none", mapping=words(PHASES, asked.language), colour=True, width=110),
        Column("minutes", "m", width=110),
        Column("acknowledged", "none", width=130),
        Column("peak", "none"),
    ]


_SELECTED = {
    "id": "id", "severity": "severity", "rule": "rule", "subject": "subject", "since": "since", "phase": "phase",
    "minutes": "minutes", "acknowledged": "acknowledged_by", "peak": "peak",
}  # fmt: skip


def _open(asked: Asked) -> Panel:
    query = select(INCIDENTS, _SELECTED, equals(INCIDENTS, "open", True), order="ORDER BY time DESC LIMIT 100")
    about = Words(
        "cityflux alerts explain ID 显示原委，cityflux alerts ack ID --note … 确认。",
        "cityflux alerts explain ID says why, cityflux alerts ack ID --note … acknowledges.",
    )
    return rows(Words("持续中", "Open"), about, [query], _columns(asked), wall(asked), width=24, height=10)


def _severities(asked: Asked) -> Panel:
    query = select(INCIDENTS, {"greatest": "greatest"}, IN_RANGE, by=("rule",), table=False, alias="$tag_rule")
    about = Words(
        "各规则事件的最高级别，按发生时间。", "The highest level of each incident, when it was told, by rule."
    )
    return lines(
        Words("按时间", "Over time"),
        about,
        [query],
        Column("greatest", "none"),
        to(asked, "alerts"),
        width=24,
        height=7,
    )


def _history(asked: Asked) -> Panel:
    query = select(INCIDENTS, _SELECTED, IN_RANGE, order="ORDER BY time DESC LIMIT 500")
    about = Words("所选时段内的全部事件，最近的在前。", "All incidents of what is looked at, the newest first.")
    return rows(Words("历史", "History"), about, [query], _columns(asked), wall(asked), width=24, height=12)
