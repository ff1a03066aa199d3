"""What people have said was calibration or maintenance is taken out of the good values, and put beside them as doubtful."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sensors.reading import PERIOD_MS, Doubt, Flag, Period
from store.intervals import Interval


def withheld(
    frame: pd.DataFrame, intervals: Sequence[Interval], period: Period, length_ms: int | None = None
) -> pd.DataFrame:
    """Readings without the values that intervals cover, in whole or in part: an hour with some calibration in it is no mean
    of an hour. `frame` is as `ReadingsStore.readings` gives it; where it has `doubtful`, that says why. `length_ms` is how
    long a reading's period is [ms], where its name does not say so."""
    there = set(frame["station"]) if intervals else set()
    relevant = [one for one in intervals if one.station in there]
    if not relevant:
        return frame
    frame = frame.copy()
    ends = frame["observed_at"].astype("datetime64[ms, UTC]").astype("int64")
    starts = ends - (length_ms or PERIOD_MS.get(period, 1))
    for one in relevant:
        within = (frame["station"] == one.station) & (starts < one.until) & (ends > one.since)
        codes = [
            code for code in frame.columns if code == one.quantity or (not one.quantity and _is_quantity(frame, code))
        ]
        if "doubtful" in frame:
            rows = zip(frame["doubtful"], frame[codes].to_dict("records"), within, strict=True)
            frame["doubtful"] = pd.Series(
                [_with(doubts, values, one.kind) if there else doubts for doubts, values, there in rows],
                index=frame.index,
                dtype=object,
            )
        frame.loc[within, codes] = float("nan")
    return frame


def _with(doubts: Mapping[str, Doubt], values: Mapping[Any, Any], kind: Flag) -> dict[str, Doubt]:
    """Doubts, and those of the values that are there."""
    return {**doubts, **{code: Doubt(kind, float(value)) for code, value in values.items() if pd.notna(value)}}


def _is_quantity(frame: pd.DataFrame, column: str) -> bool:
    return column not in _NOT_QUANTITIES and pd.api.types.is_float_dtype(frame[column])


_NOT_QUANTITIES = frozenset({"station", "observed_at", "received_at", "seq", "issued", "origin", "batch"})
