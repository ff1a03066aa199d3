"""The queries of dashboards as Grafana sends them: with what a person chose put in. For whoever tries them without Grafana."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dashboards.panels import Json
from sensors.instants import DAY_MS

_VARIABLE = re.compile(r"\$(district|station|family)\b")


class Sent(NamedTuple):
    """A query: of which dashboard and panel (or variable, annotation), its letter, its text, and whether it asks for what is old
    and grey."""

    board: str
    panel: str
    kind: str
    letter: str
    text: str
    grey: bool = False


def sent(boards: Sequence[Json]) -> Iterator[Sent]:
    """Every query of dashboards, with its variables."""
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
            yield Sent(board["uid"], one["name"], "annotation", "", one["target"]["query"])


def put_in(text: str, now: int, *, year: int, days: int = 12) -> str:
    """A query with everything chosen of each variable, of so many days until `now` [ms]. Raises ValueError where a variable is
    left that nobody puts in."""
    start = now - days * DAY_MS
    text = text.replace("$timeFilter", f"time >= {start}ms and time <= {now}ms")
    text = text.replace("${__to}", str(now)).replace("$year", str(year))
    text = _VARIABLE.sub(".*", text)
    if "$" in text.replace("$/", ""):
        raise ValueError(f"a variable that nobody puts in: {text}")
    return text
