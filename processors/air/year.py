"""The plan's good-air days of a year: counted from the days in force, held against the target, and how the year may end.

Two counts: of all days, which is the value; and without the days that exceptional events lift (`events.py`). Days without a
verdict are never good and are a line of their own; with too many of them the year is not assessable.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, cast

import pandas as pd

from processors.air.days import STATUS
from processors.air.events import is_lifted
from processors.computation import CODE_VERSION
from processors.forecast.year_end import INTERVAL, State, YearForecast, forecast_year
from processors.indicators.good_days import GoodDays, good_days, ratio_percent
from processors.plans import Indicator
from store.judgements import Judgement, Key

BY_DATE = "by-date"
"""The standard of a value over days that are each judged by the edition of their own date."""


def year_judgement(
    indicator: Indicator,
    year: int,
    days: Sequence[date],
    of_scope: Mapping[str, Judgement],
    *,
    earlier: Mapping[str, str],
    length: int,
    now: int,
) -> Judgement:
    """Good-air days of `year` so far: over its closed `days`, from the daily judgements of the indicator's scope by day text.

    `earlier` are the statuses of the days of earlier years, for the forecast. `length` is how many days the year has: what is
    left decides whether the target can still be reached.
    """
    there = [of_scope[day.isoformat()] for day in days if day.isoformat() in of_scope]
    rows = [_as_row(judgement) for judgement in there]
    columns = ["day", "state", "aqi", "primary", "standard", "coverage", "why", "why_text"]
    counted = good_days(pd.DataFrame(rows, columns=columns), days[0], days[-1])
    left = length - len(days)
    stations = sorted({name for judgement in there for name in judgement.stations})
    allowed = length - int(indicator.goal)
    # What the target leaves, less the days that are not good already, whatever the reason.
    bad_left = allowed - counted.polluted - counted.not_assessable
    forecast = _forecast(indicator, year, days[-1], there, earlier) if left else None
    detail = {
        "sentence": _sentence(counted, left, bad_left, indicator) + _ending(forecast),
        "good": counted.good,
        "polluted": counted.polluted,
        "not_assessable": counted.not_assessable,
        "valid": counted.valid,
        "ratio_percent": None if counted.ratio_percent is None else str(counted.ratio_percent),
        "standards": [span.standard for span in counted.standards],
        "last_day": days[-1].isoformat(),
        "days_left": left,
        "bad_days_allowed": allowed,
        "bad_days_left": bad_left,
        "without_events": _without_events(there, counted),
        "forecast": forecast,
    }
    return Judgement(
        Key(indicator.code, indicator.scope, str(year), BY_DATE),
        str(counted.good), indicator.unit, _status(indicator, counted, left), counted.valid, counted.expected, CODE_VERSION,
        tuple(stations), detail, now,
    )  # fmt: skip


_STATES = {status: cast("State", state) for state, status in STATUS.items()}


def _forecast(
    indicator: Indicator, year: int, last: date, there: Sequence[Judgement], earlier: Mapping[str, str]
) -> dict[str, Any]:
    """How the year may end, as plain data; only `why` where nothing can be said."""
    known = {date.fromisoformat(day): _STATES[status] for day, status in earlier.items()}
    known |= {date.fromisoformat(j.key.period): _STATES[j.status] for j in there}
    made = forecast_year(known, year, last, int(indicator.goal))
    if not isinstance(made, YearForecast):
        return {"why": made.why}
    return {
        "low": made.low, "median": made.median, "high": made.high, "interval": INTERVAL,
        "probability": round(made.probability, 4), "history_days": made.history_days, "method": made.method,
        "fan": [[one.day.isoformat(), one.low, one.median, one.high] for one in made.fan],
    }  # fmt: skip


def _ending(forecast: Mapping[str, Any] | None) -> str:
    if forecast is None or "why" in forecast:
        return ""
    chance = 100 * forecast["probability"]
    said = "less than 1" if chance < 1 else "more than 99" if chance > 99 else f"{chance:.0f}"
    return (
        f"; may end with {forecast['low']} to {forecast['high']} (median {forecast['median']}), "
        f"the target reached with {said} %"
    )


def _without_events(there: Sequence[Judgement], counted: GoodDays) -> dict[str, Any] | None:
    """The count after days that events lift have left it; None where none does."""
    lifted = [judgement.key.period for judgement in there if is_lifted(judgement.detail)]
    if not lifted:
        return None
    valid = counted.valid - len(lifted)
    ratio = ratio_percent(counted.good, valid, counted.days[-1].day)
    return {
        "lifted": lifted, "polluted": counted.polluted - len(lifted), "valid": valid,
        "ratio_percent": None if ratio is None else str(ratio),
    }  # fmt: skip


def _status(indicator: Indicator, counted: GoodDays, left: int) -> str:
    if counted.coverage.ratio < indicator.least_coverage:
        return "not assessable"
    if counted.good >= indicator.goal:
        return "met"
    if left == 0 or counted.good + left < indicator.goal:
        return "missed"
    pace = counted.ratio or 0  # the share of good days so far, taken for the days left
    return "on track" if counted.good + pace * left >= indicator.goal else "at risk"


def _sentence(counted: GoodDays, left: int, bad_left: int, indicator: Indicator) -> str:
    ratio = "" if counted.ratio_percent is None else f" ({counted.ratio_percent} % of {counted.valid} valid days)"
    text = (
        f"{counted.good} good{ratio}, {counted.polluted} polluted, {counted.not_assessable} not assessable "
        f"of {counted.expected} days to {counted.days[-1].day}"
    )
    missing = int(indicator.goal) - counted.good
    if left and missing > 0:
        more = f"{bad_left} of them may be bad" if bad_left >= 0 else f"{-bad_left} too few"
        text += f"; {missing} more needed of the {left} days left: {more}"
    return text


def _as_row(judgement: Judgement) -> tuple[Any, ...]:
    detail = judgement.detail
    coverage = judgement.valid / judgement.expected if judgement.expected else 0.0
    aqi = None if judgement.value is None else int(judgement.value)
    return (
        date.fromisoformat(judgement.key.period),
        detail["state"],
        aqi,
        detail["primary"],
        judgement.key.standard,
        coverage,
        detail["why"],
        detail["why_text"],
    )
