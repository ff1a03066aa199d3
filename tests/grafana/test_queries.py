"""Every query of every dashboard, executed with Grafana's own token by a real InfluxDB with the whole simulated city in it."""

from collections import defaultdict
from zoneinfo import ZoneInfo

from dashboards.sending import Sent, put_in, sent
from processors.plans import shipped_plan
from sensors.instants import DAY_MS, to_datetime
from store.influx_http import InfluxHttp
from tests.grafana.city import DATABASE, DrawnCity
from tests.grafana.drawn_boards import ALL

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
