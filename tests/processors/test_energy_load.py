"""Pieces of use and what a load curve says of them: what is shared out adds up, and what was not measured is a gap."""

from datetime import date, datetime
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.indicators.energy_anomaly import DayUse, judge
from processors.indicators.energy_load import (
    Peak,
    base_load,
    edges_of,
    load_duration,
    load_factor,
    maximum_demand,
    shared,
)
from processors.indicators.energy_pieces import (
    NO_READING,
    Averaged,
    Gap,
    Piece,
    by_precedence,
    filled,
    gaps,
    of_intervals,
    of_mean_powers,
    of_samples,
)
from processors.standards.time_of_use import TimeOfUseError, parse_time_of_use, shipped_time_of_use
from processors.windows import day_bounds
from sensors.instants import DAY_MS, HOUR_MS, to_millis

Q = HOUR_MS // 4
CHONGQING, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")


def piece(since: float, until: float, amount: float | None, how: str = "counted") -> Piece:
    known = None if amount is None else Fraction(str(amount))
    return Piece(int(since * HOUR_MS), int(until * HOUR_MS), known, how)  # type: ignore[arg-type]


def test_mean_power_times_its_minute_is_energy() -> None:
    [one] = of_mean_powers([Averaged(0, 60_000, 4.216)])
    assert one == Piece(0, 60_000, Fraction("4.216") / 60, "integrated")


def test_samples_are_joined_by_straight_lines_and_a_silence_is_a_gap() -> None:
    minutes = [(0, 2.0), (1, 4.0), (2, 4.0), (9, 4.0), (10, 0.0)]
    pieces = of_samples([(at * 60_000, power) for at, power in minutes], 3 * 60_000)
    assert [one.amount for one in pieces] == [Fraction(3, 60), Fraction(4, 60), Fraction(2, 60)]
    assert gaps(pieces, 0, 10 * 60_000) == [Gap(2 * 60_000, 9 * 60_000, NO_READING)]


