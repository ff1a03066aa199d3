"""A document as one HTML page that prints on A4: everything within the file, and every text escaped."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template

from processors.bulletin.document import Cell, Document, Lines, Part, Picture, Table


def as_page(document: Document, wall: str = "") -> str:
    """The page; numbers lead to where they are explained on `wall`, an address without a slash at its end, if there is one."""
    sections = "".join(
        f"<h2>{escape(section.title)}</h2>{''.join(_part(part, wall) for part in section.parts)}"
        for section in document.sections
    )
    return Template(files("cityflux").joinpath("printed.html").read_text("utf-8")).substitute(
        language=document.language, title=escape(document.title), subtitle=escape(document.subtitle), sections=sections
    )


def _part(part: Part, wall: str) -> str:
    if isinstance(part, Lines):
        return "".join(f"<p>{escape(line)}</p>" for line in part.lines)
    if isinstance(part, Picture):
        return f'<img alt="{escape(part.alt)}" src="data:image/svg+xml;base64,{b64encode(part.svg).decode("ascii")}">'
    return _table(part, wall) if part.rows else ""


def _table(table: Table, wall: str) -> str:
    whole = sum(table.widths)
    columns = "".join(f'<col style="width: {100 * width / whole:.1f}%">' for width in table.widths)
    head = "".join(f"<th>{escape(one)}</th>" for one in table.head)
    return f"<table><colgroup>{columns}</colgroup><thead><tr>{head}</tr></thead><tbody>{_rows(table.rows, wall)}</tbody></table>"


def _rows(rows: Sequence[Sequence[Cell]], wall: str) -> str:
    return "".join(f"<tr>{''.join(_cell(cell, wall) for cell in row)}</tr>" for row in rows)


def _cell(cell: Cell, wall: str) -> str:
    shown = escape(cell.text)
    if wall and cell.path:
        shown = f'<a href="{escape(wall + cell.path)}">{shown}</a>'
    note = f"<small>{escape(cell.note)}</small>" if cell.note else ""
    return f"<td>{f'<span class={chr(34)}{cell.tone}{chr(34)}>{shown}</span>' if cell.tone else shown}{note}</td>"
