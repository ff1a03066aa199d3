"""The merge rule that every adapter keeps: what a stored point becomes when a reading of the same identity comes in.

Quantity by quantity: one that the reading does not name stays; of a named one the greater version wins (equal: the one that
comes in; of one journal's topic the later batch, so that a clock set back costs no correction), so a doubtful value displaces
a good one and the other way round; an absent one is filled even by an older version. A point remembers the version of a
quantity where it differs from the point's own, so the rule is exact whatever came between.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sensors.reading import Doubt, Reading

Version = tuple[int, int]


class Point(NamedTuple):
    """A stored point: a reading, and the versions of those quantities whose version is not the reading's own."""

    reading: Reading
    older: Mapping[str, Version]


def merge(stored: Point, incoming: Reading) -> Point:
    """The point that `stored` becomes. Lineage, receipt and version are those of the newer of the two."""
    kept, came = stored.reading, incoming
    in_order = _in_order(kept, came)
    later = came.version >= kept.version if in_order is None else in_order
    top = came.version if later else kept.version
    values: dict[str, float] = {}
    doubtful: dict[str, Doubt] = {}
    older: dict[str, Version] = {}
    for code in {*kept.values, *kept.doubtful, *came.values, *came.doubtful}:
        before = stored.older.get(code)
        stays = code in kept.values or code in kept.doubtful
        wins = later if before is None else came.version >= before or (in_order is True and before[0] == before[1])
        if (code in came.values or code in came.doubtful) and (wins or not stays):
            source, of = came, came.version
        else:
            source, of = kept, before or kept.version
        if code in source.values:
            values[code] = source.values[code]
        else:
            doubtful[code] = source.doubtful[code]
        if of != top:
            older[code] = of
    newer = came if later else kept
    return Point(newer._replace(values=values, doubtful=doubtful), older)


def join(one: Point, other: Point) -> Point:
    """What two points of one identity come to that two writers keep, neither knowing the other's: of each quantity the greater
    version. The order of the two does not matter."""
    older, newer = sorted(
        (one, other), key=lambda point: (point.reading.version, point.reading.origin, point.reading.batch)
    )
    values: dict[str, float] = {}
    doubtful: dict[str, Doubt] = {}
    versions: dict[str, Version] = {}
    for point in (older, newer):
        reading = point.reading
        for code in (*reading.values, *reading.doubtful):
            version = point.older.get(code, reading.version)
            if code in versions and versions[code] > version:
                continue
            versions[code] = version
            values.pop(code, None)
            doubtful.pop(code, None)
            if code in reading.values:
                values[code] = reading.values[code]
            else:
                doubtful[code] = reading.doubtful[code]
    deviating = {code: version for code, version in versions.items() if version != newer.reading.version}
    return Point(newer.reading._replace(values=values, doubtful=doubtful), deviating)


def _in_order(kept: Reading, came: Reading) -> bool | None:
    """Whether `came` was received after `kept`, by their batches; None where only their versions can tell.

    Of one topic in one journal the order of batches is the order of receipt, whatever the clock did in between.
    """
    if kept.issued is not None or came.issued is not None or not came.origin or came.origin != kept.origin:
        return None
    return came.batch >= kept.batch


def pack_extra(point: Point) -> str | None:
    """What a plain row cannot hold, as JSON: doubtful values and deviating versions; None for an ordinary point."""
    extra: dict[str, Any] = {}
    if point.reading.doubtful:
        extra["doubtful"] = {code: [doubt.flag, doubt.value] for code, doubt in sorted(point.reading.doubtful.items())}
    if point.older:
        extra["older"] = {code: list(version) for code, version in sorted(point.older.items())}
    return json.dumps(extra, separators=(",", ":")) if extra else None


def unpack_extra(text: str | None) -> tuple[dict[str, Doubt], dict[str, Version]]:
    """The doubtful values and deviating versions of `pack_extra`."""
    if not text:
        return {}, {}
    extra = json.loads(text)
    doubtful = {code: Doubt(flag, value) for code, (flag, value) in extra.get("doubtful", {}).items()}
    return doubtful, {code: (issued, received) for code, (issued, received) in extra.get("older", {}).items()}
