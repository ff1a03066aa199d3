"""The status page: the plan's indicators, the stations' latest hour, the ledger. Plain HTML, nothing from outside.

It reads the books and the readings store at every request and shows when each number is from: what is old is grey.
"""

from collections.abc import Callable
from html import escape
from importlib.resources import files
from string import Template
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse, JSONResponse

from processors.explain_page import page_of
from processors.explain_parts import NotFound
from processors.explaining import explained
from processors.plans import Plan, PlanError
from store.books import Books, BooksUnavailable
from store.port import ReadingsStore, StoreError
from wall.explain_page import day_page, laid_out, year_page
from wall.presence import stations
from wall.status import status


def make_app(store: ReadingsStore, books: Books, plan: Plan, zone: ZoneInfo, clock: Callable[[], int]) -> FastAPI:
    """The application: `/` the page, `/api/status` the same as JSON, `/api/stations` how stations are,
    `/explain/CODE/YEAR` and `/explain/CODE/YEAR/DAY` why a number is what it is (of water
    `?section=ID&day=DAY`, of energy and carbon a quarter as well), `/livez`."""
    app = FastAPI(title="cityflux", docs_url=None, redoc_url=None)
    page = Template(files("wall").joinpath("page.html").read_text("utf-8"))

    @app.exception_handler(BooksUnavailable)
    def books_unavailable(_: object, error: Exception) -> JSONResponse:
        return JSONResponse({"title": "the books cannot be reached", "detail": str(error)}, 503)

    @app.exception_handler(StoreError)
    def store_unavailable(_: object, error: Exception) -> JSONResponse:
        return JSONResponse({"title": "the readings cannot be reached", "detail": str(error)}, 503)

    @app.get("/livez")
    def livez() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/api/status")
    def as_json() -> JSONResponse:
        return JSONResponse(status(store, books, plan, zone, clock()))

    @app.get("/api/stations")
    def stations_as_json() -> JSONResponse:
        return JSONResponse(stations(books, zone, clock()))

    @app.get("/")
    def as_page() -> HTMLResponse:
        return HTMLResponse(page.substitute(_fragments(status(store, books, plan, zone, clock()))))

    @app.get("/explain/{code}/{year}")
    def explained_year(code: str, year: str, section: str | None = None, day: str | None = None) -> HTMLResponse:
        try:
            indicator = plan.indicator(code)
            answer = explained(books, store, indicator, year, zone, section=section, day=day)
            if indicator.family == "air":
                return HTMLResponse(day_page(answer) if "day" in answer else year_page(answer))
            return HTMLResponse(laid_out(page_of(answer), f"/explain/{code}/{year}"))
        except (NotFound, PlanError) as error:
            raise HTTPException(404, str(error)) from error

    @app.get("/explain/{code}/{year}/{day}")
    def explained_day(code: str, year: str, day: str) -> HTMLResponse:
        try:
            return HTMLResponse(day_page(explained(books, store, plan.indicator(code), year, zone, day=day)))
        except (NotFound, PlanError) as error:
            raise HTTPException(404, str(error)) from error

    return app


def _fragments(shown: dict[str, Any]) -> dict[str, str]:
    """The page's holes filled: every text from data is escaped."""
    return {
        "plan": f"{escape(shown['plan']['zh'])} · {escape(shown['plan']['en'])}",
        "at": escape(shown["at"]),
        "tiles": _city_tile(shown["city"]) + "".join(_indicator_tile(i) for i in shown["indicators"]),
        "stations": "".join(_station_row(s) for s in shown["stations"])
        or _empty(5, shown["store_error"] or "no station in the registry"),
        "days": "".join(_day_row(d) for d in reversed(shown["days"])) or _empty(5, "no day has closed yet"),
        "pipeline": _pipeline_rows(shown["pipeline"]),
    }


