"""Pictures of a year from the books: which days, names and titles they are given. How they look is in `processors/pictures`.

A closed day that has no judgement is not assessable, as the year's count has it; of a station only while the registry holds it
active. A day after the last closed one is open, or not known yet.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from zoneinfo import ZoneInfo

from matplotlib.figure import Figure

from processors.air.days import DAILY_AQI, all_scopes
from processors.pictures import (
    DayMark,
    FanPoint,
    Language,
    calendar,
    cumulative,
    drawn_language,
    primary_shares,
    station_matrix,
)
from processors.pictures.words import day_of, days_of
from processors.plans import Indicator, Plan
from processors.scopes import CITY, DISTRICT, STATION
from processors.windows import day_bounds, days_between
from sensors.stations import Station
from store.books import Books
from store.judgements import Judgement, Judgements


class NoPicture(ValueError):
    """There is nothing to draw; the message says why, and what there is."""


class Pictured:
    """The pictures of one year, from prepared books."""

    def __init__(self, books: Books, plan: Plan, year: int, zone: ZoneInfo, language: Language) -> None:
        self._judgements = Judgements(books)
        self._registry = books.registry()
        self._plan = plan
        self._year = year
        self._zone = zone
        self._language = drawn_language(language)

    def calendar(self, scope: str) -> Figure:
        """The year as a calendar. Raises NoPicture."""
        days = self._days_of(scope)
        title = self._said(f"Air quality {self._year}", f"{self._year} 年空气质量")
        return calendar(days, self._year, title, self._counted(scope, days), language=self._language)

    def primary(self, scope: str) -> Figure:
        """Shares of primary pollutants. Raises NoPicture."""
        days = self._days_of(scope)
        title = self._said(f"Primary pollutants {self._year}", f"{self._year} 年首要污染物")
        return primary_shares(days, title, self._counted(scope, days), language=self._language)

    def days(self, scope: str) -> Figure:
        """Good days added up, against the plan's target. Raises NoPicture."""
        indicator = self._indicator()
        if indicator is None:
            raise NoPicture(f"plan {self._plan.code} has no target for good-air days")
        days = self._days_of(scope)
        title = self._said(f"{indicator.en} {self._year}", f"{self._year} 年{indicator.zh}")
        plan = self._said(self._plan.en, self._plan.zh)
        subtitle = f"{self._place(scope)} · {plan}"
        if scope != indicator.scope:
            of = self._place(indicator.scope)
            subtitle += self._said(f" · the target is that of: {of}", f" · 目标适用于：{of}")
        found = self._judgements.current(indicator.code, scope, str(self._year))
        forecast = (found[0].detail.get("forecast") if found else None) or {}
        fan = [FanPoint(date.fromisoformat(day), *counts) for day, *counts in forecast.get("fan", ())]
        try:
            return cumulative(
                days, self._year, int(indicator.goal), fan, title, subtitle,
                language=self._language, interval=forecast.get("interval"),
            )  # fmt: skip
        except ValueError as error:
            raise NoPicture(str(error)) from error

    def stations(self, first: date | None, last: date | None) -> Figure:
        """Stations by days, from `first` (1 January) to `last` (the last known day), both included. Raises NoPicture."""
        start = first or date(self._year, 1, 1)
        end = last or date(self._year, 12, 31)
        if end < start:
            raise NoPicture(f"--to {end} is before --from {start}")
        if {start.year, end.year} != {self._year}:
            raise NoPicture(f"{start} to {end} is not within {self._year}")
        found = self._by_scope(None, start, end)
        names = [scope.removeprefix(STATION) for scope in sorted(found) if scope.startswith(STATION)]
        if not names:
            raise NoPicture(f"no station has a day from {start} to {end}; see cityflux indicators --code {DAILY_AQI}")
        known = [day for name in names for day in found[STATION + name]]
        until = self._last_closed(found.values())
        end = last or max(known)
        rows: dict[str, Sequence[DayMark]] = {}
        for name in names:
            shown = self._name(name)
            shown = f"{shown} ({name})" if shown in rows else shown
            rows[shown] = self._marks(STATION + name, found[STATION + name], start, end, until)
        title = self._said(f"Stations {self._year}", f"{self._year} 年各站点空气质量")
        span = f"{day_of(start, self._language)} – {day_of(end, self._language)}"
        return station_matrix(rows, start, end, title, span, language=self._language)

    def _days_of(self, scope: str) -> list[DayMark]:
        """The year's days of a scope. Raises NoPicture where the scope is unknown, or nothing is computed of the year."""
        self._check(scope)
        first, last = date(self._year, 1, 1), date(self._year, 12, 31)
        found = self._by_scope(scope, first, last).get(scope, {})
        if not found:
            raise NoPicture(
                f"nothing is computed of {scope} in {self._year}: no day with readings; see cityflux ledger"
            )
        return self._marks(scope, found, first, last, self._last_closed([found]))

    def _by_scope(self, scope: str | None, first: date, last: date) -> Mapping[str, dict[date, tuple[Judgement, str]]]:
        """The judgements in force with their finality, which is running while the day is open; by scope and day."""
        found: dict[str, dict[date, tuple[Judgement, str]]] = {}
        standing = self._judgements.standing(DAILY_AQI, scope=scope, first=first.isoformat(), last=last.isoformat())
        for (of, day), one in standing.items():
            found.setdefault(of, {})[date.fromisoformat(day)] = one
        return found

    def _last_closed(self, of_scopes: Iterable[Mapping[date, tuple[Judgement, str]]]) -> date:
        """The last closed day: of the year's count, or of any judgement where there is a later one."""
        closed = [day for found in of_scopes for day, (_, finality) in found.items() if finality != "running"]
        indicator = self._indicator()
        year = indicator and self._judgements.current(indicator.code, indicator.scope, str(self._year))
        if year:
            closed.append(date.fromisoformat(year[0].detail["last_day"]))
        return max(closed, default=date.min)

    def _marks(
        self, scope: str, found: Mapping[date, tuple[Judgement, str]], first: date, last: date, until: date
    ) -> list[DayMark]:
        return [
            _mark(day, *found[day])
            if day in found
            else DayMark(
                day, "not_assessable" if day <= until and self._is_active(scope, day) else "", None, "", "", (), ""
            )
            for day in days_between(first, last)
        ]

    def _is_active(self, scope: str, day: date) -> bool:
        if not scope.startswith(STATION):
            return True
        return self._registry.entry("air", scope.removeprefix(STATION), day_bounds(day, self._zone)[1] - 1) is not None

    def _indicator(self) -> Indicator | None:
        return {one.computation: one for one in self._plan.indicators}.get("good_air_days")

    def _check(self, scope: str) -> None:
        known = all_scopes(self._registry)
        if scope in known:
            return
        near = get_close_matches(scope, known, n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]}?" if near else ""
        more = ", …" if len(known) > 12 else ""
        raise NoPicture(f"{scope!r} is no scope: there are {', '.join(list(known)[:12])}{more}{hint}")

    def _counted(self, scope: str, days: Sequence[DayMark]) -> str:
        """The place, and how many days so far were what."""
        closed = [mark for mark in days if mark.is_closed]
        if not closed:
            return self._place(scope)
        good, polluted, none = (
            sum(mark.state == state for mark in closed) for state in ("good", "polluted", "not_assessable")
        )
        day = day_of(closed[-1].day, self._language)
        return f"{self._place(scope)} · " + self._said(
            f"{good} good, {polluted} polluted, {none} not assessable of {days_of(len(closed), self._language)} to {day}",
            f"截至{day}，{len(closed)} 天中优良 {good} 天，污染 {polluted} 天，无法评价 {none} 天",
        )

    def _place(self, scope: str) -> str:
        if scope == CITY:
            return self._said("City", "全市")
        if scope.startswith(DISTRICT):
            name = scope.removeprefix(DISTRICT)
            return self._said(f"District {name}", f"区域 {name}")
        return self._name(scope.removeprefix(STATION))

    def _name(self, station: str) -> str:
        """The station's latest name in the picture's language; its id where it has none in English."""
        entries = [entry for entry in self._registry if entry.family == "air" and entry.id == station]
        if not entries:
            return station
        latest = max(entries, key=_begins)
        return self._said(latest.name_en, latest.name_zh) or station

    def _said(self, english: str, chinese: str) -> str:
        return chinese if self._language == "zh" else english


def _mark(day: date, judgement: Judgement, finality: str) -> DayMark:
    detail = judgement.detail
    return DayMark(
        day,
        detail["state"],
        None if judgement.value is None else int(judgement.value),
        detail["colour"],
        detail["category"],
        tuple(code for code in detail["primary"].split("+") if code),
        finality,
    )


def _begins(entry: Station) -> float:
    return float("-inf") if entry.active_from is None else entry.active_from.timestamp()
