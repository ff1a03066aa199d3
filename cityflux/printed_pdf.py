"""A document as PDF: text that can be selected and searched, fonts within the file, numbers that are links.

Typst sets it (a wheel that needs nothing besides): it embeds subsets of OpenType fonts of both kinds of outline, breaks tables
over pages, and gives the same bytes for the same document and time. What the fonts of this machine cannot write is refused, not
printed as boxes.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import matplotlib
import typst

from processors.bulletin.document import Document, Lines, Part, Picture, texts_of
from processors.pictures import drawn_language
from processors.pictures.letters import families

# Han characters and what stands between them: the rest is in the font that matplotlib brings along.
_CHINESE = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")


class NoFont(Exception):
    """No font of this machine has the characters; the message says what to do."""


def as_pdf(document: Document, at: int, wall: str = "") -> bytes:
    """The file, made at `at` [ms]; numbers lead to where they are explained on `wall`, an address without a slash at its end, if
    there is one. Raises NoFont."""
    chinese = next((text for text in texts_of(document) if _CHINESE.search(text)), None)
    if chinese is not None and drawn_language("zh") != "zh":
        raise NoFont(
            f"no font with Chinese characters is installed, and the document has some ({chinese[:40]!r}): install one, for "
            "example Noto Sans CJK, or write --out as .html"
        )
    fonts = [name for name in families(document.language) if name != "sans-serif"]
    given = {
        **document._asdict(),
        "fonts": fonts,
        "sections": [
            {"title": section.title, "parts": [one for part in section.parts for one in _part(part, wall)]}
            for section in document.sections
        ],
    }
    template: bytes = files("cityflux").joinpath("printed.typ").read_bytes()
    made: bytes = typst.compile(
        template,
        font_paths=typst.Fonts(font_paths=[Path(matplotlib.get_data_path()) / "fonts" / "ttf"]),
        sys_inputs={"document": json.dumps(given, ensure_ascii=False)},
        timestamp=datetime.fromtimestamp(at // 1000, UTC),
    )
    return made


def _part(part: Part, wall: str) -> Iterator[dict[str, Any]]:
    if isinstance(part, Lines):
        yield {"kind": "lines", "lines": part.lines}
    elif isinstance(part, Picture):
        yield {"kind": "picture", "svg": part.svg.decode("utf-8"), "alt": part.alt}
    elif part.rows:
        rows = [
            [{**cell._asdict(), "url": wall + cell.path if wall and cell.path else ""} for cell in row]
            for row in part.rows
        ]
        yield {"kind": "table", "widths": part.widths, "head": part.head, "rows": rows}
