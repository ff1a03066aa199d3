"""`cityflux picture`: pictures from books that the real runner filled, and what it says where there is nothing to draw."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from cityflux.pictured import NoPicture, Pictured
from processors.pictures.sheet import NO_VERDICT
from sensors.stations import Station
from store.judgements import Running
from store.reviews import Reviews
from tests.processors.world import CLEAN, DIRTY, ZONE, World, a_city
from tests.programs import cityflux

FIRST = date(2026, 1, 1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "data").mkdir()
    with a_city(tmp_path / "data") as made:
        yield made


def day(number: int) -> date:
    return FIRST + timedelta(days=number - 1)


async def filled(world: World) -> World:
    """1 January good, 2 polluted, 3 without any reading, 4 good; 5 is open."""
    for number, values in ((1, CLEAN), (2, DIRTY), (4, CLEAN)):
        await world.hours(day(number), values)
    await world.hours(day(5), CLEAN, hours=range(21))
    world.go_to(day(5), 22)
    await world.compute()
    return world


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def pictured(world: World, year: int = 2026) -> Pictured:
    return Pictured(world.books, world.plan, year, ZONE, "en")


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def cell(figure: Figure, number: int) -> Rectangle:
    name = f"day-{day(number).isoformat()}"
    [found] = [artist for artist in figure.findobj(Rectangle) if artist.get_gid() == name]
    return found


def aqi(world: World, number: int) -> tuple[str, str]:
    """AQI and colour of a day of the city, as published."""
    judgement = world.city_days()[day(number).isoformat()].judgement
    return str(judgement.value), judgement.detail["colour"]


@pytest.mark.parametrize(
    ("kind", "name"), [("calendar", "a.png"), ("stations", "a.svg"), ("primary", "a.png"), ("days", "a.svg")]
)
async def test_each_picture_is_a_file(kind: str, name: str, world: World, tmp_path: Path) -> None:
    await filled(world)
    file = tmp_path / name
    environment = {"CITYFLUX_DATA_DIR": str(tmp_path / "data")}
    asked = ("picture", kind, "2026", "--out", str(file), "--language", "en")
    assert cityflux(*asked, environment=environment).strip() == str(file)
    drawn = file.read_bytes()
    if name.endswith(".png"):
        assert drawn.startswith(b"\x89PNG\r\n\x1a\n")
        assert (int.from_bytes(drawn[16:20]), int.from_bytes(drawn[20:24])) == (1600, 900)
    else:
        assert b"2026</text>" in drawn


async def test_what_cannot_be_drawn_is_said_in_one_line(world: World, tmp_path: Path) -> None:
    await filled(world)
    environment = {"CITYFLUX_DATA_DIR": str(tmp_path / "data")}
    file = str(tmp_path / "a.png")
    for arguments, expect, says in (
        (("calendar", "2025", "--out", file), 2, "nothing is computed of city in 2025"),
        (("primary", "2026", "--scope", "station:hx-1", "--out", file), 2, "did you mean station:hx-01?"),
        (("days", "2026", "--out", str(tmp_path / "a.pdf")), 2, "ends in .png or .svg"),
        (("stations", "2026", "--from", "2026-13-01", "--out", file), 2, "'2026-13-01' is no day"),
        (("calendar", "2026", "--out", str(tmp_path / "nowhere" / "a.png")), 1, "cannot be written: No such file"),
    ):
        said = cityflux("picture", *arguments, environment=environment, expect=expect)
        assert says in said
        assert "Traceback" not in said
    assert [file.name for file in files_in(tmp_path)] == ["data"]


async def test_the_calendar_shows_what_is_published(world: World) -> None:
    figure = pictured(await filled(world)).calendar("city")
    for number in (1, 2, 4):
        value, colour = aqi(world, number)
        assert to_hex(cell(figure, number).get_facecolor()).upper() == colour
        assert value in texts(figure)
    assert to_hex(cell(figure, 3).get_facecolor()).upper() == NO_VERDICT
    assert cell(figure, 3).get_hatch()
    assert to_hex(cell(figure, 6).get_facecolor(), keep_alpha=True) == "#00000000"
    written = texts(figure)
    assert "City · 2 good, 1 polluted, 1 not assessable of 4 days to 4 January" in written
    assert {"provisional", "day still open", "2 of 4"} <= set(written)


async def test_a_reviewed_day_is_no_longer_provisional(world: World) -> None:
    await filled(world)
    days = list(world.city_days().values())
    Reviews(world.books).move(days, "final", who="ann", why="audited", now=world.now)
    assert "provisional" not in texts(pictured(world).calendar("city"))


async def test_the_count_is_that_of_the_year(world: World) -> None:
    await filled(world)
    written = texts(pictured(world).days("city"))
    assert world.year().value == "2"
    assert {"2 good days", "by 4 January, day 4 of 365", "320", "target", "1 not assessable"} <= set(written)
    assert not any("forecast" in text for text in written)


async def test_the_forecast_of_the_year_is_a_fan(world: World) -> None:
    await filled(world)
    year = world.year()
    forecast = {"interval": 0.8, "fan": [["2026-01-05", 2, 3, 3], ["2026-12-31", 290, 305, 321]]}
    detail = {**year.detail, "forecast": forecast}
    world.judgements.save((), [Running(year._replace(detail=detail), 2**60)], ())
    figure = pictured(world).days("city")
    assert {"305", "forecast 290–321 (80 %)"} <= set(texts(figure))


async def test_a_station_has_days_only_while_it_stands(world: World) -> None:
    late = {**world.station("hx-06").model_dump(exclude_none=True), "name_en": "Late"}
    late["active_from"] = datetime(2026, 1, 3, tzinfo=ZONE)
    world.books.register([Station.model_validate(late)], who="test", now=world.now)
    await world.hours(day(4), CLEAN, stations=("hx-06",))
    await filled(world)
    figure = pictured(world).calendar("station:hx-06")
    assert to_hex(cell(figure, 2).get_facecolor(), keep_alpha=True) == "#00000000"
    assert cell(figure, 3).get_hatch()
    assert to_hex(cell(figure, 4).get_facecolor(), keep_alpha=True) != "#00000000"
    assert "Late · 1 good, 0 polluted, 1 not assessable of 2 days to 4 January" in texts(figure)


async def test_stations_are_shown_for_a_span_of_the_year(world: World) -> None:
    of = pictured(await filled(world))
    written = texts(of.stations(None, None))
    assert {"hx-01", "hx-04", "1 January – 5 January", "2 of 4"} <= set(written)
    assert "hx-05" not in written, "a station without a judgement"
    assert "4" in written
    assert "6" not in written
    assert "1 of 2" in texts(of.stations(day(1), day(2)))
    for first, last, says in (
        (day(3), day(2), "before --from"),
        (date(2025, 12, 1), day(2), "not within 2026"),
        (date(2026, 6, 1), None, "no station has a day"),
    ):
        with pytest.raises(NoPicture, match=says):
            of.stations(first, last)


async def test_a_scope_beside_that_of_the_target_says_whose_it_is(world: World) -> None:
    of = pictured(await filled(world))
    assert any("the target is that of: City" in text for text in texts(of.days("station:hx-01")))
    assert any("District gaoxin" in text for text in texts(of.days("district:gaoxin")))
