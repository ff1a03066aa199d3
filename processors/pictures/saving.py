"""Figures to files: PNG and SVG, byte for byte the same for the same figure, without date, author or random ids."""

from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any, Final

import matplotlib
from matplotlib.figure import Figure

from processors.pictures.sheet import DPI

# By suffix, what matplotlib would write into the file besides the picture; None leaves it out.
_METADATA: Final[dict[str, dict[str, Any]]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
}

_SETTING = Lock()
"""matplotlib's settings are one for all threads: they are changed for one file at a time."""


def check_suffix(path: Path) -> str:
    """The suffix of a picture's file. Raises ValueError, with those that are possible, for any other."""
    suffix = path.suffix.lower()
    if suffix not in _METADATA:
        raise ValueError(f"{path.name!r} is no picture: write a name that ends in {' or '.join(_METADATA)}")
    return suffix


def save(figure: Figure, path: Path) -> None:
    """Write the figure as .png or .svg, as its name ends. It is drawn before the file is touched.

    Raises ValueError for another suffix, OSError where the file cannot be written.
    """
    path.write_bytes(drawn(figure, check_suffix(path)))


def drawn(figure: Figure, suffix: str) -> bytes:
    """The bytes of the file, `suffix` being .png or .svg."""
    made = BytesIO()
    # Text stays text in SVG, and ids are made from the salt instead of chance; the others are as matplotlib has them by itself.
    with (
        _SETTING,
        matplotlib.rc_context(
            {"svg.fonttype": "none", "svg.hashsalt": "cityflux", "savefig.bbox": None, "savefig.transparent": False}
        ),
    ):
        figure.savefig(made, format=suffix[1:], dpi=DPI, metadata=_METADATA[suffix], facecolor=figure.get_facecolor())
    return made.getvalue()
