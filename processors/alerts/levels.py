"""Levels: from values of a signal to the points that episodes are made of. Pure and exact.

A limit is exceeded by a greater value, never by an equal one. A clause of several windows looks at the values one window length
apart; one that is not known makes the clause not known. Of OR and AND what is known decides where it can: a level that holds,
holds whatever else is missing.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from processors.alerts.episodes import Point
from processors.alerts.rules import Clause, Level, Rule
from processors.alerts.values import VALUE, Known, Outlook, Values, least_of


def points(rule: Rule, values: Values, window: int) -> list[Point]:
    """The points of a rule over values in order of time; `window` is the length of the signal's windows [ms]."""
    return [_point(rule, values, at, window) for at in sorted(values)]


def _point(rule: Rule, values: Values, at: int, window: int) -> Point:
    outlook = values[at]
    if isinstance(outlook, Outlook):
        return _worst_ahead(rule, outlook, at, window)
    level, perhaps = _highest(rule.levels, values, at, window, Decimal(0))
    shown = {code: _text(value) for code, value in values[at].items()}
    if level == 0 and perhaps:
        return Point(at, None, 0, shown)
    keeps, perhaps_kept = _highest(rule.levels, values, at, window, rule.margin)
    keeps = max(level, keeps)
    size = _number(values[at], VALUE)
    size = _number(values[at], least_of(VALUE)) if size is None else size
    return Point(at, level, keeps, shown, max(level, perhaps), max(keeps, perhaps_kept), size or Fraction(0))


def _worst_ahead(rule: Rule, outlook: Outlook, at: int, window: int) -> Point:
    """The point of an instant is that of the worst window to come. What is let go is said to stay so for long enough."""
    to_come = [_point(rule, outlook.ahead, end, window) for end in sorted(outlook.ahead) if end > at]
    known = [one for one in to_come if one.level is not None]
    if not known:
        return Point(at, None)
    worst = max(known, key=lambda one: (one.level or 0, one.size, -one.at))
    is_long = to_come[-1].at - at > outlook.least_ms
    keeps = max(one.keeps for one in known)
    perhaps_kept = keeps if is_long else len(rule.levels)
    return worst._replace(at=at, keeps=keeps, perhaps=worst.level or 0, perhaps_kept=max(keeps, perhaps_kept))


def _highest(levels: Sequence[Level], values: Values, at: int, window: int, margin: Decimal) -> tuple[int, int]:
    """The highest level that holds with its limits less a margin, 0 where none does; and the highest that what is known does not
    refute."""
    holds = [_any([_all(clauses, values, at, window, margin) for clauses in level.any]) for level in levels]
    numbers = range(1, len(levels) + 1)
    level = max((number for number, held in zip(numbers, holds, strict=True) if held), default=0)
    return level, max((number for number, held in zip(numbers, holds, strict=True) if held is not False), default=0)


def _all(clauses: Sequence[Clause], values: Values, at: int, window: int, margin: Decimal) -> bool | None:
    """Whether all clauses hold: False where one does not, None where one that is not known decides."""
    answers = [_holds(clause, values, at, window, margin) for clause in clauses]
    if False in answers:
        return False
    return None if None in answers else True


def _any(answers: Sequence[bool | None]) -> bool | None:
    """Whether any holds: True where one does, None where one that is not known decides."""
    if True in answers:
        return True
    return None if None in answers else False


def _holds(clause: Clause, values: Values, at: int, window: int, margin: Decimal) -> bool | None:
    limit = Fraction(clause.over - margin)
    exceeded = [_exceeds(values.get(at - number * window, {}), clause.of, limit) for number in range(clause.looks_at)]
    if clause.within > 1:
        return _any(exceeded)
    if False in exceeded:
        return False
    return None if None in exceeded else True


def _exceeds(known: Mapping[str, Known], code: str, limit: Fraction) -> bool | None:
    value = _number(known, code)
    if value is not None:
        return value > limit
    least = _number(known, least_of(code))
    return True if least is not None and least > limit else None


def _number(known: Mapping[str, Known], code: str) -> Fraction | None:
    value = known.get(code)
    return None if isinstance(value, str) else value


def _text(value: Known) -> str:
    """As it is shown: words as they are, a number with three decimals at most."""
    if isinstance(value, str):
        return value
    return f"{round(Decimal(value.numerator) / Decimal(value.denominator), 3).normalize():f}"
