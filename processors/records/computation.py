"""What follows from entered figures, as the runner computes it: the plan's entered rows, energy and carbon intensity by year,
and by quarter as provisional."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date

from processors.causes import Cause
from processors.computation import Moved, WithoutDays
from processors.plans import Indicator, Plan
from processors.records.quarters import quarter_judgement
from processors.records.rows import entered_judgement, intensity_judgement
from processors.windows import period_days
from store.books import Books, MarkKey
from store.judgements import Judgement, Judgements, Key
from store.records import RECORDS, Record, Records


class RecordsComputation(WithoutDays):
    """The rows of one plan that rest on what people enter."""

    def __init__(self, books: Books, plan: Plan) -> None:
        self._plan = plan
        self._records = Records(books)
        self._judgements = Judgements(books)
        self._rows = [one for one in plan.indicators if one.family is None]
        self.longer_codes: Collection[str] = {one.code for one in self._rows}

    def takes(self, key: MarkKey) -> bool:
        """Entries."""
        return key.family == RECORDS

    def begin(self) -> None:
        """The figures in force."""
        self._in_force = self._records.in_force()

    def longer(self, moved: Moved, last_closed: date, now: int) -> list[Judgement]:
        """The years from the first that was touched or ended on, and their quarters: what was entered of one is felt in those
        after it."""
        years = {day.year for day in moved.days} | {int(key.period[:4]) for key in moved.ended}
        found = []
        for year in range(max(min(years, default=last_closed.year), self._plan.baseline_year), last_closed.year + 1):
            for row in self._rows:
                judged = [self._judged(row, year, last_closed, now), *self._quarters(row, year, last_closed, now)]
                found += [one for one in judged if one is not None]
        return found

    def causes_of(self, judgement: Judgement, causes: Mapping[Key, str]) -> Iterable[Cause]:
        """The entries that it rests on now and did not before: new ones, and those corrected with their reason."""
        before = self._judgements.newest([judgement.key]).get(judgement.key)
        had = set() if before is None else set(before.judgement.detail["records"])
        by_id = {one.id: one for one in self._in_force}
        return [_cause(by_id[number]) for number in judgement.detail["records"] if number in by_id.keys() - had]

    def _judged(self, row: Indicator, year: int, last_closed: date, now: int) -> Judgement | None:
        of_scope = self._of_scope(row)
        if row.computation == "entered":
            return entered_judgement(row, year, of_scope, self._plan, last_closed, now)
        return intensity_judgement(row, year, of_scope, self._plan, last_closed, now)

    def _quarters(self, row: Indicator, year: int, last_closed: date, now: int) -> list[Judgement | None]:
        """Of a row of intensity the quarters that have begun, after the baseline year."""
        if row.computation == "entered" or year == self._plan.baseline_year:
            return []
        begun = [period for n in range(1, 5) if period_days(period := f"{year}-Q{n}")[0] <= last_closed]
        return [quarter_judgement(row, one, self._of_scope(row), self._plan, last_closed, now) for one in begun]

    def _of_scope(self, row: Indicator) -> list[Record]:
        return [one for one in self._in_force if one.scope == row.scope]


def _cause(one: Record) -> Cause:
    return Cause(f"{one.code} {one.period}", f"{one.value} {one.unit}, {one.reason or 'entered'} ({one.entered_by})")
