"""Of any family: its readings as they are stored, so that a city may write rules on any quantity.

    readings.<family>.<period>   the values of a station, by the codes of quantities, in their units

What counts is what counts for indicators: good values of active stations, without what people have withheld. Of events of one
instant the last counts. Raw readings come at no fixed times, so they have no windows. Single vehicles are no readings of a value,
so there are none of raw traffic.
"""

from collections.abc import Callable, Collection, Mapping
from fractions import Fraction
from functools import partial
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from processors.alerts.signals.look import Extremes, Look, Signal
from processors.alerts.signals.subjects import STATION
from processors.alerts.values import Shown, Values
from processors.indicators.exact import exact
from processors.withheld import withheld
from sensors.quantities import MEASURED_FAMILIES, OF_FAMILY, Family
from sensors.reading import PERIOD_MS, PERIODS, Period
from sensors.stations import Registry

# Chosen: of more stations all are read; naming each in a query costs more.
_FEW = 500


def _frame(look: Look, family: Family, period: Period) -> pd.DataFrame:
    """The readings that count, sorted by station and time, each instant of a station once."""
    subjects = look.subjects
    named = None if subjects is None or len(subjects) > _FEW else subjects
    frame = look.store.readings(family, period, look.start, look.end, named, _codes(look, family))
    if named is None and subjects is not None:
        wanted = frozenset(subjects)
        frame = frame[np.array([name in wanted for name in frame["station"].to_numpy(object)], dtype=np.bool_)]
    stations, at = frame["station"].to_numpy(object), _instants(frame)
    keep = _active(stations, at, look.registry, family)
    if len(frame) > 1:
        keep[:-1] &= (stations[1:] != stations[:-1]) | (at[1:] != at[:-1])
    return withheld(frame if keep.all() else frame[keep], look.intervals, period)


def _active(
    stations: npt.NDArray[np.object_], at: npt.NDArray[np.int64], registry: Registry, family: Family
) -> npt.NDArray[np.bool_]:
    """Of each row whether the registry holds its station active in the instant it ends."""
    found = np.zeros(len(stations), dtype=np.bool_)
    for start, end in pairwise([*_firsts(stations).tolist(), len(stations)]):
        name = stations[start]
        entry = registry.entry(family, name, int(at[start]) - 1)
        if end - start == 1:
            found[start] = entry is not None
        elif entry is not None and registry.entry(family, name, int(at[end - 1]) - 1) is entry:
            found[start:end] = True
        else:
            found[start:end] = [registry.entry(family, name, int(one) - 1) is not None for one in at[start:end]]
    return found


class _Rows(NamedTuple):
    """Readings that count by column: which rows are a station's, their instants [ms], and the values by quantity."""

    of: Mapping[str, slice]
    at: npt.NDArray[np.int64]
    columns: Mapping[str, npt.NDArray[np.float64]]

    def values(self, stations: Collection[str], quantities: Collection[str]) -> dict[str, Values]:
        """Those of quantities, exact, of the stations that have any."""
        return {name: self._of(self.of[name], quantities) for name in stations if name in self.of}

    def _of(self, rows: slice, quantities: Collection[str]) -> Values:
        found: dict[int, dict[str, Fraction]] = {at: {} for at in self.at[rows].tolist()}
        for code in quantities:
            for known, value in zip(found.values(), self.columns[code][rows].tolist(), strict=True):
                # What is not itself is not a number: there is no value.
                if value == value:  # noqa: PLR0124
                    known[code] = exact(value)
        return found


def _rows(look: Look, family: Family, period: Period) -> _Rows:
    frame = _frame(look, family, period)
    columns = {code: frame[code].to_numpy(np.float64) for code in _codes(look, family)}
    stations = frame["station"].to_numpy(object)
    first = _firsts(stations).tolist()
    of = {stations[start]: slice(start, end) for start, end in pairwise([*first, len(stations)])}
    return _Rows(of, _instants(frame), columns)


def _made(look: Look, family: Family, period: Period) -> Mapping[str, Values]:
    rows = _rows(look, family, period)
    return rows.values(rows.of, rows.columns)


def _extremes(look: Look, family: Family, period: Period) -> Extremes:
    rows = _rows(look, family, period)
    if not rows.of:
        return Extremes((), rows.columns, rows.columns, rows.values)
    first = [its.start for its in rows.of.values()]
    return Extremes(
        list(rows.of),
        {code: np.fmin.reduceat(column, first) for code, column in rows.columns.items()},
        {code: np.fmax.reduceat(column, first) for code, column in rows.columns.items()},
        rows.values,
    )


def _firsts(stations: npt.NDArray[np.object_]) -> npt.NDArray[np.intp]:
    """The first row of each station."""
    return (
        np.flatnonzero(np.concatenate(([True], stations[1:] != stations[:-1])))
        if len(stations)
        else np.zeros(0, np.intp)
    )


def _codes(look: Look, family: Family) -> list[str]:
    return [code for code in OF_FAMILY[family] if look.quantities is None or code in look.quantities]


def _instants(frame: pd.DataFrame) -> npt.NDArray[np.int64]:
    return np.asarray(frame["observed_at"].astype("datetime64[ms, UTC]").astype("int64"), dtype=np.int64)


def _signal(family: Family, period: Period) -> Signal:
    shows = {code: Shown(one.zh, one.en, one.unit) for code, one in OF_FAMILY[family].items()}
    make: Callable[[Look], Mapping[str, Values]] = partial(_made, family=family, period=period)
    extremes: Callable[[Look], Extremes] = partial(_extremes, family=family, period=period)
    return Signal(STATION, shows, family, (period,), make, 0, PERIOD_MS.get(period, 0), extremes, apart=True)


SIGNALS: Mapping[str, Signal] = {
    f"readings.{family}.{period}": _signal(family, period)
    for family, period in product(MEASURED_FAMILIES, PERIODS)
    if (family, period) != ("traffic", "raw")
}
