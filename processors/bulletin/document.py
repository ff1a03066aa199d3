"""A document to print: sections of lines, tables and pictures, plain text all of it. Who draws it escapes what needs it."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple
from urllib.parse import quote, urlencode

from processors.pictures.words import Language

Tone = Literal["", "good", "warn", "bad", "quiet"]
"""How a text is coloured. The text says the same without the colour."""


class Cell(NamedTuple):
    """A text; `path` is where the wall explains it, `note` what stands below it, smaller."""

    text: str
    path: str = ""
    tone: Tone = ""
    note: str = ""


class Lines(NamedTuple):
    """Some sentences, a line each."""

    lines: Sequence[str]


class Table(NamedTuple):
    """A table; `widths` are its columns' shares of the width. One without rows is left out."""

    head: Sequence[str]
    widths: Sequence[int]
    rows: Sequence[Sequence[Cell]]


class Picture(NamedTuple):
    """A picture as SVG, and what it shows in words."""

    svg: bytes
    alt: str


Part = Lines | Table | Picture


class Section(NamedTuple):
    """A heading and what stands below it."""

    title: str
    parts: Sequence[Part]


class Document(NamedTuple):
    """The whole; `page` numbers its pages: {n} is the page, {of} how many there are."""

    language: Language
    title: str
    subtitle: str
    page: str
    sections: Sequence[Section]


def explained_at(code: str, period: str, *, day: str = "", section: str = "") -> str:
    """The wall's path of an explanation: of an indicator's period, of a day of air, of a section of water."""
    path = f"/explain/{quote(code)}/{quote(period)}"
    return f"{path}/{quote(day)}" if day else f"{path}?{urlencode({'section': section})}" if section else path


def texts_of(document: Document) -> Iterator[str]:
    """Every text in it, but those within pictures."""
    yield from (document.title, document.subtitle, document.page)
    for section in document.sections:
        yield section.title
        for part in section.parts:
            if isinstance(part, Lines):
                yield from part.lines
            elif isinstance(part, Picture):
                yield part.alt
            else:
                yield from part.head
                yield from (text for row in part.rows for cell in row for text in (cell.text, cell.note))
