"""What store/port.py promises, held against both adapters and the real servers."""

import asyncio
import random
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensors.instants import DAY_MS, HOUR_MS
from sensors.quantities import OF_FAMILY
from sensors.reading import Doubt, Flag, Reading
from store.influx import InfluxStore
from store.sqlite import SqliteStore
from tests.servers.influx import Influx
from tests.store.conftest import Opens, Subject, rows

NOON = 1_767_268_800_000  # 2026-01-01T12:00:00Z
RECEIVED = NOON + 60_000
MINUTE = 60_000
FAULT = Doubt("fault", 400.0)
WITHDRAWN = Doubt("withdrawn", None)


def reading(at: int = NOON, received_at: int = RECEIVED, station: str = "hx-01", **values: float | Doubt) -> Reading:
    good = {code: value for code, value in values.items() if not isinstance(value, Doubt)}
    doubtful = {code: value for code, value in values.items() if isinstance(value, Doubt)}
    return Reading("air", station, "hour", at, received_at, good, doubtful)


def issued(at: int, received_at: int, **values: float | Doubt) -> Reading:
    return reading(NOON, received_at, "hx-01", **values)._replace(issued=at)


def value_rows(subject: Subject) -> list[dict[str, Any]]:
    """What is good, by quantity, of each row."""
    return [{name: cell for name, cell in row.items() if name in OF_FAMILY["air"]} for row in subject.rows()]


# Writing and reading back


async def test_a_reading_comes_back_as_it_was(subject: Subject) -> None:
    full = reading(pm2_5=35.0, co=0.7, o3=FAULT, no2=WITHDRAWN)
    full = full._replace(issued=RECEIVED - 5, unknown_station=True, origin=3, batch=2**40)
    assert await subject.write(full) == []
    assert subject.rows(detail=True) == [
        {
            "station": "hx-01",
            "observed_at": NOON,
            "seq": 0,
            "received_at": RECEIVED,
            "issued": RECEIVED - 5,
            "unknown_station": True,
            "origin": 3,
            "batch": 2**40,
            "doubtful": {"o3": FAULT, "no2": WITHDRAWN},
            "pm2_5": 35.0,
            "co": 0.7,
        }
    ]


async def test_a_plain_reading_says_nothing_it_was_not_told(subject: Subject) -> None:
    await subject.write(reading(pm2_5=35.0))
    (row,) = subject.rows(detail=True)
    assert "issued" not in row
    assert row["unknown_station"] is False
    assert row["doubtful"] == {}


async def test_a_reading_without_any_good_value_is_there(subject: Subject) -> None:
    await subject.write(reading(pm2_5=FAULT), reading(at=NOON + HOUR_MS))
    assert value_rows(subject) == [{}, {}]


async def test_writing_twice_is_writing_once(subject: Subject) -> None:
    batch = [reading(at=NOON + n * HOUR_MS, pm2_5=float(n), co=FAULT if n % 2 else 0.5) for n in range(5)]
    await subject.write(*batch)
    once = subject.rows(detail=True)
    await subject.write(*batch)
    await subject.write(*batch[:2], in_order=False)
    assert subject.rows(detail=True) == once


@pytest.mark.parametrize("value", [0.0, -0.5, 1e-07, 1e22, 35.123456789012345, 1e300])
async def test_a_value_comes_back_to_the_last_digit(subject: Subject, value: float) -> None:
    await subject.write(reading(pm2_5=value))
    assert value_rows(subject) == [{"pm2_5": value}]


async def test_a_numpy_float_is_a_float(subject: Subject) -> None:
    await subject.write(reading(pm2_5=np.float64(35.5)))
    assert value_rows(subject) == [{"pm2_5": 35.5}]


async def test_readings_before_1970_and_far_in_the_future(subject: Subject) -> None:
    times = [-DAY_MS, 0, 4_000_000_000_000]
    await subject.write(*[reading(at=at, pm2_5=1.0) for at in times])
    assert [row["observed_at"] for row in subject.rows()] == times
    assert [row["observed_at"] for row in rows(subject.store.latest("air", "hour"))] == times[-1:]


async def test_ten_thousand_readings_in_one_batch(opens: Opens) -> None:
    store = opens()
    hours, stations = range(100), [f"st-{n:03d}" for n in range(100)]
    batch = [reading(NOON + h * HOUR_MS, station=s, pm2_5=h + n / 10) for h in hours for n, s in enumerate(stations)]
    assert list(await store.write(batch)) == []
    found = store.readings("air", "hour", NOON - 1, NOON + 100 * HOUR_MS, quantities=["pm2_5"])
    await store.close()
    expected = {(r.station, r.observed_at): r.values["pm2_5"] for r in batch}
    assert len(found) == len(batch)
    assert {(row["station"], row["observed_at"]): row["pm2_5"] for row in rows(found)} == expected


