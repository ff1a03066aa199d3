"""Whether a day's use is what days like it used: the same weekday, as warm. Robust: a day that was wrong itself does not shift
what is expected of the next.

Of the days before, the first kind of which there are enough:

    same weekday, as warm → same kind of day, as warm → same weekday → same kind of day

Expected is their median; the range is as wide as 3.5 standard deviations of a normal scatter would make it, from the median of
the distances (MAD × 1.4826; Iglewicz and Hoaglin, 1993), and at least a tenth of the median. Without a temperature that is said.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import date, timedelta
from fractions import Fraction
from statistics import median
from typing import NamedTuple

# Chosen: two months are long enough for eight of each weekday, and short enough that a building is still used alike.
DAYS_BEFORE = 60
# Chosen: of fewer days the median of the distances says nothing.
_LEAST_DAYS = 5
# Chosen: as warm is within so much [K].
_AS_WARM = 2.0
_NORMAL = Fraction("1.4826")
"""Standard deviations in a median distance, of normal scatter."""
_WIDTH = Fraction("3.5")
# Chosen: what differs by less interests nobody.
_LEAST_SHARE = Fraction(1, 10)

# Chosen: where days off use more than this share of working days, their use says nothing of which they are.
_CLEARLY_LESS = Fraction(7, 10)


class DayUse(NamedTuple):
    """What was used on a day that was measured whole, and how warm it was [°C]; None where nobody knows."""

    day: date
    amount: Fraction
    temperature: float | None = None


class Verdict(NamedTuple):
    """What was expected of a day, from `days` others that are `like` it, and whether it was otherwise."""

    low: Fraction
    middle: Fraction
    high: Fraction
    days: int
    like: str
    is_anomaly: bool


class DaysOff(NamedTuple):
    """What days off and working days use usually, as medians, and where a day lies between: 0 as a usual day of its own kind, 1
    as one of the other."""

    off: Fraction
    working: Fraction
    like_other: Fraction


def against_other_kind(one: DayUse, others: Iterable[DayUse], holidays: Collection[date] = ()) -> DaysOff | None:
    """A day against the days off and the working days of the 60 days before it. None where too few of either are there; 0 where
    days off do not use clearly less, for then nothing can be said."""
    kinds: dict[str, list[Fraction]] = {"working day": [], "day off": []}
    for other in others:
        if timedelta(0) < one.day - other.day <= timedelta(days=DAYS_BEFORE):
            kinds[_kind(other.day, holidays)].append(other.amount)
    if min(len(amounts) for amounts in kinds.values()) < _LEAST_DAYS:
        return None
    off, working = median(kinds["day off"]), median(kinds["working day"])
    share = Fraction(0)
    if off <= _CLEARLY_LESS * working and working > 0:
        share = (one.amount - off) / (working - off)
        share = share if _kind(one.day, holidays) == "day off" else 1 - share
    return DaysOff(off, working, share)


def judge(one: DayUse, others: Iterable[DayUse], holidays: Collection[date] = ()) -> Verdict | None:
    """A day against those of the 60 days before it; `holidays` are kept as Sundays. None where too few are like it."""
    before = [
        other for other in others if timedelta(0) < one.day - other.day <= timedelta(days=DAYS_BEFORE)
    ]  # fmt: skip

    def same_weekday(other: DayUse) -> bool:
        return _weekday(other.day, holidays) == _weekday(one.day, holidays)

    def same_kind(other: DayUse) -> bool:
        return _kind(other.day, holidays) == _kind(one.day, holidays)

    def as_warm(other: DayUse) -> bool:
        known = one.temperature is not None and other.temperature is not None
        return known and abs((one.temperature or 0) - (other.temperature or 0)) <= _AS_WARM

    without = "temperature is not known" if one.temperature is None else "too few days were as warm"
    tried: tuple[tuple[str, Callable[[DayUse], bool]], ...] = (
        ("same weekday, as warm", lambda other: same_weekday(other) and as_warm(other)),
        (f"{_kind(one.day, holidays)}s as warm", lambda other: same_kind(other) and as_warm(other)),
        (f"same weekday; {without}", same_weekday),
        (f"{_kind(one.day, holidays)}s; {without}", same_kind),
    )
    for like, is_like in tried:
        amounts = [other.amount for other in before if is_like(other)]
        if len(amounts) >= _LEAST_DAYS:
            return _verdict(one.amount, amounts, like)
    return None


def _verdict(amount: Fraction, amounts: list[Fraction], like: str) -> Verdict:
    middle = median(amounts)
    distance = median(abs(other - middle) for other in amounts)
    width = max(_WIDTH * _NORMAL * distance, _LEAST_SHARE * abs(middle))
    return Verdict(
        middle - width, middle, middle + width, len(amounts), like, not middle - width <= amount <= middle + width
    )


def _weekday(day: date, holidays: Collection[date]) -> int:
    return 6 if day in holidays else day.weekday()


def _kind(day: date, holidays: Collection[date]) -> str:
    return "working day" if _weekday(day, holidays) < 5 else "day off"
