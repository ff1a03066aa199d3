"""Figures as Markdown, and the pages that take them in.

table("Draining", ("consumer", "CPU [µs]"), [("floor", "9.1")])
put(Path("docs/PERFORMANCE.md"), "growth", text)    # between <!-- growth: begin --> and <!-- growth: end -->
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.results import Spread


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table under its heading; nothing where there are no rows."""
    if not rows:
        return ""
    line = "| {} |".format
    ruled = [line(" | ".join(head)), "|" + "---|" * len(head), *(line(" | ".join(row)) for row in rows)]
    return f"### {title}\n\n" + "\n".join(ruled)


def shown(spread: Spread | None, digits: int) -> str:
    """Median (least–most); the range only where there is one."""
    if spread is None:
        return "–"
    median, least, most = (f"{value:,.{digits}f}" for value in spread)
    return median if least == most else f"{median} ({least}–{most})"


def machine_line(machine: dict[str, str]) -> str:
    """On what the figures were taken, in one line."""
    return ", ".join(f"{name} {value}" for name, value in machine.items()) + "."


def put(page: Path, name: str, text: str) -> None:
    """Replace what stands between the marks of `name` in `page`; ends the program where there are none."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    old: str = page.read_text("utf-8")
    if begin not in old or end not in old:
        sys.exit(f"{page} has no {begin} … {end}")
    before, after = old.partition(begin)[0], old.partition(end)[2]
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", "utf-8")
