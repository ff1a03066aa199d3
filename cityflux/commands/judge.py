"""`evaluate`: a file of readings straight to indices, with no broker and no store; the same contract and indicator code."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
import typer

from cityflux.composition import read_registry
from cityflux.console import err, out, refused, settings, wrong
from cityflux.replay import Tally, rows, source_profile
from cityflux.settings import Settings, SettingsError
from processors.air import CITY
from processors.indicators.air_daily import city_days, station_days
from processors.indicators.air_realtime import city_realtime, realtime
from processors.standards.tables import UnknownStandardError
from processors.windows import day_bounds
from sensors.families import CONTRACTS
from sensors.instants import iso
from sensors.refusals import Refused
from sensors.sources import SourceError, SourceProfile

_COLUMNS = ("station", "at", "aqi", "primary", "standard", "coverage")
_FOR_EVER = 2**62


def evaluate(
    family: Annotated[Literal["air"], typer.Argument(help="air")],
    file: Annotated[Path, typer.Argument(help="CSV, gzipped or not")],
    source: Annotated[str, typer.Option(help="source profile: a shipped name such as cnemc-air, or a TOML file")],
    to: Annotated[Path, typer.Option("--out", help="CSV file to write")],
    daily: Annotated[bool, typer.Option("--daily", help="station days instead of station hours")] = False,
    city: Annotated[bool, typer.Option("--city", help="the city instead of its stations")] = False,
    standard: Annotated[str | None, typer.Option(help="judge every hour by this edition, e.g. HJ633-2026")] = None,
    variant: Annotated[
        str | None, typer.Option(help="CNEMC-realtime or clause; with --daily: practice or clause")
    ] = None,
    stations: Annotated[
        Path | None, typer.Option(help="registry file; without one every station counts as an assessment station")
    ] = None,
) -> None:
    """Indices of a file's readings, as CSV. Example: cityflux evaluate air hours.csv.gz --source cnemc-air --out aqi.csv"""
    chosen = settings()
    tally = Tally()
    try:
        profile = source_profile(source)
        if profile.family != family:
            wrong(f"source {source} is of {profile.family}, not {family}")
        frame = pd.DataFrame(
            _readings(file, profile, tally), columns=["station", "observed_at", *CONTRACTS[family].quantities]
        )
        frame["observed_at"] = pd.to_datetime(frame["observed_at"], unit="ms", utc=True)
        frame = frame.drop_duplicates(["station", "observed_at"], keep="last")  # as in the store, the later row wins
        assessment = _assessment(stations)
        judged = (
            _daily(frame, city, assessment, chosen, standard, variant)
            if daily
            else _hourly(frame, city, assessment, chosen, standard, variant)
        )
        _write(to, judged, daily)
    except (SourceError, SettingsError, UnknownStandardError) as error:
        wrong(str(error))
    except OSError as error:
        wrong(f"{error.filename}: {error.strerror}")
    out.print(f"{len(judged)} rows written to {to}; {judged['aqi'].notna().sum()} have an AQI")
    if tally.refused_rows or tally.refused_cells:
        for refusal in tally.refusals[:10]:
            err.print(f"  {refusal.field}: {refusal.detail}; {refusal.fix}", markup=False, highlight=False)
        refused(
            f"{tally.refused_rows} rows and {tally.refused_cells} cells of {file} were refused; the first are above"
        )


def _readings(file: Path, profile: SourceProfile, tally: Tally) -> Iterator[dict[str, Any]]:
    """The good values of each row, by the family's contract; what it refuses is in the tally."""
    contract = CONTRACTS[profile.family]
    for row in rows(file, profile, tally):
        try:
            record = contract.judge(row.record, row.address.station, received_at=_FOR_EVER, horizon_ms=2 * _FOR_EVER)
        except Refused as error:
            tally.refused_rows += 1
            tally.note([error.refusal])
            continue
        tally.refused_cells += len(record.refusals)
        tally.note(record.refusals)
        yield {"station": row.address.station, "observed_at": record.observed_at, **record.values}


def _assessment(file: Path | None) -> list[str] | None:
    if file is None:
        return None
    return sorted({s.id for s in read_registry(file) if s.family == "air" and s.kind == "assessment"})


def _hourly(
    frame: pd.DataFrame,
    city: bool,
    assessment: list[str] | None,
    chosen: Settings,
    standard: str | None,
    variant: str | None,
) -> pd.DataFrame:
    variant = variant or chosen.realtime_variant
    if city:
        judged = city_realtime(frame, assessment, chosen.zone, variant, standard).assign(station=CITY)
    else:
        judged = realtime(frame, chosen.zone, variant, standard)
    judged["at"] = [moment.isoformat() for moment in judged["observed_at"].dt.tz_convert(chosen.zone)]
    return judged


def _daily(
    frame: pd.DataFrame,
    city: bool,
    assessment: list[str] | None,
    chosen: Settings,
    standard: str | None,
    variant: str | None,
) -> pd.DataFrame:
    judged = station_days(frame, chosen.zone, standard, variant or "practice")
    if city:
        judged = city_days(judged, assessment, chosen.zone, standard, variant or "practice").assign(station=CITY)
    judged["at"] = [iso(day_bounds(day, chosen.zone)[1], chosen.zone) for day in judged["day"]]
    return judged


def _write(path: Path, judged: pd.DataFrame, daily: bool) -> None:
    columns = [*_COLUMNS, "day", "state", "why_text"] if daily else list(_COLUMNS)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["why" if column == "why_text" else column for column in columns])
        for row in judged[columns].itertuples(index=False, name=None):
            writer.writerow(
                "" if pd.isna(cell) else round(cell, 4) if isinstance(cell, float) else cell for cell in row
            )
