"""Whether a figure may be entered: known, of a period of the right length, within its range, with a source."""

from datetime import date
from difflib import get_close_matches

from processors.plans.figures import Length, figures
from processors.windows import period_days
from store.records import Record, RecordError


def length_of(period: str) -> Length:
    """How long a period is. Raises ValueError where it is none."""
    period_days(period)
    if "Q" in period:
        return "quarter"
    lengths: dict[int, Length] = {4: "year", 7: "month", 10: "day"}
    return lengths[len(period)]


def checked(record: Record) -> Record:
    """The record, if it may be entered. Raises RecordError with what is wrong and what would be right."""
    figure = figures().get(record.code)
    if figure is None:
        near = get_close_matches(record.code, figures(), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise RecordError(f"{record.code!r} is no figure that is entered: there are {', '.join(figures())}{hint}")
    try:
        length = length_of(record.period)
        date.fromisoformat(record.dated)
    except ValueError as error:
        raise RecordError(str(error)) from error
    if length not in figure.periods:
        raise RecordError(f"{record.code} is of a {' or '.join(figure.periods)}: {record.period} is a {length}")
    if not record.value.is_finite():
        raise RecordError(f"{record.value} is no number")
    if (figure.low is not None and record.value < figure.low) or (
        figure.high is not None and record.value > figure.high
    ):
        span = f"{figure.low if figure.low is not None else '…'} to {figure.high if figure.high is not None else '…'}"
        raise RecordError(f"{record.value} {figure.unit} is not within {span}: {record.code} is in {figure.unit}")
    if not record.source.strip():
        raise RecordError("a figure has a source: the document, and where it is kept")
    return record._replace(unit=figure.unit, source=record.source.strip(), reason=record.reason.strip())
