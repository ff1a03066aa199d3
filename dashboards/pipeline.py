"""The pipeline: the ledger that balances, what waits, how far behind each part is."""

from typing import NamedTuple

from dashboards.asked import Asked, Words
from dashboards.boards import Board
from dashboards.colours import ALARM, CALM, CLEAR, GREY, LOOK, steps
from dashboards.influxql import IN_RANGE, fresh, select
from dashboards.panels import Column, Panel, lines, rows, tile
from dashboards.parts import SAMPLED_H, came, newest, wall
from dashboards.units import COUNT, SECONDS
from store.measurements import LEDGER, PIPELINE


class _Watched(NamedTuple):
    """A field: what it is called, what it is, its unit, from where on somebody should look, and from where on at once."""

    field: str
    title: Words
    about: Words
    unit: str
    look: float
    alarm: float


# The limits are chosen: what a city of some hundred stations has in a quiet hour, and what it has only in trouble.
_TILES = (
    _Watched(
        "ingest_age_s", Words("接收程序", "Ingest"),
        Words("最近一次账本更新距今。", "Since its ledger was copied last."), SECONDS, 10, 60,
    ),
    _Watched(
        "windows_waiting", Words("待计算窗口", "Windows to compute"),
        Words("处理程序的积压。", "What process has before it."), COUNT, 1_000, 50_000,
    ),
    _Watched(
        "alerts_waiting", Words("待查看序列", "Series to look at"),
        Words("告警程序的积压。", "What watch has before it."), COUNT, 100, 5_000,
    ),
    _Watched(
        "open_dead_letters", Words("未处理死信", "Open dead letters"),
        Words("cityflux dead-letters list 列出。", "cityflux dead-letters list shows them."), COUNT, 1, 1_000,
    ),
    _Watched(
        "unknown_stations", Words("未知站点", "Unknown stations"),
        Words("cityflux stations unknown 列出。", "cityflux stations unknown shows them."), COUNT, 1, 10,
    ),
    _Watched(
        "drifts_waiting", Words("报文变化", "Changed messages"),
        Words("cityflux drifts list 列出。", "cityflux drifts list shows them."), COUNT, 1, 10,
    ),
)  # fmt: skip


def board(asked: Asked) -> Board:
    """Ages and queues now, the ledger, and both over time."""
    bands = [[_tile(asked, one) for one in _TILES], [_ledger(asked)], [_written(asked), _waiting(asked)]]
    about = Words(
        "收到 = 写入 + 拒绝 + 待处理，任何崩溃后都成立（docs/DELIVERY.md）。",
        "journalled = written + refused + pending, after any crash (docs/DELIVERY.md).",
    )
    return Board("pipeline", Words("处理链", "Pipeline"), about, bands, since="now-6h", refresh="30s")


def _tile(asked: Asked, of: _Watched) -> Panel:
    limits = steps((None, CALM), (of.look, LOOK), (of.alarm, ALARM))
    column = Column(asked.say(of.title), of.unit, limits, colour=True, decimals=0)
    queries = newest(asked, PIPELINE, {column.name: f"last({of.field})"}, "sampled_at", SAMPLED_H)
    return tile(of.title, of.about, queries, [column, came(asked)], wall(asked), width=4)


def _ledger(asked: Asked) -> Panel:
    counts = [name for name in LEDGER.fields if name not in {"age_s", "sampled_at"}]
    columns = {"journalled": "last(journalled)", **{name: name for name in counts[1:]}, "age_s": "age_s"}
    query = select(LEDGER, columns, fresh(SAMPLED_H), by=("journal",))
    plain, refused = steps((None, CLEAR)), steps((None, CLEAR), (1, LOOK))
    shown = [
        Column("journal", "none", width=300),
        *(Column(name, COUNT, refused if "refused" in name else plain, decimals=0) for name in counts),
        Column("age_s", SECONDS, steps((None, CLEAR), (10, GREY)), colour=True),
    ]
    about = Words(
        "每个日志一行；拒绝的报文在死信中。", "A row for each journal; what is refused is in the dead letters."
    )
    return rows(Words("账本", "Ledger"), about, [query], shown, wall(asked), width=24, height=6)


def _written(asked: Asked) -> Panel:
    columns = {name: name for name in ("written", "refused")}
    query = select(LEDGER, columns, IN_RANGE, by=("journal",), table=False, alias="$col")
    about = Words("累计写入与拒绝的报文数。", "Messages written and refused, in all.")
    title = Words("写入与拒绝", "Written and refused")
    return lines(title, about, [query], Column("written", COUNT), wall(asked), width=12)


def _waiting(asked: Asked) -> Panel:
    columns = {name: name for name in ("windows_waiting", "alerts_waiting", "ingest_age_s")}
    query = select(PIPELINE, columns, IN_RANGE, table=False, alias="$col")
    about = Words("积压与账本的年龄 [s]。", "Queues, and the age of the ledger [s].")
    return lines(Words("积压", "Waiting"), about, [query], Column("windows_waiting", COUNT), wall(asked), width=12)
