"""Levels: from values of a signal to the points that episodes are made of. Pure and exact.

A limit is exceeded by a greater value (`below`: by a lesser one), never by an equal one. A clause of several windows looks at the
values one window length apart; one that is not known makes the clause not known. Of OR and AND what is known decides where it
can: a level that holds, holds whatever else is missing.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from processors.alerts.clauses import Ask
from processors.alerts.episodes import Point
from processors.alerts.rules import Rule
from processors.alerts.signals.look import Extremes
from processors.alerts.values import NOT_MEASURED, Known, Outlook, Values, least_of


def points(rule: Rule, values: Values, window: int, after: int | None = None) -> list[Point]:
    """The points of a rule over values in order of time, those after an instant [ms] where one is given; `window` is the length
    of the signal's windows [ms]."""
    return [_point(rule, values, at, window) for at in sorted(values) if after is None or at > after]


def may_exceed(rule: Rule, values: Values) -> bool:
    """Whether a point over any of these values may exceed a level: whether each clause of a list holds of some value."""
    said = [
        one for known in values.values() for one in (known.ahead.values() if isinstance(known, Outlook) else (known,))
    ]
    return any(
        all(any(_exceeds(known, ask, ask.limit) for known in said) for ask in asks)
        for level in rule.asks
        for asks in level
    )


def may_exceed_in(rule: Rule, extremes: Extremes) -> npt.NDArray[np.bool_]:
    """The same of each subject by its least and greatest values, as floats: where the decimal that a float prints is over a
    limit, the float is at least the limit's float."""
    found = np.zeros(len(extremes.subjects), dtype=np.bool_)
    for level in rule.asks:
        for asks in level:
            each = [
                extremes.greatest[ask.of] >= float(ask.limit)
                if ask.over
                else extremes.least[ask.of] <= float(ask.limit)
                for ask in asks
            ]
            found |= np.logical_and.reduce(each)
    return found


def _point(rule: Rule, values: Values, at: int, window: int) -> Point:
    known = values[at]
    if isinstance(known, Outlook):
        return _worst_ahead(rule, known, at, window)
    level, perhaps = _highest(rule, values, at, window, 0, kept=False)
    shown = {
        code: text(value)
        for code, value in known.items()
        if value != NOT_MEASURED and (not rule.shows or code in rule.shows)
    }
    if level == 0 and perhaps:
        return Point(at, None, 0, shown)
    keeps, perhaps_kept = _highest(rule, values, at, window, level, kept=True)
    return Point(at, level, keeps, shown, max(level, perhaps), max(keeps, perhaps_kept), _size(rule, known))


def _worst_ahead(rule: Rule, outlook: Outlook, at: int, window: int) -> Point:
    """The point of an instant is that of the worst window to come. What is let go is said to stay so for long enough, of each
    window."""
    to_come = [_point(rule, outlook.ahead, end, window) for end in sorted(outlook.ahead) if end > at]
    known = [one for one in to_come if one.level is not None]
    if not known:
        return Point(at, None)
    worst = max(known, key=lambda one: (one.level or 0, one.size, -one.at))
    is_long = _known_until(to_come, at, window) - at > outlook.least_ms
    keeps = max(one.keeps for one in known)
    perhaps_kept = keeps if is_long else len(rule.levels)
    return worst._replace(at=at, keeps=keeps, perhaps=worst.level or 0, perhaps_kept=max(keeps, perhaps_kept))


def _known_until(to_come: Sequence[Point], at: int, window: int) -> int:
    """Until when of each window to come something is known, one after the other [ms]; the one that `at` is in may lack."""
    until, most = at, 2 * window
    for one in to_come:
        if one.level is None or one.at - until > most:
            break
        until, most = one.at, window
    return until


def _size(rule: Rule, known: Mapping[str, Known]) -> Fraction:
    """How great a value is, to find the greatest: of the quantity that the rule asks of, where it asks of one."""
    ask = rule.asks[0][0][0]
    value = known.get(ask.of, known.get(least_of(ask.of)))
    if not isinstance(value, Fraction) or len(rule.asks_of) > 1:
        return Fraction(0)
    return value if ask.over else -value


def _highest(rule: Rule, values: Values, at: int, window: int, above: int, *, kept: bool) -> tuple[int, int]:
    """The highest level above one that holds, or is kept up, that one where none does; and the highest that what is known does
    not refute."""
    perhaps = above
    for number in range(len(rule.asks), above, -1):
        lists = rule.asks[number - 1]
        if len(lists) == 1 and len(lists[0]) == 1:
            held = _holds(lists[0][0], values, at, window, kept=kept)
        else:
            held = _any([_all(asks, values, at, window, kept=kept) for asks in lists])
        if held:
            return number, max(perhaps, number)
        if held is None:
            perhaps = max(perhaps, number)
    return above, perhaps


def _all(asks: Sequence[Ask], values: Values, at: int, window: int, *, kept: bool) -> bool | None:
    """Whether all clauses hold: False where one does not, None where one that is not known decides."""
    answer: bool | None = True
    for ask in asks:
        held = _holds(ask, values, at, window, kept=kept)
        if held is False:
            return False
        answer = answer if held else None
    return answer


def _any(answers: Sequence[bool | None]) -> bool | None:
    """Whether any holds: True where one does, None where one that is not known decides."""
    if True in answers:
        return True
    return None if None in answers else False


def _holds(ask: Ask, values: Values, at: int, window: int, *, kept: bool) -> bool | None:
    limit = ask.kept if kept else ask.limit
    if ask.windows == 1:
        return _exceeds(values[at], ask, limit)
    exceeded = [_exceeds(values.get(at - number * window, {}), ask, limit) for number in range(ask.windows)]
    if not ask.all_of_them:
        return _any(exceeded)
    return False if False in exceeded else None if None in exceeded else True


def _exceeds(known: Mapping[str, Known], ask: Ask, limit: Fraction) -> bool | None:
    value = known.get(ask.of)
    if isinstance(value, Fraction):
        # As Fraction compares, in half the time.
        over = value.numerator * limit.denominator - limit.numerator * value.denominator
        return over > 0 if ask.over else over < 0
    if value == NOT_MEASURED:
        return False
    least = known.get(least_of(ask.of)) if ask.over else None
    return True if isinstance(least, Fraction) and least > limit else None


def text(value: Known) -> str:
    """As it is shown: words as they are, of a number three decimals at most, rounded half to even."""
    if isinstance(value, str):
        return value
    thousandths, rest = divmod(abs(value.numerator) * 1000, value.denominator)
    if 2 * rest > value.denominator or (2 * rest == value.denominator and thousandths % 2):
        thousandths += 1
    whole, decimals = divmod(thousandths, 1000)
    shown = f"{whole}.{decimals:03d}".rstrip("0").rstrip(".")
    return f"-{shown}" if value < 0 and thousandths else shown
