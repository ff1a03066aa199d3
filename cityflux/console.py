"""What commands share: settings or one line and exit 2, spans of time from the command line, tables, csv and json."""

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, tzinfo
from enum import StrEnum
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from cityflux.settings import Settings, SettingsError, load_settings
from sensors.instants import to_millis

REFUSED = 1
"""Exit code: something was refused; the text says how many and where they are."""
WRONG_USE = 2
"""Exit code: the command or the configuration is wrong, or another ingest owns the journal."""
TAKEN = 3
"""Exit code of ingest: another one has our session; it must not be started again by itself."""
UNPROVEN = 4
"""Exit code of verify: all files are whole, and nothing says from whom they are."""

MOST_NUMBER = (1 << 63) - 1
"""The greatest number that the books can hold."""

# Into a file or a pipe there is no width to keep to: tables get room for every cell.
_WIDE = 200
out = Console(soft_wrap=True, width=None if sys.stdout.isatty() else _WIDE)
err = Console(stderr=True, soft_wrap=True, width=None if sys.stderr.isatty() else _WIDE)


class Format(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def settings() -> Settings:
    """The settings, or one line on stderr and exit 2."""
    try:
        return load_settings()
    except SettingsError as error:
        wrong(str(error))


def wrong(text: str) -> NoReturn:
    """Say what is wrong in one line and exit 2."""
    err.print(f"cityflux: {text}", markup=False, highlight=False)
    raise typer.Exit(WRONG_USE)


def refused(text: str) -> NoReturn:
    """Say what was refused and exit 1."""
    err.print(f"cityflux: {text}", markup=False, highlight=False)
    raise typer.Exit(REFUSED)


def civil_day(text: str, option: str) -> date:
    """A day (2026-03-05); or exit 2."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        wrong(f"{option} {text!r} is not a day; write 2026-03-05")


def instant(text: str, zone: tzinfo, option: str) -> int:
    """A day (2026-03-05: its midnight) or an ISO 8601 time (in the city's zone where it names none) to ms; or exit 2."""
    try:
        moment = datetime.combine(date.fromisoformat(text), time()) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        wrong(f"{option} {text!r} is not a time; write 2026-03-05 or 2026-03-05T14:00+08:00")
    return to_millis(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def print_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], style: Format, title: str = "") -> None:
    """Rows as a table for people, or csv or json for scripts, on stdout."""
    if style is Format.JSON:
        sys.stdout.write(json.dumps(list(rows), ensure_ascii=False, indent=2) + "\n")
    elif style is Format.CSV:
        writer = csv.DictWriter(sys.stdout, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: "" if v is None else v for k, v in row.items()} for row in rows)
    else:
        table = Table(*columns, title=title or None, title_justify="left")
        for row in rows:
            table.add_row(*("" if row.get(c) is None else str(row[c]) for c in columns))
        out.print(table)
