"""Which fonts a picture is written with: those that are there, so that no text comes out as boxes."""

from typing import Final

from matplotlib import font_manager

from processors.pictures.words import Language

# matplotlib brings it along, so it is on every machine; it has the subscripts of PM₂.₅.
_LATIN: Final = "DejaVu Sans"

# Chosen: what Linux, Windows and macOS come with, free ones first. Those of Noto for Japan have the same characters, and are all
# that some versions of matplotlib see of Noto's collection files.
_CHINESE: Final = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "Noto Sans CJK JP", "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei", "Microsoft YaHei", "PingFang SC", "Hiragino Sans GB", "SimHei",
)  # fmt: skip


def drawn_language(language: Language) -> Language:
    """The language a picture will be in: Chinese only where a font for it is installed."""
    return "zh" if language == "zh" and _chinese() is not None else "en"


def families(language: Language) -> list[str]:
    """Font families, each for what the one before it lacks; the last one is for whoever opens an SVG without any of them."""
    chinese = _chinese()
    if chinese is None:
        return [_LATIN, "sans-serif"]
    return [chinese, _LATIN, "sans-serif"] if language == "zh" else [_LATIN, chinese, "sans-serif"]


def _chinese() -> str | None:
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in _CHINESE if name in installed), None)
