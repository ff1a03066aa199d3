"""The whole simulated city through the stack that Grafana draws: what is drawn is what the books say, the table of names is what
the server has, and every query of every dashboard, executed with Grafana's token, gives rows. In one file: the city is dear."""

import json
from collections import defaultdict
from contextlib import closing
from zoneinfo import ZoneInfo

from dashboards.sending import Sent, put_in, sent
from processors.plans import shipped_plan
from sensors.instants import DAY_MS, to_datetime
from store.influx_http import InfluxHttp
from store.influx_projected import ProjectedStore
from store.measurements import INCIDENTS, INDICATORS, MEASUREMENTS
from tests.grafana.city import DATABASE, DrawnCity, all_points
from tests.grafana.drawn_boards import ALL
from tests.programs import cityflux

_PLAN = shipped_plan().indicators


def rows_of(city: DrawnCity, queries: list[Sent], now: int) -> dict[Sent, int]:
    """How many rows each gives."""
    http = InfluxHttp(city.server.url, city.token("grafana"))
    year = to_datetime(city.now, ZoneInfo("Asia/Shanghai")).year
    found = {}
    for one in queries:
        (series,) = http.ask(DATABASE, [put_in(one.text, now, year=year)])
        found[one] = sum(len(its["values"]) for its in series)
    http.close()
    return found


def test_every_query_gives_rows(drawn_city: DrawnCity) -> None:
    found = rows_of(drawn_city, list(sent(ALL)), drawn_city.now)
    # What asks for what is old has nothing to say of a city that is fresh.
    without = [one for one, count in found.items() if not count and not one.grey]
    assert not without, "\n".join(map(str, without))


def test_a_tile_is_fresh_or_grey_and_never_both(drawn_city: DrawnCity) -> None:
    tiles: dict[tuple[str, str], dict[str, Sent]] = defaultdict(dict)
    for one in sent(ALL):
        if one.kind == "stat":
            tiles[one.board, one.panel][one.letter] = one
    queries = [one for letters in tiles.values() for one in letters.values()]
    now = rows_of(drawn_city, queries, drawn_city.now)
    later = rows_of(drawn_city, queries, drawn_city.now + 10 * DAY_MS)
    # Ten days later what people enter by the quarter or the year is not old, and nothing else is as it was.
    entered = {row.zh for row in _PLAN if row.family is None} | {row.en for row in _PLAN if row.family is None}
    for (_, panel), letters in tiles.items():
        assert set(letters) == {"A", "B"}
        a, b = letters["A"], letters["B"]
        assert (now[a], now[b]) == (1, 0 if b.grey else 1), letters
        if panel in entered:
            assert (later[a], later[b]) == (1, 0), letters
        else:
            # Of a period that is over nothing is shown: it is another year, or month.
            assert later[a] == 0, letters
            assert later[b] <= 1, letters
    turned = [letters["B"] for letters in tiles.values() if later[letters["B"]]]
    assert len(turned) > len(tiles) / 2


def test_check_asks_every_query_of_influxdb(drawn_city: DrawnCity) -> None:
    settings = dict(drawn_city.environment) | {
        "CITYFLUX_INFLUX_TOKEN_FILE": str(drawn_city.secrets / "influx-grafana-token")
    }
    rows = json.loads(cityflux("dashboards", "check", "--format", "json", environment=settings))
    assert len(rows) > 80
    assert not [row for row in rows if row["refused"]]
    # Who may read only readings is told of each query that is not of these.
    settings["CITYFLUX_INFLUX_TOKEN_FILE"] = str(drawn_city.secrets / "influx-read-token")
    said = cityflux("dashboards", "check", environment=settings, expect=1)
    assert "books" in said


def test_the_whole_city_is_drawn_as_the_books_have_it(drawn_city: DrawnCity) -> None:
    in_books = drawn_city.books(
        "SELECT count(*) FROM (SELECT DISTINCT indicator, scope, period, standard FROM revisions WHERE finality != 'proposed'"
        " UNION SELECT indicator, scope, period, standard FROM running)"
    )
    drawn = _target(drawn_city).stored(INDICATORS, ["status"])
    assert len(drawn) == in_books > 300
    assert len(_target(drawn_city).stored(INCIDENTS, ["id"])) == drawn_city.books("SELECT count(*) FROM incidents") > 1


def test_drawn_again_is_as_it_came(drawn_city: DrawnCity) -> None:
    with closing(_target(drawn_city)) as target:
        again = all_points(target)
    assert (drawn_city.as_it_came - again, again - drawn_city.as_it_came) == (set(), set())


def test_series_are_counted(drawn_city: DrawnCity) -> None:
    with closing(_target(drawn_city)) as target:
        series, rows = target.cardinality(), target.stored(INDICATORS, ["status"])
    assert series["indicators"] == len({tuple(row[name] for name in INDICATORS.tags) for row in rows})
    # The ten of the registry, and one that nobody knows.
    assert series["air_hour"] == 11
    assert series["pipeline"] == 1


def test_what_the_table_calls_them_is_what_is_there(drawn_city: DrawnCity) -> None:
    """Every tag and field that the server has of ours is in the table, with its kind, and the other way round where it is a
    projection of the city."""
    http = InfluxHttp(drawn_city.server.url, drawn_city.token("grafana"))
    for one in MEASUREMENTS.values():
        (fields,) = http.ask(DATABASE, [f"SHOW FIELD KEYS FROM {one.place}"])
        found = {name: kind for series in fields for name, kind in series["values"]}
        assert found.items() <= dict(one.fields).items(), one.name
        if found and one.policy != "autogen":
            assert set(one.fields) - set(found) <= one.optional, one.name
    http.close()


def _target(city: DrawnCity) -> ProjectedStore:
    return ProjectedStore(city.server.url, DATABASE, DATABASE, city.token("grafana"))