def _city_tile(city: dict[str, Any] | None) -> str:
    if city is None or city["at"] is None:
        return '<div class="tile old">城市 AQI now<b>–</b>no hour yet</div>'
    number = "NA" if city["aqi"] is None else city["aqi"]
    return (
        f'<div class="tile{" old" if city["old"] else ""}">城市实时 AQI, city<b>{_dot(city)}{number}</b>'
        f'{escape(city["category"])}<div class="dim">hour ended {escape(city["at"])}{" — old" if city["old"] else ""}</div></div>'
    )


def _indicator_tile(indicator: dict[str, Any]) -> str:
    value = "–" if indicator["value"] is None else f"{escape(indicator['value'])} {escape(indicator['unit'])}"
    coverage = (
        f", coverage {indicator['valid']}/{indicator['expected']}, {escape(indicator['finality'])}"
        if "valid" in indicator
        else ""
    )
    period = escape(indicator["period"])
    return (
        f'<div class="tile">{escape(indicator["zh"])} {escape(indicator["en"])} '
        f'<a href="/explain/{escape(indicator["code"])}/{period}">{period}</a><b>{value}</b>'
        f"target {escape(indicator['target'])}: {escape(indicator['status'])}{coverage}"
        f'<div class="dim">{escape(indicator["sentence"])}</div></div>'
    )


def _station_row(station: dict[str, Any]) -> str:
    number = "NA" if station["aqi"] is None else station["aqi"]
    cells = (f"{_dot(station)}{escape(station['name'])} <span class=dim>{escape(station['id'])}</span>", number,
             escape(station["category"]), escape(station["kind"]), escape(station["at"] or "never"))  # fmt: skip
    return _row(cells, "old" if station["old"] else "")


def _day_row(day: dict[str, Any]) -> str:
    cells = (_dot(day) + escape(day["day"]), escape(day["aqi"] or "NA"), escape(day["category"] or day["status"]),
             escape(day["primary"]), escape(day["standard"]))  # fmt: skip
    return _row(cells)


def _pipeline_rows(pipeline: dict[str, Any]) -> str:
    seen = pipeline["ingest_seen"] or "never"
    rows = (
        ("messages journalled = written + refused + pending",
         f"{pipeline['journalled']:,} = {pipeline['written']:,} + {pipeline['refused']:,} + {pipeline['pending']:,}", False),
        ("readings written, refused", f"{pipeline['readings_written']:,}, {pipeline['readings_refused']:,}", False),
        ("ingest last seen", escape(seen), pipeline["ingest_silent"]),
        ("open dead letters", f"{pipeline['open_dead_letters']:,}", pipeline["open_dead_letters"] > 0),
        ("unknown stations", f"{pipeline['unknown_stations']:,}", pipeline["unknown_stations"] > 0),
        ("windows waiting to be computed", f"{pipeline['windows_waiting']:,}", False),
        ("stations", escape(_states(pipeline["stations_by_state"])), any(pipeline["stations_by_state"].get(s) for s in _ILL)),
        ("messages that have changed", f"{pipeline['drifts_waiting']:,}", pipeline["drifts_waiting"] > 0),
    )  # fmt: skip
    return "".join(_row((name, value), "bad" if bad else "") for name, value, bad in rows)


_ILL = ("offline", "silent", "late")


def _states(counts: dict[str, int]) -> str:
    """3 silent, 40 online; the ill first."""
    return (
        ", ".join(f"{counts[state]:,} {state}" for state in sorted(counts, key=lambda s: (s not in _ILL, s))) or "none"
    )


def _row(cells: tuple[object, ...], kind: str = "") -> str:
    return f'<tr class="{kind}">' + "".join(f'<td class="n">{cell}</td>' for cell in cells) + "</tr>"


def _empty(columns: int, text: str) -> str:
    return f'<tr class="old"><td colspan="{columns}">{escape(text)}</td></tr>'


def _dot(shown: dict[str, Any]) -> str:
    colour = "" if shown.get("old") else shown["colour"]
    return f'<i class="c"{f" style={chr(34)}background:{escape(colour)}{chr(34)}" if colour else ""}></i>'
