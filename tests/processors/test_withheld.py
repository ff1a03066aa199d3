"""What was calibrated or maintained counts for nothing, and says why; taken back, it counts again."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from processors.withheld import withheld
from sensors.instants import HOUR_MS
from sensors.reading import Doubt
from sensors.stations import Station
from store.books import Books
from store.intervals import Interval, Intervals
from store.judgements import Claims

T0 = 1_772_323_200_000


def frame() -> pd.DataFrame:
    at = pd.to_datetime([T0 + hour * HOUR_MS for hour in (1, 2, 3, 1)], unit="ms", utc=True)
    return pd.DataFrame(
        {
            "station": ["a", "a", "a", "b"],
            "observed_at": at,
            "received_at": [T0] * 4,
            "seq": [0] * 4,
            "o3": [10.0, 20.0, 30.0, 40.0],
            "co": [0.1, np.nan, 0.3, 0.4],
            "doubtful": [{}, {"co": Doubt("fault", None)}, {}, {}],
        }
    )


def interval(since_h: float, until_h: float, quantity: str = "") -> Interval:
    since, until = int(T0 + since_h * HOUR_MS), int(T0 + until_h * HOUR_MS)
    return Interval("air", "a", quantity, since, until, "calibration", "span gas")


def good(found: pd.DataFrame, code: str) -> list[float | None]:
    return [None if pd.isna(value) else float(value) for value in found[code]]


def test_every_hour_that_is_touched_is_withheld_and_says_why() -> None:
    found = withheld(frame(), [interval(1.5, 2.0)], "hour")
    assert good(found, "o3") == [10.0, None, 30.0, 40.0]
    assert list(found["doubtful"]) == [{}, {"co": Doubt("fault", None), "o3": Doubt("calibration", 20.0)}, {}, {}]
    assert good(frame(), "o3") == [10.0, 20.0, 30.0, 40.0]


def test_one_quantity_or_all_of_them_and_no_other_station() -> None:
    found = withheld(frame(), [interval(0, 1, "o3")], "hour")
    assert (good(found, "o3"), good(found, "co")) == ([None, 20.0, 30.0, 40.0], [0.1, None, 0.3, 0.4])
    found = withheld(frame().drop(columns="doubtful"), [interval(0, 9)], "hour")
    assert (good(found, "o3"), good(found, "co")) == ([None, None, None, 40.0], [None, None, None, 0.4])
    assert list(found["received_at"]) == [T0] * 4


def test_nothing_to_withhold_changes_nothing() -> None:
    assert withheld(frame(), [], "hour").equals(frame())
    assert withheld(frame(), [interval(3, 4)], "hour")["o3"].equals(frame()["o3"])
    assert withheld(frame().iloc[:0], [interval(0, 9)], "hour").empty


@pytest.fixture
def books(tmp_path: Path) -> Books:
    found = Books(f"sqlite:///{tmp_path}/books.sqlite")
    found.prepare()
    return found


def test_an_interval_marks_its_hours_and_is_audited_and_so_is_taking_it_back(books: Books) -> None:
    intervals = Intervals(books)
    number = intervals.add(interval(1.5, 3), period="hour", who="li", now=5)
    marks = Claims(books).take(10**13, 100)
    assert sorted(mark.key.hour - T0 // HOUR_MS for mark in marks) == [1, 2]
    [held] = intervals.all("air")
    assert (held.id, held.entered_by, held.entered_at, held.why) == (number, "li", 5, "span gas")
    assert intervals.all("water") == []
    assert intervals.remove(number, period="hour", who="wang", now=6)
    assert not intervals.remove(number, period="hour", who="wang", now=7)
    assert intervals.all() == []
    [gone] = intervals.all(removed=True)
    assert (gone.removed_by, gone.removed_at) == ("wang", 6)
    assert [line.what for line in books.history("air", "a")] == ["interval entered", "interval removed"]


def test_an_empty_interval_is_refused(books: Books) -> None:
    with pytest.raises(ValueError, match="ends after it begins"):
        Intervals(books).add(interval(2, 2), period="hour", who="li", now=5)


def test_a_long_interval_marks_its_station_once(books: Books) -> None:
    books.register(
        [Station.model_validate({"id": "a", "family": "air", "name_zh": "a", "district": "gaoxin"})], who="li", now=1
    )
    Claims(books).take(10**13, 100)
    Intervals(books).add(interval(0, 24 * 90), period="hour", who="li", now=5)
    assert len(Claims(books).take(10**13, 100)) <= 2
