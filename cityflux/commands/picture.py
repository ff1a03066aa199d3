"""`cityflux picture`: a year of air or water, or a day of a meter, as a PNG or SVG, for a wall or a report."""

from collections.abc import Callable
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cityflux.composition import energy_rules, open_books, open_store, plan_of
from cityflux.console import err, out, refused, settings, wrong
from cityflux.settings import Settings, SettingsError
from store.books import Books

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cityflux.pictured import Pictured
    from cityflux.pictured_water import PicturedWater

picture = typer.Typer(
    no_args_is_help=True,
    help="Pictures of a year of air or water, and of a day of a meter, as PNG (1600 × 900) or SVG.",
)


class Tongue(StrEnum):
    """The language of a picture."""

    EN = "en"
    ZH = "zh"


Year = Annotated[int, typer.Argument(min=1, max=9999, help="a year, e.g. 2026")]
Out = Annotated[Path, typer.Option("--out", help="the file, as .png or .svg")]
Scope = Annotated[str, typer.Option("--scope", help="city, district:ID or station:ID")]
LanguageOption = Annotated[Tongue, typer.Option("--language", help="zh needs a font with Chinese characters")]


@picture.command("calendar")
def calendar(year: Year, file: Out, scope: Scope = "city", language: LanguageOption = Tongue.EN) -> None:
    """Each day of the year in the colour of its class, with its AQI. Example: cityflux picture calendar 2026 --out 2026.png"""
    _draw(year, file, language, lambda of: of.calendar(scope))


@picture.command("stations")
def stations(
    year: Year,
    file: Out,
    since: Annotated[str | None, typer.Option("--from", help="first day; else 1 January")] = None,
    until: Annotated[str | None, typer.Option("--to", help="last day, included; else the last known one")] = None,
    language: LanguageOption = Tongue.EN,
) -> None:
    """Stations by days. Example: cityflux picture stations 2026 --from 2026-03-01 --to 2026-03-31 --out march.svg"""
    first, last = _day(since, "--from"), _day(until, "--to")
    _draw(year, file, language, lambda of: of.stations(first, last))


@picture.command("primary")
def primary(year: Year, file: Out, scope: Scope = "city", language: LanguageOption = Tongue.EN) -> None:
    """Which pollutants were primary, by month. Example: cityflux picture primary 2026 --out primary.png"""
    _draw(year, file, language, lambda of: of.primary(scope))


@picture.command("days")
def days(year: Year, file: Out, scope: Scope = "city", language: LanguageOption = Tongue.EN) -> None:
    """Good days so far, what the plan's target needs, and the forecast. Example: cityflux picture days 2026 --out days.png"""
    _draw(year, file, language, lambda of: of.days(scope))


@picture.command("river")
def river(
    year: Year,
    file: Out,
    of: Annotated[str | None, typer.Option("--river", help="only this river and what flows into it")] = None,
    language: LanguageOption = Tongue.EN,
) -> None:
    """Water sections from source to mouth, month by month. Example: cityflux picture river 2026 --river liangtan --out r.png"""
    _draw_water(year, file, language, lambda pictured: pictured.strip(of))


@picture.command("item")
def item(
    year: Year,
    section: Annotated[str, typer.Argument(help="a section's id")],
    code: Annotated[str, typer.Argument(help="an item, e.g. nh3_n")],
    file: Out,
    language: LanguageOption = Tongue.EN,
) -> None:
    """An item of a section, day by day. Example: cityflux picture item 2026 lt-03 nh3_n --out ammonia.png"""
    _draw_water(year, file, language, lambda pictured: pictured.item(section, code))


@picture.command("profile")
def profile(
    year: Year,
    of: Annotated[str, typer.Argument(help="a river's id")],
    code: Annotated[str, typer.Argument(help="an item, e.g. nh3_n")],
    file: Out,
    period: Annotated[
        list[str] | None, typer.Option(help="a month, quarter or year; at most four of them; else the year")
    ] = None,
    language: LanguageOption = Tongue.EN,
) -> None:
    """An item along a river. Example: cityflux picture profile 2026 liangtan nh3_n --period 2026-06 --out profile.png"""
    _draw_water(year, file, language, lambda pictured: pictured.profile(of, code, period or [str(year)]))


@picture.command("load")
def load(
    station: Annotated[str, typer.Argument(help="an energy station's id")],
    day: Annotated[str, typer.Argument(help="a day, e.g. 2026-03-05")],
    file: Out,
    minutes: Annotated[int, typer.Option(min=1, max=240, help="length of a bar, e.g. 15 or 60")] = 15,
    language: LanguageOption = Tongue.EN,
) -> None:
    """A meter's load curve of a day, with peak and valley. Example: cityflux picture load m-07 2026-03-05 --out load.png"""
    from cityflux.pictured_energy import pictured_load

    civil = _day(day, "DAY")
    if civil is None:
        wrong("DAY is missing; write 2026-03-05")

    def made(books: Books, chosen: Settings) -> "Figure":
        try:
            rules = energy_rules(chosen)
        except SettingsError as error:
            wrong(str(error))
        return pictured_load(open_store(chosen), books, station, civil, minutes, chosen.zone, rules, language.value)

    _save(file, language, made)


def _draw(year: int, file: Path, language: Tongue, make: "Callable[[Pictured], Figure]") -> None:
    from cityflux.pictured import Pictured

    def made(books: Books, chosen: Settings) -> "Figure":
        return make(Pictured(books, plan_of(chosen), year, chosen.zone, language.value))

    _save(file, language, made)


def _draw_water(year: int, file: Path, language: Tongue, make: "Callable[[PicturedWater], Figure]") -> None:
    from cityflux.pictured_water import PicturedWater

    _save(file, language, lambda books, chosen: make(PicturedWater(books, year, chosen.zone, language.value)))


def _save(file: Path, language: Tongue, make: "Callable[[Books, Settings], Figure]") -> None:
    from cityflux.pictured import NoPicture
    from processors.pictures import check_suffix, drawn_language, save

    chosen = settings()
    try:
        check_suffix(file)
    except ValueError as error:
        wrong(f"--out {error}")
    if drawn_language(language.value) != language.value:
        err.print("cityflux: no font with Chinese characters is installed: the picture is in English", highlight=False)
    with open_books(chosen) as books:
        books.prepare()
        try:
            figure = make(books, chosen)
        except NoPicture as error:
            wrong(str(error))
    try:
        save(figure, file)
    except OSError as error:
        refused(f"{file} cannot be written: {error.strerror}")
    out.print(str(file), markup=False, highlight=False)


def _day(text: str | None, option: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        wrong(f"{option} {text!r} is no day; write 2026-03-05")
