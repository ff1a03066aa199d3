"""How many values make a mean of water: as the tables have it, or as a city has set it; said with every result."""

from typing import Any, NamedTuple

from processors.standards.water import water_evaluation


class Validity(NamedTuple):
    """Of an automatic station: values that make a day, days that make a month [%]; months that make a quarter and a year; and
    whether dissolved oxygen is judged by saturation too."""

    values_of_day: int
    percent_of_month: int
    months_of_quarter: int
    months_of_year: int
    saturation: bool

    @property
    def said(self) -> dict[str, Any]:
        """As data for a result, with how far the tables' own numbers are known."""
        tables, of = water_evaluation(), self._asdict()
        marks = {
            name: f"{rule.clause}: {rule.mark}" if of[name] == usual else "set by the city"
            for name, rule, usual in (
                ("values_of_day", tables.automatic, tables.automatic.values_of_day),
                ("percent_of_month", tables.automatic, tables.automatic.percent_of_month),
                ("months_of_quarter", tables.quarter, tables.quarter.months),
                ("months_of_year", tables.year, tables.year.months),
            )
        }
        return {**of, "known": marks}


def validity(
    *,
    values_of_day: int | None = None,
    percent_of_month: int | None = None,
    months_of_quarter: int | None = None,
    months_of_year: int | None = None,
    saturation: bool = False,
) -> Validity:
    """The tables' numbers, where none other is given."""
    tables = water_evaluation()
    return Validity(
        tables.automatic.values_of_day if values_of_day is None else values_of_day,
        tables.automatic.percent_of_month if percent_of_month is None else percent_of_month,
        tables.quarter.months if months_of_quarter is None else months_of_quarter,
        tables.year.months if months_of_year is None else months_of_year,
        saturation,
    )
