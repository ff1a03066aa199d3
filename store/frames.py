"""Rows of a readings store as the frame that the port promises; the one place that knows its columns and types."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from store.merge import unpack_extra

if TYPE_CHECKING:
    import pandas as pd


def frame_of(
    rows: Sequence[Sequence[Any]], columns: Sequence[str], codes: Sequence[str], *, detail: bool
) -> "pd.DataFrame":
    """Rows of `columns` (station, observed_at [ms], seq; with `detail` received_at, issued, unknown_station, origin, batch,
    extra; then quantity `codes`), sorted by (station, observed_at, seq), as the port's frame."""
    import pandas as pd  # noqa: PLC0415 - ingest writes through the same modules and never loads pandas

    frame = pd.DataFrame(rows, columns=list(columns))
    frame["station"] = frame["station"].astype("str")
    frame["observed_at"] = frame["observed_at"].astype("int64").astype("datetime64[ms]").dt.tz_localize("UTC")
    frame["seq"] = frame["seq"].astype("int64")
    frame = frame.astype(dict.fromkeys(codes, "float64"))
    if detail:
        frame["unknown_station"] = frame["unknown_station"].astype("bool")
        frame = frame.astype({"received_at": "Int64", "issued": "Int64", "origin": "int64", "batch": "int64"})
        extra = list(columns).index("extra")
        frame = frame.drop(columns="extra")
        frame["doubtful"] = pd.Series([unpack_extra(row[extra])[0] for row in rows], dtype=object)
    return frame
