"""Of cityflux itself: how its conditions are (`store/conditions.py`), part by part.

A value is said when it changed, and again at some minutes after that while it is so, as far as whoever says it is known to live:
so a rule's dwell is over although nothing changes.
"""

from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise

from processors.alerts.signals.look import Look, Signal, books_of
from processors.alerts.signals.subjects import PART
from processors.alerts.values import VALUE, Shown, Values
from sensors.instants import FOREVER
from store.conditions import CODES, OURSELVES, Code, Condition, Conditions

# Chosen: dwell and clear times of rules of cityflux, and of a city's own, are minutes; one between two is over at the next one,
# and one of more than an hour never. Nearer to each other than the gap of any rule.
AGAIN_AFTER_MS = tuple(minutes * 60_000 for minutes in (1, *range(5, 65, 5)))


_SHOWN: Mapping[Code, Shown] = {
    "ledger_off": Shown("账目差额", "not accounted for", "messages"),
    "journal_percent": Shown("日志占用", "journal filled", "%"),
    "store_down": Shown("存储不可用", "store unreachable", yes_no=True),
    "store_refuses": Shown("存储拒绝写入", "store refuses", yes_no=True),
    "broker_lost": Shown("消息代理断开", "broker lost", yes_no=True),
    "disk_percent": Shown("保留空间与剩余空间之比", "reserve as a share of what is free", "%"),
    "clock_percent": Shown("时间超前的站点", "stations that send times to come", "%"),
    "ingest_dead": Shown("接入程序无响应", "ingest says nothing", yes_no=True),
    "processor_min": Shown("计算滞后", "what waits longest for the processor", "min"),
}


def said_again(one: Condition, until: int, known_until: int) -> list[int]:
    """When a condition is said again [ms]: it is so until it changes, and its teller lived until `known_until` [ms]."""
    return [at for after in AGAIN_AFTER_MS if (at := one.at + after) < until and at <= known_until]


def _condition(code: Code) -> Signal:
    def made(look: Look) -> dict[str, Values]:
        conditions = Conditions(books_of(look))
        known, series = conditions.said_until(), conditions.series(code, look.subjects, look.end)
        of_part: dict[str, list[Condition]] = defaultdict(list)
        for one in series:
            of_part[one.part].append(one)
        return {part: _values(its, known) for part, its in of_part.items()}

    return Signal(PART, {VALUE: _SHOWN[code]}, OURSELVES, (code,), made, 0, 0, basis="itself")


def _values(series: list[Condition], known: Mapping[str, int]) -> Values:
    found: dict[int, Mapping[str, Fraction]] = {}
    ends = [after.at for _, after in pairwise(series)] + [FOREVER]
    for one, until in zip(series, ends, strict=True):
        value = {VALUE: Fraction(one.value)}
        found |= dict.fromkeys([one.at, *said_again(one, until, known.get(one.teller, one.at))], value)
    return found


SIGNALS: Mapping[str, Signal] = {f"cityflux_{code}": _condition(code) for code in CODES}