# Merging


async def test_an_absent_quantity_stays_and_a_named_one_is_replaced(subject: Subject) -> None:
    await subject.write(reading(pm2_5=35.0, co=0.7))
    await subject.write(reading(received_at=RECEIVED + 1, pm2_5=36.0, o3=80.0))
    assert value_rows(subject) == [{"pm2_5": 36.0, "co": 0.7, "o3": 80.0}]


async def test_one_quantity_per_message(subject: Subject) -> None:
    await subject.write(reading(pm2_5=35.0), reading(co=0.7))
    await subject.write(reading(o3=80.0))
    await subject.write(reading(no2=20.0), reading(at=NOON + HOUR_MS, no2=21.0), reading(so2=9.0))
    assert value_rows(subject) == [{"pm2_5": 35.0, "co": 0.7, "o3": 80.0, "no2": 20.0, "so2": 9.0}, {"no2": 21.0}]


@pytest.mark.parametrize("batches", [[[0, 1, 2]], [[0], [1], [2]], [[0, 1], [2]], [[0], [1, 2]]])
async def test_a_quantity_keeps_its_own_version(subject: Subject, batches: list[list[int]]) -> None:
    """m3 is newer than the pm2_5 it corrects, though another quantity of the point is newer than m3."""
    ten = RECEIVED
    versions = [
        issued(ten, RECEIVED + 10 * MINUTE, pm2_5=1.0),
        issued(ten + 5 * MINUTE, RECEIVED + 11 * MINUTE, co=2.0),
        issued(ten + 3 * MINUTE, RECEIVED + 12 * MINUTE, pm2_5=3.0),
    ]
    for batch in batches:
        await subject.write(*[versions[n] for n in batch])
    assert value_rows(subject) == [{"pm2_5": 3.0, "co": 2.0}]
    (row,) = subject.rows(detail=True)
    assert row["issued"] == ten + 5 * MINUTE, "the point's version is its newest"


async def test_the_same_without_issued_when_a_dead_letter_is_replayed(subject: Subject) -> None:
    await subject.write(reading(received_at=RECEIVED, pm2_5=1.0))
    await subject.write(reading(received_at=RECEIVED + 5 * MINUTE, co=2.0))
    await subject.write(reading(received_at=RECEIVED + 3 * MINUTE, pm2_5=3.0, co=9.0), in_order=False)
    assert value_rows(subject) == [{"pm2_5": 3.0, "co": 2.0}]


async def test_a_clock_set_back_between_a_value_and_its_correction_costs_no_correction(subject: Subject) -> None:
    first = reading(received_at=RECEIVED + HOUR_MS, pm2_5=35, co=0.7)._replace(origin=3, batch=7)
    corrected = reading(received_at=RECEIVED, pm2_5=36)._replace(origin=3, batch=8)
    await subject.write(first)
    await subject.write(corrected)
    assert value_rows(subject) == [{"pm2_5": 36.0, "co": 0.7}]
    await subject.write(first)  # repeated after a crash
    assert value_rows(subject) == [{"pm2_5": 36.0, "co": 0.7}]
    another_journal = reading(received_at=RECEIVED - 1, pm2_5=37, co=0.8)._replace(origin=4, batch=9)
    await subject.write(another_journal)
    assert value_rows(subject) == [{"pm2_5": 36.0, "co": 0.7}], "between journals the times decide"


async def test_an_older_version_loses_but_fills_what_is_absent(subject: Subject) -> None:
    await subject.write(reading(received_at=RECEIVED, pm2_5=35.0, so2=FAULT)._replace(batch=7))
    older = reading(received_at=RECEIVED - 1, pm2_5=1.0, co=0.7, o3=WITHDRAWN, so2=5.0)._replace(batch=6)
    await subject.write(older, in_order=False)
    (row,) = subject.rows(detail=True)
    assert (row["pm2_5"], row["co"], row["doubtful"]) == (35.0, 0.7, {"so2": FAULT, "o3": WITHDRAWN})
    assert (row["received_at"], row["batch"]) == (RECEIVED, 7), "receipt and lineage are those of the newer"


