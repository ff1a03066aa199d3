"""The dashboards under test, and their queries as Grafana would send them."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from dashboards.asked import LANGUAGES, Asked, Language
from dashboards.catalogue import dashboards
from processors.alerts.rules import shipped_rules
from processors.plans import shipped_plan
from sensors.instants import DAY_MS, to_datetime

Json = dict[str, Any]
DAY = date(2026, 11, 30)
WALL = "http://wall.example:8080"


def asked(language: Language) -> Asked:
    return Asked(language, shipped_plan(), shipped_rules(), DAY, "Asia/Shanghai", WALL)


BOARDS: dict[Language, list[Json]] = {language: dashboards(asked(language)) for language in LANGUAGES}


class Sent(NamedTuple):
    """A query: of which dashboard and panel (or variable, annotation), its letter, its text, and whether it asks for what is old
    and grey."""

    board: str
    panel: str
    kind: str
    letter: str
    text: str
    grey: bool = False


def sent() -> Iterator[Sent]:
    """Every query of every dashboard."""
    for boards in BOARDS.values():
        for board in boards:
            for panel in board["panels"]:
                matchers = [one["matcher"] for one in panel["fieldConfig"]["overrides"]]
                grey = [one["options"] for one in matchers if one["id"] == "byFrameRefID"]
                for target in panel["targets"]:
                    letter = target["refId"]
                    yield Sent(board["uid"], panel["title"], panel["type"], letter, target["query"], letter in grey)
            for one in board["templating"]["list"]:
                yield Sent(board["uid"], one["name"], "variable", "", one["query"])
            for one in board["annotations"]["list"]:
                yield Sent(board["uid"], one["name"], "annotation", "", one["query"])


def put_in(text: str, now: int, *, days: int = 12) -> str:
    """A query as Grafana sends it, with all of each variable chosen and the range of so many days until `now` [ms]."""
    start = now - days * DAY_MS
    text = text.replace("$timeFilter", f"time >= {start}ms and time <= {now}ms")
    text = text.replace("${__to}", str(now)).replace("${__from}", str(start))
    text = text.replace("'$year'", f"'{to_datetime(now, ZoneInfo('Asia/Shanghai')).year}'")
    text = re.sub(r"\$(district|station|family)\b", "(.*)", text)
    assert "$" not in text.replace("$/", ""), f"a variable that nobody puts in: {text}"
    return text
