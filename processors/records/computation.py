"""What follows from entered figures, as the runner computes it: the plan's entered rows, energy and carbon intensity by year."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date

from processors.causes import Cause
from processors.computation import Moved, WithoutDays
from processors.plans import Indicator, Plan
from processors.records.rows import entered_judgement, intensity_judgement
from store.books import Books, MarkKey
from store.judgements import Judgement, Key
from store.records import RECORDS, Record, Records


class RecordsComputation(WithoutDays):
    """The rows of one plan that rest on what people enter."""

    def __init__(self, books: Books, plan: Plan) -> None:
        self._plan = plan
        self._records = Records(books)
        self._rows = [one for one in plan.indicators if one.family is None]
        self.longer_codes: Collection[str] = {one.code for one in self._rows}

    def takes(self, key: MarkKey) -> bool:
        """Entries."""
        return key.family == RECORDS

    def begin(self) -> None:
        """The figures in force."""
        self._in_force = self._records.in_force()

    def longer(self, moved: Moved, last_closed: date, now: int) -> list[Judgement]:
        """The years from the first that was touched on: what was entered of one is felt in those after it."""
        first = min((day.year for day in moved.days), default=last_closed.year)
        found = []
        for year in range(max(first, self._plan.baseline_year), last_closed.year + 1):
            for row in self._rows:
                judged = self._judged(row, year, last_closed, now)
                found += [] if judged is None else [judged]
        return found

    def causes_of(self, judgement: Judgement, causes: Mapping[Key, str]) -> Iterable[Cause]:
        """The entries that it rests on now, those corrected with their reason."""
        by_id = {one.id: one for one in self._in_force}
        return [
            _cause(by_id[number])
            for number in judgement.detail["records"]
            if number in by_id and by_id[number].supersedes
        ]

    def _judged(self, row: Indicator, year: int, last_closed: date, now: int) -> Judgement | None:
        of_scope = [one for one in self._in_force if one.scope == row.scope]
        if row.computation == "entered":
            return entered_judgement(row, year, of_scope, self._plan, last_closed, now)
        return intensity_judgement(row, year, of_scope, self._plan, last_closed, now)


def _cause(one: Record) -> Cause:
    return Cause(f"{one.code} {one.period}", f"{one.value} {one.unit}, {one.reason} ({one.entered_by})")