async def test_an_issued_version_in_the_future_wins_over_a_later_plain_one(subject: Subject) -> None:
    await subject.write(issued(RECEIVED + HOUR_MS, RECEIVED, pm2_5=1.0))
    await subject.write(reading(received_at=RECEIVED + MINUTE, pm2_5=2.0))
    assert value_rows(subject) == [{"pm2_5": 1.0}]


async def test_a_plain_version_after_an_issued_one_has_no_issued(subject: Subject) -> None:
    await subject.write(issued(RECEIVED - MINUTE, RECEIVED, pm2_5=1.0))
    await subject.write(reading(received_at=RECEIVED + 1, pm2_5=2.0))
    (row,) = subject.rows(detail=True)
    assert row["pm2_5"] == 2.0
    assert "issued" not in row
    await subject.write(issued(RECEIVED, RECEIVED + 2, pm2_5=3.0), in_order=False)
    assert value_rows(subject) == [{"pm2_5": 2.0}], "2.0 is of RECEIVED + 1, which is newer"


async def test_of_equal_versions_the_later_write_wins(subject: Subject) -> None:
    await subject.write(reading(pm2_5=1.0), reading(pm2_5=2.0))
    assert value_rows(subject) == [{"pm2_5": 2.0}]
    await subject.write(reading(pm2_5=3.0))
    assert value_rows(subject) == [{"pm2_5": 3.0}]


GOOD_THEN_DOUBTFUL: Mapping[str, list[float | Doubt]] = {
    "good → doubtful": [1.0, FAULT],
    "doubtful → good": [FAULT, 1.0],
    "good → doubtful → good": [1.0, FAULT, 2.0],
    "good → withdrawn": [1.0, WITHDRAWN],
    "withdrawn → good": [WITHDRAWN, 1.0],
    "good → withdrawn → doubtful → good": [1.0, WITHDRAWN, FAULT, 2.0],
}


@pytest.mark.parametrize("versions", GOOD_THEN_DOUBTFUL.values(), ids=GOOD_THEN_DOUBTFUL.keys())
@pytest.mark.parametrize("one_batch", [False, True], ids=["batch by batch", "in one batch"])
async def test_good_and_doubtful_displace_each_other(
    subject: Subject, versions: list[float | Doubt], one_batch: bool
) -> None:
    await subject.write(reading(co=0.7))
    coming = [reading(received_at=RECEIVED + n, pm2_5=version) for n, version in enumerate(versions, 1)]
    for batch in [coming] if one_batch else [[one] for one in coming]:
        await subject.write(*batch)
    (row,) = subject.rows(detail=True)
    last = versions[-1]
    assert row["doubtful"] == ({"pm2_5": last} if isinstance(last, Doubt) else {})
    assert row.get("pm2_5") == (None if isinstance(last, Doubt) else last)
    assert row["co"] == 0.7


@pytest.mark.parametrize("versions", GOOD_THEN_DOUBTFUL.values(), ids=GOOD_THEN_DOUBTFUL.keys())
async def test_two_writers_that_do_not_know_of_each_other(opens: Opens, versions: list[float | Doubt]) -> None:
    """Ingest and a replay of dead letters, each of which has seen the station before."""
    writers = [opens(), opens()]
    for writer in writers:
        await writer.write([reading(at=NOON - HOUR_MS, co=0.5)])
    for n, version in enumerate(versions):
        await writers[n % 2].write([reading(received_at=RECEIVED + n, pm2_5=version)])
    (row,) = rows(writers[0].readings("air", "hour", NOON - 1, NOON, detail=True))
    (latest,) = rows(writers[0].latest("air", "hour"))
    for writer in writers:
        await writer.close()
    last = versions[-1]
    assert row["doubtful"] == ({"pm2_5": last} if isinstance(last, Doubt) else {})
    assert row.get("pm2_5") == latest.get("pm2_5") == (None if isinstance(last, Doubt) else last)


async def test_a_station_becomes_known(subject: Subject) -> None:
    await subject.write(reading(pm2_5=1.0)._replace(unknown_station=True))
    await subject.write(reading(received_at=RECEIVED + 1, co=0.7))
    (row,) = subject.rows(detail=True)
    assert row["unknown_station"] is False


# Events


async def test_events_of_one_instant_are_told_apart(subject: Subject) -> None:
    events = [reading(pm2_5=float(seq))._replace(seq=seq) for seq in (0, 1, 2, 10)]
    await subject.write(*events[:2])
    await subject.write(events[3], events[2])
    assert [(row["seq"], row["pm2_5"]) for row in subject.rows()] == [(0, 0.0), (1, 1.0), (2, 2.0), (10, 10.0)]
    (latest,) = rows(subject.store.latest("air", "hour"))
    assert (latest["seq"], latest["pm2_5"]) == (10, 10.0)


