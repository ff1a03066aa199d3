"""`evaluate`: a file of readings straight to indices; no broker, no store."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cityflux.composition import read_registry
from cityflux.console import err, out, refused, settings, wrong
from cityflux.replay import Tally, replay_profile
from cityflux.settings import Settings, SettingsError
from processors.standards.tables import UnknownStandardError
from sensors.profiles import ProfileError, ReplayProfile


def evaluate(
    family: Annotated[Literal["air", "water"], typer.Argument(help="air or water")],
    file: Annotated[Path, typer.Argument(help="CSV, gzipped or not")],
    source: Annotated[str, typer.Option(help="replay profile: a shipped name such as cnemc-air, or a TOML file")],
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
    lakes: Annotated[Path | None, typer.Option(help="water: names of sections that are lakes, one per line")] = None,
    saturation: Annotated[
        bool, typer.Option("--saturation", help="water: oxygen of 90 % saturation is class I too")
    ] = False,
) -> None:
    """Indices of a file's readings, as CSV; of water the class of each section and time. Example:
    cityflux evaluate air hours.csv.gz --source cnemc-air --out aqi.csv"""
    from cityflux.evaluation import Question, write
    from cityflux.evaluation import evaluate as evaluation

    chosen = settings()
    tally = Tally()
    try:
        profile = replay_profile(source)
        if profile.family != family:
            wrong(f"source {source} is of {profile.family}, not {family}")
        if family == "water":
            _water(file, profile, to, tally, _lines(lakes) | _lakes(stations), chosen, saturation)
            return
        asked = Question(daily, city, _assessment(stations), standard, variant or _usual_variant(chosen, daily))
        judged = evaluation(file, profile, tally, asked, chosen.zone)
        write(to, judged)
    except (ProfileError, SettingsError, UnknownStandardError) as error:
        wrong(str(error))
    except OSError as error:
        wrong(f"{error.filename}: {error.strerror}")
    out.print(f"{len(judged)} rows written to {to}; {judged['aqi'].notna().sum()} have an AQI")
    _say_refused(file, tally)


def _water(
    file: Path, profile: ReplayProfile, to: Path, tally: Tally, lakes: set[str], chosen: Settings, saturation: bool
) -> None:
    from cityflux.evaluation import write
    from cityflux.water_evaluation import evaluate_water

    judged = evaluate_water(file, profile, tally, lakes, chosen.zone, saturation=saturation)
    unknown = lakes - set(judged["section"]) - set(judged["id"])
    if unknown:
        wrong(f"no section of {file} is called {', '.join(sorted(unknown)[:5])}")
    write(to, judged)
    out.print(f"{len(judged)} rows written to {to}; {judged['class'].notna().sum()} have a class")
    _say_refused(file, tally)


def _lines(file: Path | None) -> set[str]:
    return (
        set() if file is None else {line.strip() for line in file.read_text("utf-8-sig").splitlines() if line.strip()}
    )


def _lakes(file: Path | None) -> set[str]:
    """The sections that a registry file says are lakes."""
    return (
        set() if file is None else {s.id for s in read_registry(file) if s.family == "water" and s.water_body == "lake"}
    )


def _say_refused(file: Path, tally: Tally) -> None:
    if tally.refused_rows or tally.refused_cells:
        for refusal in tally.refusals[:10]:
            err.print(f"  {refusal.field}: {refusal.detail}; {refusal.fix}", markup=False, highlight=False)
        refused(
            f"{tally.refused_rows} rows and {tally.refused_cells} cells of {file} were refused; the first are above"
        )


def _usual_variant(chosen: Settings, daily: bool) -> str:
    return "practice" if daily else chosen.realtime_variant


def _assessment(file: Path | None) -> tuple[str, ...] | None:
    if file is None:
        return None
    return tuple(sorted({s.id for s in read_registry(file) if s.family == "air" and s.kind == "assessment"}))
