"""Evaluation of water: a file of samples straight to the class of each section and time, by the same contract and indicators."""

from collections.abc import Collection
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from cityflux.evaluation import readings_of
from cityflux.replay import Tally, stations
from processors.indicators.exact import exact
from processors.indicators.water_class import section_class
from processors.standards.water import Kind, water_standard
from sensors.instants import iso
from sensors.profiles import ReplayProfile

COLUMNS = ["section", "at", "class", "worst_items", "standard", "complete", "kind", "id", "state"]

_AT_WORK = frozenset({"maintenance", "calibration", "standard_check"})
"""States in which a station sends values all the same."""


def evaluate_water(
    file: Path,
    profile: ReplayProfile,
    tally: Tally,
    lakes: Collection[str],
    zone: ZoneInfo,
    *,
    saturation: bool = False,
) -> pd.DataFrame:
    """The class of each section and time of a file, columns as they are written, sorted by section and time. `lakes` are names or
    ids of the sections that are lakes or reservoirs; the others are rivers. Values are judged as they are, not rounded.

    What a station sends in maintenance counts for nothing in a mean; its class is given here, with the state, where no item is
    missing: as the national platform publishes it. Raises ProfileError.
    """
    names = {entry.id: entry.name_zh for entry in stations(file, profile)}
    standard = water_standard()
    last = {(row["station"], row["observed_at"]): row for row in readings_of(file, profile, tally)}
    found = []
    for (station, at), row in last.items():
        name = names.get(station, station)
        kind: Kind = "lake" if name in lakes or station in lakes else "river"
        values = {code: exact(row[code]) for code in standard.by_code if code in row}
        at_work = {
            code: doubt
            for code, doubt in row["doubtful"].items()
            if code in standard.by_code and doubt.flag in _AT_WORK and doubt.value is not None
        }
        every = values | {code: exact(doubt.value) for code, doubt in at_work.items()}
        if at_work and set(standard.evaluation.automatic) <= set(every):
            values = every
        temperature = row.get("water_temperature")
        judged = section_class(
            values, kind, saturation=saturation, temperature=None if temperature is None else exact(temperature)
        )
        cls = None if judged.cls is None else standard.classes[judged.cls - 1].name
        state = "+".join(sorted({doubt.flag for doubt in row["doubtful"].values()} & _AT_WORK))
        found.append(
            (name, iso(at, zone), cls, "+".join(judged.worst), standard.name, judged.complete, kind, station, state, at)
        )  # fmt: skip
    found.sort(key=lambda row: (row[0], row[7], row[-1]))
    return pd.DataFrame([row[:-1] for row in found], columns=COLUMNS)