def test_amounts_that_lie_over_each_other_are_not_counted_twice() -> None:
    found = of_intervals([Averaged(0, 4 * Q, 8.0), Averaged(2 * Q, 6 * Q, 8.0), Averaged(Q, 2 * Q, 1.0)])
    assert [(one.since // Q, one.until // Q, float(one.amount or 0)) for one in found] == [
        (0, 1, 2),
        (1, 2, 1),
        (2, 4, 4),
        (4, 6, 4),
    ]


def test_counts_before_amounts_before_power_and_each_fills_in_where_the_one_before_is_silent() -> None:
    counts = [piece(0, 1, 5), piece(1, 2, None, "went back")]
    amounts = [piece(0, 1, 4, "interval"), piece(1.5, 3, 3, "interval")]
    powers = [piece(1, 4, 30, "integrated")]
    found = by_precedence(counts, amounts, powers)
    assert [(one.since / HOUR_MS, one.until / HOUR_MS, float(one.amount or 0), str(one.how)) for one in found] == [
        (0, 1, 5, "counted"), (1, 1.5, 5, "integrated"), (1.5, 3, 3, "interval"), (3, 4, 10, "integrated"),
    ]  # fmt: skip


def test_counts_of_a_month_do_not_hide_what_was_sent_each_hour() -> None:
    month = piece(0, 720, 720)
    found = by_precedence([month], [piece(10, 11, 7, "interval")], [])
    assert [one.amount for one in found] == [Fraction(713 * 10, 719), 7, Fraction(713 * 709, 719)]
    assert sum(one.amount or 0 for one in found) == 720, "no more than the meter counted"
    [_, _, rest] = shared(found, [0, 10 * HOUR_MS, 11 * HOUR_MS, 12 * HOUR_MS])
    assert (rest.apportioned, rest.longest_ms) == (rest.amount, 720 * HOUR_MS)


def test_what_nobody_knows_is_a_gap_with_its_reason() -> None:
    pieces = filled([piece(1, 2, 5), piece(2, 3, None, "went back")])
    assert gaps(pieces, 0, 4 * HOUR_MS) == [
        Gap(0, HOUR_MS, NO_READING), Gap(2 * HOUR_MS, 3 * HOUR_MS, "went back"), Gap(3 * HOUR_MS, 4 * HOUR_MS, NO_READING),
    ]  # fmt: skip


@st.composite
def some_pieces(draw: st.DrawFn) -> list[Piece]:
    edges = sorted(draw(st.sets(st.integers(0, 40 * DAY_MS // 60_000), min_size=2, max_size=60)))
    found = []
    for since, until in pairwise(edges):
        amount = draw(st.one_of(st.none(), st.fractions(0, 1000, max_denominator=1000)))
        found.append(Piece(since * 60_000, until * 60_000, amount, "counted" if amount is not None else "went back"))
    return found


@given(some_pieces(), st.sampled_from([15, 60]), st.sampled_from([CHONGQING, BERLIN]))
def test_the_sums_of_quarters_and_days_are_the_whole_and_nothing_is_lost(
    pieces: list[Piece], minutes: int, zone: ZoneInfo
) -> None:
    # 40 days over the night in which the clock of Berlin changes.
    first = day_bounds(date(2026, 3, 1), zone)[0]
    pieces = [one._replace(since=one.since + first, until=one.until + first) for one in pieces]
    whole = sum((one.amount for one in pieces if one.amount is not None), Fraction(0))
    days = [day_bounds(date.fromordinal(date(2026, 3, 1).toordinal() + n), zone) for n in range(42)]
    edges = [days[0][0], *(end for _, end in days)]
    by_day = shared(pieces, edges)
    assert sum(one.amount for one in by_day) == whole
    for (start, end), day in zip(days[:5], by_day[:5], strict=True):
        assert sum(one.amount for one in shared(pieces, edges_of(start, end, minutes))) == day.amount
        missing = sum(gap.until - gap.since for gap in gaps(pieces, start, end))
        assert day.measured_ms == end - start - missing
        assert 0 <= day.apportioned <= day.amount


def test_a_day_of_23_hours_has_92_quarters() -> None:
    start, end = day_bounds(date(2026, 3, 29), BERLIN)
    assert len(shared([], edges_of(start, end, 15))) == 92


def test_demand_is_of_quarters_that_were_seen_not_of_shares_of_an_hour() -> None:
    quarters = [piece(n / 4, (n + 1) / 4, amount) for n, amount in enumerate([1, 3, 2, 2])]
    hour = piece(1, 2, 100)
    buckets = shared([*quarters, hour], edges_of(0, 3 * HOUR_MS, 15))
    peak = maximum_demand(buckets)
    assert peak == Peak(Fraction(12), Q, 2 * Q), (
        "3 kWh in a quarter of an hour are 12 kW; the hour's 100 kW are no quarter's"
    )
    assert buckets[4].amount == buckets[4].apportioned == 25
    assert maximum_demand(shared([hour], edges_of(0, 3 * HOUR_MS, 60))) == Peak(Fraction(100), HOUR_MS, 2 * HOUR_MS)
    assert maximum_demand(shared([hour], edges_of(0, 3 * HOUR_MS, 15))) is None


def test_base_load_is_what_95_percent_of_the_hours_reach_and_load_factor_mean_over_peak() -> None:
    powers = [0, *range(10, 29), *([40] * 20)]  # one empty hour of 40
    buckets = shared([piece(n, n + 1, p) for n, p in enumerate(powers)], edges_of(0, 40 * HOUR_MS, 60))
    assert base_load(buckets) == 11, "38 of 40 hours reach it: not the empty hour, nor the lowest"
    assert load_factor(buckets) == Fraction(sum(powers), 40) / 40
    duration = load_duration(buckets)
    assert duration[19] == (Fraction(40), Fraction(20))
    assert duration[-1] == (Fraction(0), Fraction(40))
    assert (base_load([]), load_factor([]), load_duration([])) == (None, None, [])


def test_the_times_of_use_fill_the_day_whatever_the_clock_does() -> None:
    table = shipped_time_of_use()
    for day, zone in ((date(2026, 3, 29), BERLIN), (date(2026, 10, 25), BERLIN), (date(2026, 3, 29), CHONGQING)):
        segments = table.segments(day, zone)
        start, end = day_bounds(day, zone)
        assert (segments[0].since, segments[-1].until) == (start, end)
        assert all(one.until == other.since for one, other in pairwise(segments))
    eleven = to_millis(datetime(2026, 7, 1, 11, tzinfo=CHONGQING))
    assert next(one.name for one in table.segments(date(2026, 7, 1), CHONGQING) if one.since == eleven) == "peak"
    assert table.segments(date(2019, 12, 31), CHONGQING) == []


def test_a_boundary_in_the_hour_that_the_clock_skips_is_the_instant_of_the_skip() -> None:
    table = parse_time_of_use(TABLE + 'valley = ["00:00-02:30"]\npeak = ["02:30-03:00"]\nflat = ["03:00-24:00"]\n', "a")
    day = date(2026, 3, 29)
    start, end = day_bounds(day, BERLIN)
    found = [(one.since, one.until, one.name) for one in table.segments(day, BERLIN)]
    assert found == [(start, start + 2 * HOUR_MS, "valley"), (start + 2 * HOUR_MS, end, "flat")]


TABLE = 'name = "x"\ndocument = "y"\nmark = "1 source"\n[[table]]\nfrom = 2026-01-01\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('peak = ["08:00-12:00"]\nflat = ["00:00-08:00"]', "leave out or repeat"),
        ('peak = ["08:00-24:00"]\nflat = ["00:00-09:00"]', "leave out or repeat"),
        ('peak = ["8-24"]', "write 08:00-11:00"),
        ('months = [13]\nflat = ["00:00-24:00"]', "less than or equal to 12"),
        (
            'months = [1, 2, 3, 4, 5, 6]\nflat = ["00:00-24:00"]',
            "from 2026-01-01 on there is no table of month 7, 8, 9, 10, 11, 12",
        ),
    ],
)
def test_a_table_that_does_not_fill_the_day_is_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(TimeOfUseError, match=f"tariff.toml.*{why}"):
        parse_time_of_use(TABLE + text, "tariff.toml")


def test_a_table_of_months_goes_before_that_of_the_year_and_a_later_one_before_an_earlier() -> None:
    text = TABLE + (
        'flat = ["00:00-24:00"]\n[[table]]\nfrom = 2026-01-01\nmonths = [7, 8]\npeak = ["00:00-24:00"]\n'
        '[[table]]\nfrom = 2027-01-01\nvalley = ["00:00-24:00"]\n'
    )
    table = parse_time_of_use(text, "tariff.toml")
    days = (date(2026, 6, 30), date(2026, 7, 1), date(2027, 7, 1))
    assert [table.segments(day, CHONGQING)[0].name for day in days] == ["flat", "peak", "valley"]


def days_before(day: date, amounts: dict[int, int], temperature: float | None = None) -> list[DayUse]:
    """56 days: by weekday so much, with a scatter of 2."""
    return [
        DayUse(other, Fraction(amounts[other.weekday()] + n % 5 - 2), temperature)
        for n, other in ((n, date.fromordinal(day.toordinal() - n)) for n in range(1, 57))
    ]


OFFICE = {**dict.fromkeys(range(5), 500), 5: 200, 6: 100}


def test_a_working_day_as_a_sunday_is_an_anomaly_and_a_sunday_is_none() -> None:
    wednesday, sunday = date(2026, 6, 10), date(2026, 6, 14)
    found = judge(DayUse(wednesday, Fraction(110)), days_before(wednesday, OFFICE))
    assert found is not None
    assert found.is_anomaly
    assert (float(found.middle), found.days, found.like) == (500, 8, "same weekday; temperature is not known")
    other = judge(DayUse(sunday, Fraction(101)), days_before(sunday, OFFICE))
    assert other is not None
    assert not other.is_anomaly
    holiday = judge(DayUse(wednesday, Fraction(101)), days_before(wednesday, OFFICE), holidays=[wednesday])
    assert holiday is not None
    assert not holiday.is_anomaly, "a holiday is kept as a Sunday"


def test_a_hot_day_is_held_against_hot_days_and_one_wrong_day_does_not_shift_what_is_expected() -> None:
    day = date(2026, 8, 12)
    cool = days_before(day, OFFICE, 24.0)
    hot = [one._replace(amount=one.amount + 300, temperature=36.0) for one in cool[:20]]
    hot[0] = hot[0]._replace(amount=Fraction(90_000))
    found = judge(DayUse(day, Fraction(798), 35.5), [*hot, *cool[20:]])
    assert found is not None
    assert not found.is_anomaly
    assert found.like == "working days as warm"
    assert abs(found.middle - 800) <= 2
    as_usual = judge(DayUse(day, Fraction(498), 35.5), [*hot, *cool[20:]])
    assert as_usual is not None
    assert as_usual.is_anomaly, "usual for a cool day is too little for a hot one"


def test_of_too_few_days_nothing_is_said() -> None:
    day = date(2026, 6, 10)
    assert judge(DayUse(day, Fraction(500)), days_before(day, OFFICE)[:4]) is None
    assert judge(DayUse(day, Fraction(500)), [DayUse(day, Fraction(1))] * 9) is None, "not against itself"
