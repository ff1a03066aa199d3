"""One value of a table as the text of a CSV cell, and back; `writing.py` writes with it and `verifying.py` reads with it.

string     as it is; one that a spreadsheet would run as a formula gets an apostrophe before it, and so does one that begins with
           an apostrophe, so that taking one apostrophe away gives back what was there
number     its exact decimal digits, without exponent: 0.1, not 0.1000000000000000055
boolean    true, false
datetime   ISO 8601 with the offset of the city's zone: 2026-03-01T14:00:00+08:00
date       2026-03-01
nothing    an empty cell; no text is empty
"""

from datetime import tzinfo
from decimal import Decimal

from cityflux.opendata.tables import Type
from sensors.instants import iso

Cell = str | int | float | Decimal | None
"""A value of a row: a datetime as milliseconds since the epoch, a date as text, a number as float, Decimal or decimal text."""

Row = dict[str, Cell]
"""Values by column; a column that is not named is empty."""

# OWASP, "CSV Injection": what makes a cell a formula, full-width forms too, for programs that take them for the same.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_GUARD = "'"


def text_of(kind: Type, value: Cell, zone: tzinfo) -> str:
    """A value as the text of its cell."""
    if value is None or value == "":
        return ""
    match kind:
        case "string" | "date":
            text = str(value)
            return _GUARD + text if text.startswith((*_FORMULA, _GUARD)) else text
        case "boolean":
            return "true" if value else "false"
        case "datetime":
            return iso(int(value), zone)
        case "integer":
            return str(int(value))
        case "number":
            return plain(value)


def plain(value: str | float | Decimal) -> str:
    """A number's exact decimal digits: of a float the shortest that mean it, without a fraction of zero; of a decimal, or its
    text, all that it has."""
    if not isinstance(value, (int, float)):
        return f"{Decimal(value):f}"
    text = f"{Decimal(repr(value)):f}".removesuffix(".0")
    return "0" if text == "-0" else text


def string_of(cell: str) -> str | None:
    """The text that a cell of a string stands for. Raises ValueError where a spreadsheet would run it."""
    if cell.startswith(_FORMULA):
        raise ValueError(f"{cell!r} is not written so that no spreadsheet runs it")
    return cell.removeprefix(_GUARD) or None
