"""Which formats there are: ours, and those of installed packages (entry points of the group `cityflux.formats`).

An entry point names the function `make` of a module, which may also have `placements` and `IGNORED` (see `sensors/formats`).
A name of ours stays ours: a package cannot replace it. What a package's decoder raises or returns is looked at (`guard.py`).
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Final, NamedTuple

from sensors.formats.guard import guarded
from sensors.formats.sample import NOTHING, Make, Placement, Placements
from sensors.quantities import Family

GROUP: Final = "cityflux.formats"

_OURS = {
    "aliyun": "aliyun",
    "availability": "availability",
    "chirpstack": "chirpstack",
    "csv": "csv_columns",
    "hj212": "hj212",
    "huawei": "huawei",
    "json": "json_pointers",
    "lineprotocol": "lineprotocol",
    "senml": "senml",
    "ttn": "ttn",
}
"""Module of this folder by name. Loaded when a source uses it. `native` has topics of its own and needs no source."""


class FormatError(ValueError):
    """The format is unknown, or its package is wrong: the message names the format and the fix."""


class Format(NamedTuple):
    """A format's decoder maker, the fields its document defines, and the patterns of fields that carry no quantity of ours."""

    make: Make
    placements: Placements
    ignored: Sequence[str]


def formats() -> list[str]:
    """The names of all formats, ours and others'."""
    return sorted({*_OURS, *(point.name for point in entry_points(group=GROUP))})


def load(name: str) -> Format:
    """The format of that name. Raises FormatError, which lists the names there are."""
    if name in _OURS:
        module = import_module(f"sensors.formats.{_OURS[name]}")
        return _format(module, module.make)
    points = list(entry_points(group=GROUP, name=name))
    if not points:
        names = formats()
        near = get_close_matches(name, names, n=1)
        hint = f": did you mean {near[0]}?" if near else ""
        raise FormatError(f"no format {name!r}{hint}; there are {', '.join(names)}")
    if len(points) > 1:
        packages = ", ".join(sorted(_package(point) for point in points))
        raise FormatError(f"format {name} is in several packages ({packages}): uninstall all but one")
    return _others(points[0])


def _others(point: EntryPoint) -> Format:
    try:
        make = point.load()
        module = import_module(point.module)
    except Exception as error:  # whatever somebody else's module raises when it is loaded
        raise FormatError(
            f"format {point.name} of package {_package(point)} ({point.value}) cannot be loaded: {error}; mend the package"
        ) from error
    if not callable(make):
        raise FormatError(
            f"format {point.name} of package {_package(point)}: {point.value} is not a function; "
            'name one that makes a decoder, for example "module:make"'
        )
    return _format(module, guarded(make, point.name))


def _format(module: ModuleType, make: Make) -> Format:
    return Format(make, getattr(module, "placements", _no_placements), tuple(getattr(module, "IGNORED", ())))


def _no_placements(_family: Family) -> Mapping[str, Placement]:
    return NOTHING


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "unknown"