@pytest.mark.parametrize("seq", [0, 1])
async def test_displacing_a_value_of_one_event_leaves_the_others(subject: Subject, seq: int) -> None:
    events = [reading(at=at, pm2_5=1.0, co=0.5)._replace(seq=n) for at in (NOON - 1, NOON, NOON + 1) for n in range(3)]
    await subject.write(*events)
    await subject.write(reading(received_at=RECEIVED + 1, pm2_5=WITHDRAWN)._replace(seq=seq))
    for row in subject.rows(detail=True):
        displaced = (row["observed_at"], row["seq"]) == (NOON, seq)
        assert row.get("pm2_5") == (None if displaced else 1.0)
        assert row["doubtful"] == ({"pm2_5": WITHDRAWN} if displaced else {})
        assert row["co"] == 0.5
    assert len(subject.rows()) == 9


# Selecting


@pytest.fixture
async def filled(subject: Subject) -> Subject:
    """Three stations, out of order, four hours each."""
    batch = [reading(NOON + n * HOUR_MS, station=s, pm2_5=float(n), co=0.1) for n in range(4) for s in ("b", "a", "c")]
    random.Random(1).shuffle(batch)
    await subject.write(*batch)
    return subject


async def test_selection_is_start_exclusive_end_inclusive(filled: Subject) -> None:
    found = rows(filled.store.readings("air", "hour", NOON, NOON + 2 * HOUR_MS, ["a"]))
    assert [row["observed_at"] for row in found] == [NOON + HOUR_MS, NOON + 2 * HOUR_MS]


async def test_rows_are_sorted_by_station_and_time(filled: Subject) -> None:
    keys = [(row["station"], row["observed_at"]) for row in filled.rows()]
    assert keys == [(s, NOON + n * HOUR_MS) for s in ("a", "b", "c") for n in range(4)]


@pytest.mark.parametrize(
    ("stations", "found"),
    [(None, ["a", "b", "c"]), (["c", "a", "c"], ["a", "c"]), ([], []), (["none"], []), ({"b", "none"}, ["b"])],
)
async def test_stations_are_chosen(filled: Subject, stations: Any, found: list[str]) -> None:
    frame = filled.store.readings("air", "hour", NOON - 1, NOON, stations)
    assert list(frame["station"]) == found
    assert list(filled.store.latest("air", "hour", stations)["station"]) == found


async def test_a_station_name_cannot_break_out_of_the_query(subject: Subject) -> None:
    names = ["a", "it's", 'a "b"', "x|a", "a.*", "back\\slash", "sl/ash", "a b, c=d", "河"]
    await subject.write(*[reading(station=name, pm2_5=1.0) for name in names])
    for name in [*names, "') OR ('a'='a", '"; DROP MEASUREMENT "air_hour"']:
        found = list(subject.store.readings("air", "hour", NOON - 1, NOON, [name])["station"])
        assert found == ([name] if name in names else [])


async def test_thousands_of_stations_by_name(opens: Opens) -> None:
    store = opens()
    names = [f"{n:064d}" for n in range(6_000)]
    await store.write([reading(station=name, pm2_5=1.0) for name in names])
    assert list(store.readings("air", "hour", NOON - 1, NOON, names[1:])["station"]) == names[1:]
    assert list(store.latest("air", "hour", names[1:])["station"]) == names[1:]
    await store.close()


async def test_quantities_are_chosen(filled: Subject) -> None:
    frame = filled.store.readings("air", "hour", NOON - 1, NOON, ["a"], iter(["o3", "co"]))
    assert list(frame.columns) == ["station", "observed_at", "seq", "o3", "co"]
    assert rows(frame) == [{"station": "a", "observed_at": NOON, "seq": 0, "co": 0.1}]
    none = filled.store.readings("air", "hour", -(2**53), 2**53, ["a"], ())
    assert list(none.columns) == ["station", "observed_at", "seq"]
    assert len(none) > 0, "asked for no quantity: when there are readings, and no more"


