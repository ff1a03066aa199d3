"""Air of the month: good days of the month and the year to date, the year's calendar, and each day that was not good."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Literal

from processors.air.days import DAILY_AQI
from processors.bulletin.asked import Asked
from processors.bulletin.document import Cell, Lines, Part, Picture, Section, Table, explained_at
from processors.bulletin.words import full_month, listed, say, sentences
from processors.pictures.words import POLLUTANT, day_of
from processors.plans import Indicator
from processors.standards.tables import POLLUTANTS, air_rules
from processors.windows import day_bounds, days_between
from sensors.quantities import OF_FAMILY
from store.judgements import Judgement, Judgements

State = Literal["good", "polluted", "not_assessable"]
Days = Mapping[str, tuple[Judgement, str]]
"""Of the scope, by day as text: the judgement in force and how far it is settled."""


def air_section(of: Asked, calendar: bytes | None) -> Section | None:
    """None where the plan has no row of air; `calendar` is the year's picture as SVG, None where there is nothing to draw."""
    row = of.row("good_air_days")
    if row is None:
        return None
    first = date(of.year, 1, 1)
    standing = Judgements(of.books).standing(
        DAILY_AQI, scope=row.scope, first=first.isoformat(), last=of.until.isoformat()
    )
    days = {day: one for (_, day), one in standing.items()}
    parts: list[Part] = []
    if not of.books.registry().active("air", day_bounds(of.last, of.zone)[1] - 1, kind="assessment"):
        parts.append(Lines([say("no_air_station", of.language)]))
    if of.until < of.last:
        length = (of.last - of.first).days + 1
        parts.append(Lines([say("month_open", of.language, closed=of.closed, days=length)]))
    # A year of which nothing is computed has no explanation to lead to.
    is_computed = Judgements(of.books).current(row.code, row.scope, str(of.year)) is not None
    path = explained_at(row.code, str(of.year)) if is_computed else ""
    month = say("month_to_date", of.language, month=full_month(of.first, of.language))
    counts = []
    if of.closed:
        counts.append(_counts(of, path, month, of.first, days))
    if of.until >= first:
        to_date = say("year_to_date", of.language, day=day_of(of.until, of.language))
        counts.append(_counts(of, path, to_date, first, days))
    head = [say(one, of.language) for one in ("span", "good", "polluted", "no_verdict", "closed_days")]
    parts.append(Table(head, (4, 2, 2, 2, 2), counts))
    rows = [_not_good(of, row, run, found) for run, found in _runs(of, days)]
    if rows:
        columns = [say(one, of.language) for one in ("day", "value", "class", "primary", "why")]
        parts.append(Table([columns[0], "AQI", *columns[2:]], (18, 6, 18, 14, 44), rows))
    else:
        parts.append(Lines([say("every_day_good" if of.closed else "no_closed_day", of.language)]))
    if calendar is None:
        parts.append(Lines([say("no_calendar", of.language)]))
    else:
        parts.append(Picture(calendar, say("calendar", of.language)))
    return Section(say("air", of.language, month=full_month(of.first, of.language)), parts)


def _state(found: tuple[Judgement, str] | None) -> State:
    """A closed day of which nothing is published has no verdict: silence is never good."""
    if found is None or found[1] == "running":
        return "not_assessable"
    state: State = found[0].detail["state"]
    return state


def _counts(of: Asked, path: str, name: str, first: date, days: Days) -> list[Cell]:
    every = days_between(first, of.until)
    counted = Counter(_state(days.get(day.isoformat())) for day in every)
    states: tuple[State, ...] = ("good", "polluted", "not_assessable")
    return [Cell(name), *(Cell(str(counted[state]), path) for state in states), Cell(str(len(every)), path)]


def _runs(of: Asked, days: Days) -> list[tuple[list[date], tuple[Judgement, str] | None]]:
    """The days of the month that were not good, each by itself; those of which nothing came together while they follow."""
    found: list[tuple[list[date], tuple[Judgement, str] | None]] = []
    for day in days_between(of.first, of.until):
        one = days.get(day.isoformat())
        if one is not None:
            if _state(one) != "good":
                found.append(([day], one))
        elif found and found[-1][1] is None and found[-1][0][-1] == day - timedelta(days=1):
            found[-1][0].append(day)
        else:
            found.append(([day], None))
    return found


def _not_good(of: Asked, row: Indicator, run: list[date], found: tuple[Judgement, str] | None) -> list[Cell]:
    day = run[0]
    path = explained_at(row.code, str(of.year), day=day.isoformat())
    name = day_of(day, of.language)
    if len(run) > 1:
        name = say("start_end", of.language, start=name, end=day_of(run[-1], of.language))
    if found is None or found[1] == "running":
        unknown = Cell(say("undecided", of.language), tone="quiet")
        why = Cell(say("no_reading" if found is None else "not_published", of.language))
        return [Cell(name, path), Cell("NA", path), unknown, Cell("–"), why]
    judgement = found[0]
    primary = listed([POLLUTANT[code] for code in judgement.detail["primary"].split("+") if code], of.language)
    return [
        Cell(name, path),
        Cell(judgement.value or "NA", path),
        Cell(_class(of, day, judgement), tone="quiet" if judgement.value is None else ""),
        Cell(primary or "–"),
        Cell(_why(of, day, judgement)),
    ]


def _class(of: Asked, day: date, judgement: Judgement) -> str:
    if judgement.value is None:
        return say("undecided", of.language)
    category = air_rules(day, judgement.key.standard).index.category(int(judgement.value))
    return category.zh if of.language == "zh" else category.en


def _why(of: Asked, day: date, judgement: Judgement) -> str:
    """What exceeds, the worst first; or which pollutants have no valid value, and how many hours there are."""
    detail = judgement.detail
    if judgement.value is None:
        lacking = [POLLUTANT[code] for code in POLLUTANTS if detail["concentrations"][code] is None]
        parts = [say("no_daily_value", of.language, names=listed(lacking, of.language))] if lacking else []
        return sentences(
            [*parts, say("hours_valid", of.language, valid=judgement.valid, expected=judgement.expected)], of.language
        )
    digits = air_rules(day, judgement.key.standard).index.rounding.digits
    exceeding = sorted((code for code in detail["exceeding"].split("+") if code), key=lambda c: -detail["iaqi"][c])
    parts = []
    for code in exceeding:
        value, quantity = detail["concentrations"][code], OF_FAMILY["air"][code]
        said = {"name": POLLUTANT[code], "iaqi": detail["iaqi"][code], "unit": quantity.unit}
        if value is None:
            parts.append(say("iaqi_alone", of.language, **said))
        else:
            parts.append(say("iaqi", of.language, **said, value=f"{value:.{digits[code]}f}"))
    if (detail.get("event") or {}).get("lifted"):
        parts.append(say("lifted", of.language))
    return sentences(parts, of.language)
