"""Whether a figure may be entered: known, of a period of the right length, within its range, with a source, and of a span
that nobody can take for another."""

from collections.abc import Sequence
from datetime import date
from difflib import get_close_matches

from processors.plans.figures import Length, figures
from processors.scopes import CITY
from processors.windows import length_of
from store.records import Record, RecordError


def checked(record: Record, in_force: Sequence[Record] = (), *, to_date: bool = False) -> Record:
    """The record, if it may be entered beside those in force. `to_date` says that a quarter's figure is of 1 January until the
    quarter's end, which every one is: without it only the first quarter's can be meant so. Raises RecordError with what is wrong
    and what would be right."""
    figure = figures().get(record.code)
    if figure is None:
        near = get_close_matches(record.code, figures(), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise RecordError(f"{record.code!r} is no figure that is entered: there are {', '.join(figures())}{hint}")
    try:
        length = length_of(record.period)
        dated = date.fromisoformat(record.dated).isoformat()
    except ValueError as error:
        raise RecordError(str(error)) from error
    if length not in figure.periods:
        raise RecordError(f"{record.code} is of a {' or '.join(figure.periods)}: {record.period} is a {length}")
    _check_span(record, length, to_date=to_date)
    if not record.value.is_finite():
        raise RecordError(f"{record.value} is no number")
    if not figure.admits(record.value):
        raise RecordError(
            f"{record.value} {figure.unit} is not within {figure.range}: {record.code} is in {figure.unit}"
        )
    if figure.adds_up:
        _check_growth(record, in_force, figure.unit)
    if not record.source.strip():
        raise RecordError("a figure has a source: the document, and where it is kept")
    if figure.reissued and record.scope != CITY:
        raise RecordError(f"{record.code} is of the city: nothing looks at a forecast of {record.scope}")
    record = record._replace(dated=dated)
    reason = record.reason.strip()
    if figure.reissued and not reason:
        reason = _issued_anew(record, in_force)
    return record._replace(unit=figure.unit, source=record.source.strip(), reason=reason)


def _issued_anew(record: Record, in_force: Sequence[Record]) -> str:
    """A later issue than the one in force is reason enough; empty where it is none."""
    key = (record.code, record.scope, record.period)
    before = [one for one in in_force if (one.code, one.scope, one.period) == key]
    return f"issued on {record.dated}" if any(one.dated < record.dated for one in before) else ""


def _check_span(record: Record, length: Length, *, to_date: bool) -> None:
    """A quarter's figure is of 1 January until its end, and whoever enters it says so."""
    if length != "quarter" and to_date:
        raise RecordError(f"--to-date is of a quarter: {record.period} is a {length}")
    if length == "quarter" and not to_date and not record.period.endswith("Q1"):
        raise RecordError(
            f"{record.code} of {record.period} is entered from 1 January until the quarter's end (累计), as statistics are "
            "published: say --to-date where it is that; a figure of the quarter alone is first added to those before it"
        )


def _check_growth(record: Record, in_force: Sequence[Record], unit: str) -> None:
    """What adds up over a year is not less than it was at an earlier quarter's end. Raises RecordError."""
    place = _place(record.period)
    for one in in_force:
        if (one.code, one.scope, one.period[:4]) != (record.code, record.scope, record.period[:4]):
            continue
        is_less = record.value < one.value if _place(one.period) < place else record.value > one.value
        if _place(one.period) != place and is_less:
            raise RecordError(
                f"{record.code} of {record.period} is {record.value} {unit}, and of {one.period} {one.value}: both begin on 1 "
                f"January, so the longer one cannot be less; is one of a quarter alone, or number {one.id} to be corrected first?"
            )


def _place(period: str) -> int:
    """Of a quarter in its year; the year ends with the fourth, and its own accounts may be less than those were."""
    return int(period[-1]) if "Q" in period else 4
