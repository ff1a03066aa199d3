"""What the watch of a run has told: in the end its incidents are those of a watch that nothing ever disturbed, with books of its
own over the same readings, and each log is a path of the lifecycle.
"""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from processors.alerts.rules import shipped_rules
from tests.alerts.lifecycle import wrong_in
from tests.faults.judge import Verdict
from tests.faults.patient import Patient

_DRAFT = ("since", "fired", "level", "greatest", "phase", "well", "resolved", "last", "episodes", "shown")
_WITHIN_S = 120.0
# Of what came when, and of ourselves: no readings say it, and who looks later and is not disturbed cannot find it.
_OF_BOOKS = frozenset(
    rule.code
    for rule in shipped_rules().values()
    if rule.signal.startswith("cityflux_") or rule.signal.endswith(("_silence", "_late", "_drift"))
)


def has_looked_at_all(data: Path) -> bool:
    """Whether nothing waits for the watch."""
    return _count(data, "SELECT count(*) FROM alert_marks") == 0


async def judge_alerts(verdict: Verdict, data: Path, folder: Path, environment: Mapping[str, str]) -> None:
    """What was told of the stored data; `folder` is for the books of a watch that is not disturbed."""
    for told, phase, gone in _logs(data):
        verdict.check(not (wrong := wrong_in(told, phase, gone=gone)), f"alerts: the log of an incident: {wrong}")
    again = folder / "undisturbed"
    (again / "data").mkdir(parents=True)
    if (data / "readings.sqlite").exists():
        with (
            closing(sqlite3.connect(data / "readings.sqlite", timeout=30)) as stored,
            closing(sqlite3.connect(again / "data" / "readings.sqlite")) as copied,
        ):
            stored.backup(copied)
    watch = Patient(again, {**environment, "CITYFLUX_DATA_DIR": str(again / "data")}, program="watch")
    watch.start()
    try:
        for _ in range(int(_WITHIN_S / 0.1)):
            registered = (again / "data" / "books.sqlite").exists() and _count(
                again / "data", "SELECT count(*) FROM audit"
            )
            if registered and has_looked_at_all(again / "data"):
                break
            await asyncio.sleep(0.1)
        else:
            raise AssertionError(
                f"an undisturbed watch has not looked at all after {_WITHIN_S:.0f} s\n{watch.log()[-2000:]}"
            )
    finally:
        watch.kill()
    stored_incidents, once = _incidents(data), _incidents(again / "data")
    for one in sorted(once.keys() - stored_incidents.keys()):
        verdict.check(False, f"alerts: missed {one}: {once[one]}")
    for one in sorted(stored_incidents.keys() - once.keys()):
        verdict.check(False, f"alerts: false {one}: {stored_incidents[one]}")
    for one in sorted(stored_incidents.keys() & once.keys()):
        same = stored_incidents[one] == once[one]
        verdict.check(same, f"alerts: {one} is {stored_incidents[one]}, should be {once[one]}")
    verdict.incidents = len(once)


def _incidents(data: Path) -> dict[tuple[str, str, int], list[dict[str, Any]]]:
    """Those of readings that are there, by rule, subject and beginning."""
    found: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    with closing(sqlite3.connect(data / "books.sqlite", timeout=30)) as db:
        rows = db.execute(f"SELECT rule, subject, {', '.join(_DRAFT)} FROM incidents WHERE gone IS NULL")  # noqa: S608 - constants
        for rule, subject, *draft in rows:
            if rule not in _OF_BOOKS:
                found.setdefault((rule, subject, draft[0]), []).append(dict(zip(_DRAFT, draft, strict=True)))
    return found


def _logs(data: Path) -> list[tuple[list[str], str, bool]]:
    """Of each incident the lines of its log, its phase, and whether it is gone."""
    with closing(sqlite3.connect(data / "books.sqlite", timeout=30)) as db:
        lines: dict[int, list[str]] = {}
        for number, what in db.execute("SELECT incident, what FROM incident_log ORDER BY id"):
            lines.setdefault(number, []).append(what)
        rows = db.execute("SELECT id, phase, gone FROM incidents ORDER BY id")
        return [(lines.get(number, []), phase, gone is not None) for number, phase, gone in rows]


def _count(data: Path, query: str) -> int:
    """-1 where the books cannot be read now."""
    try:
        with closing(sqlite3.connect(data / "books.sqlite", timeout=30)) as db:
            return int(db.execute(query).fetchone()[0])
    except sqlite3.OperationalError:
        return -1