@pytest.mark.parametrize("detail", [False, True])
@pytest.mark.parametrize("stored", [False, True], ids=["empty store", "one reading"])
async def test_columns_and_types_do_not_depend_on_what_is_stored(opens: Opens, stored: bool, detail: bool) -> None:
    store = opens()
    if stored:
        await store.write([reading(pm2_5=35.0)])
    frame = store.readings("air", "hour", NOON - 1, NOON, quantities=["pm2_5", "co"], detail=detail)
    await store.close()
    assert len(frame) == stored
    types = {name: str(kind) for name, kind in frame.dtypes.items()}
    expected = {
        "station": "str",
        "observed_at": "datetime64[ms, UTC]",
        "seq": "int64",
        "pm2_5": "float64",
        "co": "float64",
    }
    more = {"received_at": "Int64", "issued": "Int64", "unknown_station": "bool", "origin": "int64", "batch": "int64"}
    assert types == expected | (more | {"doubtful": "object"} if detail else {})


async def test_a_store_nobody_has_written_to_is_empty(opens: Opens) -> None:
    store = opens()
    assert len(store.readings("water", "day", 0, NOON)) == 0
    assert len(store.latest("traffic", "raw")) == 0
    await store.close()


async def test_latest_is_the_newest_of_each_station(filled: Subject) -> None:
    await filled.write(reading(NOON + 9 * HOUR_MS, station="b", o3=7.0, pm2_5=FAULT))
    await filled.write(reading(NOON - 9 * HOUR_MS, station="c", o3=1.0))
    newest = {row["station"]: row for row in rows(filled.store.latest("air", "hour"))}
    assert {name: row["observed_at"] for name, row in newest.items()} == {
        "a": NOON + 3 * HOUR_MS,
        "b": NOON + 9 * HOUR_MS,
        "c": NOON + 3 * HOUR_MS,
    }
    assert newest["b"]["o3"] == 7.0
    assert "pm2_5" not in newest["b"]


async def test_families_and_periods_do_not_mix(subject: Subject) -> None:
    plain = reading(pm2_5=1.0)
    index = Reading("air-index", "hx-01", "hour", NOON, RECEIVED, {next(iter(OF_FAMILY["air-index"])): 50.0})
    await subject.write(plain, index, plain._replace(period="day", values={"pm2_5": 2.0}))
    assert value_rows(subject) == [{"pm2_5": 1.0}]
    assert rows(subject.store.readings("air", "day", NOON - 1, NOON))[0]["pm2_5"] == 2.0
    assert len(subject.store.readings("air-index", "hour", NOON - 1, NOON)) == 1


async def test_check_says_what_answers(opens: Opens) -> None:
    store = opens()
    said = await store.check()
    await store.close()
    assert said.startswith(("SQLite 3.", "InfluxDB v2.")), said


# Any interleaving

FLAGS: list[Flag] = ["fault", "withdrawn"]
VERSIONS = st.lists(
    st.tuples(
        st.integers(0, 4),  # issued
        st.dictionaries(
            st.sampled_from(["pm2_5", "co", "o3"]),
            st.one_of(st.integers(0, 9).map(float), st.builds(Doubt, st.sampled_from(FLAGS), st.none())),
        ),
        st.booleans(),  # whether a batch ends here
    ),
    min_size=1,
    max_size=7,
)


@given(VERSIONS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_interleaving_of_issued_versions_ends_the_same(
    influx: Influx, tmp_path: Path, bucket: str, fresh: "count[int]", versions: list[tuple[int, dict[str, Any], bool]]
) -> None:
    station = f"station-{next(fresh)}"
    batches: list[list[Reading]] = [[]]
    for n, (at, values, ends) in enumerate(versions):
        batches[-1].append(issued(RECEIVED + at, RECEIVED + n, **values)._replace(station=station))
        if ends:
            batches.append([])
    sent = [one for batch in batches for one in batch]

    async def written() -> list[list[dict[str, Any]]]:
        found = []
        for store in (
            SqliteStore(tmp_path / "readings.sqlite"),
            InfluxStore(influx.url, influx.org, bucket, influx.token),
        ):
            for batch in batches:
                await store.write(batch)
            found.append(rows(store.readings("air", "hour", NOON - 1, NOON, [station], detail=True)))
            await store.close()
        return found

    in_sqlite, in_influx = asyncio.run(written())
    assert in_sqlite == in_influx
    (row,) = in_sqlite
    expected: dict[str, float | Doubt] = {}
    for one in sorted(sent, key=lambda r: r.version):
        expected |= {**one.values, **one.doubtful}
    found = {code: cell for code, cell in row.items() if code in OF_FAMILY["air"]} | row["doubtful"]
    assert found == expected
    assert (row["issued"], row["received_at"]) == max(one.version for one in sent)


@pytest.fixture
def bucket(influx: Influx) -> str:
    return influx.new_bucket()


@pytest.fixture
def fresh() -> "count[int]":
    return count()
