"""The count of good-air days: what counts, what does not, and by which edition."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pandas as pd
import pytest

from processors.indicators.air_daily import city_days, station_days
from processors.indicators.good_days import Day, StandardSpan, good_days
from processors.windows import Coverage
from tests.processors.frames import BEIJING, Values, station_hours, together

CLEAN_DAY: dict[str, Values] = {}
DIRTY_DAY: dict[str, Values] = {"pm2_5": 120.0}
GAP_DAY: dict[str, Values] = {"o3": None}


def city(first: date, *days: dict[str, Values] | None, standard: str | None = None) -> pd.DataFrame:
    """The city of one station, a day after the other; None: no hour at all."""
    dated = [(first + timedelta(days=number), values) for number, values in enumerate(days)]
    hours = together(*(station_hours(day=day, values=values) for day, values in dated if values is not None))
    return city_days(station_days(hours, BEIJING, standard), None, BEIJING, standard)


def test_a_day_without_data_is_never_good() -> None:
    first = date(2026, 3, 5)
    frame = city(first, CLEAN_DAY, None, GAP_DAY, DIRTY_DAY, CLEAN_DAY)
    found = good_days(frame, first, first + timedelta(days=6))
    assert (found.good, found.polluted, found.not_assessable) == (2, 1, 4)
    assert (found.valid, found.expected, found.coverage) == (3, 7, Coverage(3, 7))
    assert (found.ratio, found.ratio_percent) == (Fraction(2, 3), Decimal("66.7"))
    assert [day.state for day in found.days] == [
        "good", "not_assessable", "not_assessable", "polluted", "good", "not_assessable", "not_assessable",
    ]  # fmt: skip
    assert [day.why for day in found.days] == ["", "no_data", "incomplete", "exceeds", "", "no_data", "no_data"]
    assert found.days[1] == Day(
        date(2026, 3, 6), "not_assessable", None, "", "HJ633-2026", 0.0, "no_data", "no station has an hour of this day"
    )
    assert found.days[3].why_text == "PM2.5: IAQI 158 (120 µg/m³)"


def test_nothing_at_all_is_no_ratio() -> None:
    found = good_days(city(date(2026, 3, 5), CLEAN_DAY), date(2026, 4, 1), date(2026, 4, 3))
    assert (found.good, found.valid, found.not_assessable) == (0, 0, 3)
    assert found.ratio is None
    assert found.ratio_percent is None
    assert found.coverage.ratio == 0.0


@pytest.mark.parametrize(
    ("good", "valid", "percent"),
    [(27, 31, "87.1"), (29, 31, "93.5"), (30, 31, "96.8"), (29, 30, "96.7"), (28, 31, "90.3"), (31, 31, "100.0")],
)
def test_ratios_as_published(good: int, valid: int, percent: str) -> None:
    first = date(2026, 3, 1)
    frame = city(first, *[CLEAN_DAY] * good, *[DIRTY_DAY] * (valid - good))
    found = good_days(frame, first, first + timedelta(days=valid - 1))
    assert str(found.ratio_percent) == percent


def test_a_span_across_the_change_names_both_editions_with_their_days() -> None:
    first = date(2026, 2, 27)
    between: dict[str, Values] = {"pm2_5": 70.0}  # 94 by 2012, 110 by 2026
    frame = city(first, between, None, between, between)
    found = good_days(frame, first, date(2026, 3, 2))
    assert [day.state for day in found.days] == ["good", "not_assessable", "polluted", "polluted"]
    assert found.standards == (
        StandardSpan("HJ633-2012", date(2026, 2, 27), date(2026, 2, 28)),
        StandardSpan("HJ633-2026", date(2026, 3, 1), date(2026, 3, 2)),
    )


def test_the_whole_span_by_one_edition_on_request() -> None:
    first = date(2026, 2, 27)
    between: dict[str, Values] = {"pm2_5": 70.0}
    for standard, good in (("HJ633-2012", 3), ("HJ633-2026", 0)):
        frame = city(first, between, None, between, between, standard=standard)
        found = good_days(frame, first, date(2026, 3, 2), standard)
        assert found.good == good
        assert found.standards == (StandardSpan(standard, first, date(2026, 3, 2)),)


def test_days_outside_the_span_do_not_count() -> None:
    frame = city(date(2026, 3, 5), CLEAN_DAY, CLEAN_DAY, CLEAN_DAY)
    assert good_days(frame, date(2026, 3, 6), date(2026, 3, 6)).good == 1


def test_a_span_that_ends_before_it_starts_and_a_day_twice_are_refused() -> None:
    frame = city(date(2026, 3, 5), CLEAN_DAY)
    with pytest.raises(ValueError, match="before it starts"):
        good_days(frame, date(2026, 3, 6), date(2026, 3, 5))
    with pytest.raises(ValueError, match="two rows for the day 2026-03-05"):
        good_days(together(frame, frame), date(2026, 3, 5), date(2026, 3, 5))
