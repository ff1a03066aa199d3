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

Values = Mapping[int, Mapping[str, Fraction]]
"""By instant [ms] what is known, by quantity: exact, in the signal's unit."""


def points(rule: Rule, values: Values, window: int) -> list[Point]:
    """The points of a rule over values in order of time; `window` is the length of the signal's windows [ms]."""
    return [_point(rule, values, at, window) for at in sorted(values)]


def _point(rule: Rule, values: Values, at: int, window: int) -> Point:
    level = _highest(rule.levels, values, at, window, Decimal(0))
    shown = {code: _text(value) for code, value in values[at].items()}
    if level is None:
        return Point(at, None, 0, shown)
    keeps = _highest(rule.levels, values, at, window, rule.margin)
    return Point(at, level, max(level, keeps or 0), shown)


def _highest(levels: Sequence[Level], values: Values, at: int, window: int, margin: Decimal) -> int | None:
    """The highest level that holds with its limits less a margin, 0 where none does, None where that is not known."""
    known = True
    for number in range(len(levels), 0, -1):
        holds = _any([_all(clauses, values, at, window, margin) for clauses in levels[number - 1].any])
        if holds:
            return number
        known = known and holds is not None
    return 0 if known else None


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
    limit, unknown = Fraction(clause.over - margin), False
    for number in range(clause.windows):
        value = values.get(at - number * window, {}).get(clause.of)
        if value is None:
            unknown = True
        elif value <= limit:
            return False
    return None if unknown else True


def _text(value: Fraction) -> str:
    """As it is shown: three decimals at most."""
    return f"{round(Decimal(value.numerator) / Decimal(value.denominator), 3).normalize():f}"
