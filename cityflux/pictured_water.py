"""Pictures of water from the books: which sections, names and titles they get. How they look is in `processors/pictures`."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from zoneinfo import ZoneInfo

from matplotlib.figure import Figure

from cityflux.pictured import NoPicture
from processors.pictures import (
    ItemDay,
    Language,
    Place,
    ProfileLine,
    SectionMark,
    SectionRow,
    Why,
    class_name,
    drawn_language,
    item_calendar,
    river_profile,
    river_strip,
    unit_of,
)
from processors.scopes import SECTION
from processors.standards.water import Item, water_standard
from processors.water.days import WATER_DAY, kind_of
from processors.water.sections import WATER_SECTION
from processors.windows import day_bounds, days_between, period_days
from sensors.stations import Station
from store.books import Books
from store.judgements import Judgement, Judgements

# Chosen: of the river's length, so much above the section below it a tributary is drawn where there is room; the registry does
# not say where it comes in.
_JUST_ABOVE = 0.04


class PicturedWater:
    """The pictures of one year, from prepared books."""

    def __init__(self, books: Books, year: int, zone: ZoneInfo, language: Language) -> None:
        self._judgements = Judgements(books)
        self._year = year
        self._language = drawn_language(language)
        self._zone = zone
        self._registry = books.registry()
        end = day_bounds(date(year, 12, 31), zone)[1]
        self._sections = [one for one in self._registry.active("water", end - 1) if one.section is None]

    def strip(self, river: str | None) -> Figure:
        """The sections of a river and those that flow into it, or all of them, by month. Raises NoPicture."""
        sections = self._in_order(river)
        of_year = self._judgements.standing(WATER_SECTION, first=str(self._year), last=f"{self._year}~")
        marks = {(scope.removeprefix(SECTION), period): _mark(*one) for (scope, period), one in of_year.items()}
        of_month = {
            (one.id, n): mark
            for one in sections
            for n in range(1, 13)
            if (mark := marks.get((one.id, f"{self._year}-{n:02d}")))
        }
        if not of_month:
            raise NoPicture(f"nothing is computed of {river or 'any section'} in {self._year}; see cityflux ledger")
        # A month that has closed for others and has nothing here is one without a class, not one that is not known yet.
        closed = max((n for (_, n), mark in of_month.items() if mark.finality != "running"), default=0)
        nothing = SectionMark(None, None, "")
        rows = []
        for one in sections:
            months = {
                n: of_month.get((one.id, n), nothing)
                for n in range(1, 13)
                if (one.id, n) in of_month
                or (n <= closed and self._stood(one.id, period_days(f"{self._year}-{n:02d}")[1]))
            }
            whole = marks.get((one.id, str(self._year)))
            is_tributary = river is not None and one.river != river
            rows.append(SectionRow(self._name(one), one.river or "", is_tributary, one.target_class, months, whole))
        title = self._said(f"Water sections {self._year}", f"{self._year} 年水质断面")
        return river_strip(rows, self._year, title, self._river(river), language=self._language)

    def item(self, section: str, code: str) -> Figure:
        """An item of a section, day by day. Raises NoPicture."""
        item, station = self._item(code), self._section(section)
        standing = self._judgements.standing(
            WATER_DAY, scope=SECTION + section, first=f"{self._year}-01-01", last=f"{self._year}-12-31"
        )
        found = {day.day: day for day in (_day(one, code, finality) for one, finality in standing.values())}
        if not found:
            raise NoPicture(f"nothing is computed of section {section} in {self._year}; see cityflux ledger")
        # Of a day that has passed, here or elsewhere, and has nothing here, nothing came: a dead station's days are no open ones.
        since, year_end = max(found), f"{self._year}-12-31"
        elsewhere = self._judgements.standing(WATER_DAY, first=since.isoformat(), last=year_end)
        closed = [date.fromisoformat(day) for (_, day), (_, finality) in elsewhere.items() if finality != "running"]
        days = [
            found.get(day, ItemDay(day, "", None, "nothing", ""))
            for day in days_between(date(self._year, 1, 1), max([since, *closed]))
            if day in found or self._stood(section, day)
        ]
        kind = kind_of(station)
        limits = [str(limit) for limit in item.limits_of(kind)]
        sign = "≥" if item.better == "more" else "≤"
        shown = [f"{limits[0]}–{limits[1]}"] if item.better == "band" else [f"{sign} {limit}" for limit in limits]
        title = f"{self._named(item)} {self._year}"
        target = (
            ""
            if station.target_class is None
            else self._said(" · target ", " · 目标 ") + class_name(station.target_class, self._language)
        )
        subtitle = f"{self._name(station)}{target} · {unit_of(code, self._language)}"
        return item_calendar(days, self._year, shown, title, subtitle, language=self._language)

    def profile(self, river: str, code: str, periods: Sequence[str]) -> Figure:
        """An item along a river, a line a period; the limits are those of the water body that most of its sections lie in. Raises
        NoPicture."""
        item, asked = self._item(code), [_period(one) for one in dict.fromkeys(periods)]
        along = self._along(river)
        kinds = Counter(kind_of(one) for one, _ in along if one.river == river)
        kind = kinds.most_common(1)[0][0] if kinds else "river"
        differs = item.lake is not None
        places = [
            Place(
                km, self._name(one) + (self._body(one) if differs and kind_of(one) != kind else ""), one.river != river
            )
            for one, km in along
        ]
        lines = []
        for period in asked:
            found = self._judgements.standing(WATER_SECTION, first=period, last=period)
            of_sections = [found.get((SECTION + one.id, period)) for one, _ in along]
            items = [of_section[0].detail["items"].get(code) if of_section else None for of_section in of_sections]
            lines.append(ProfileLine(period, [None if one is None else float(Fraction(one["exact"])) for one in items]))
        name = self._named(item)
        title = self._said(f"{name} along the river", f"沿程{name}")
        subtitle = self._river(river)
        if differs:
            lakes = self._said(" · limits of lakes and reservoirs", " · 湖库限值")
            subtitle += lakes if kind == "lake" else self._said(" · limits of rivers", " · 河流限值")
        try:
            return river_profile(places, lines, item, kind, title, subtitle, language=self._language)
        except ValueError as error:
            raise NoPicture(str(error)) from error

    def _along(self, river: str) -> list[tuple[Station, float]]:
        """The sections that have a place along the river [km]; tributaries come in just above the section that they flow into."""
        in_order = self._in_order(river)
        own = [(one, one.river_km) for one in in_order if one.river == river and one.river_km is not None]
        length = max((km for _, km in own), default=0.0)
        found, before = [], None
        for section, km in own:
            into = [one for one in in_order if one.river != river and one.downstream == section.id]
            room = _JUST_ABOVE * length if before is None else min(_JUST_ABOVE * length, km - before)
            found += [(one, km - room * (len(into) - n) / (len(into) + 1)) for n, one in enumerate(into)]
            found.append((section, km))
            before = km
        return found

    def _stood(self, section: str, day: date) -> bool:
        """Whether there was such a section at the end of a day."""
        return self._registry.entry("water", section, day_bounds(day, self._zone)[1] - 1) is not None

    def _in_order(self, river: str | None) -> list[Station]:
        """The sections as the water passes them: of the river, with those that flow into it before where they come in."""
        known = {one.river for one in self._sections if one.river}
        if river is not None and river not in known:
            raise NoPicture(f"{river!r} is no river of the registry: there are {', '.join(sorted(known)) or 'none'}")
        by_km = sorted(
            self._sections, key=lambda one: (one.river or "~", one.river_km is None, one.river_km or 0.0, one.id)
        )
        if river is None:
            return by_km
        found: list[Station] = []
        for one in by_km:
            if one.river == river:
                found += [other for other in by_km if other.river != river and other.downstream == one.id]
                found.append(one)
        return found

    def _section(self, section: str) -> Station:
        for one in self._sections:
            if one.id == section:
                return one
        known = ", ".join(one.id for one in self._sections[:12])
        raise NoPicture(f"{section!r} is no section in {self._year}: there are {known or 'none'}")

    def _item(self, code: str) -> Item:
        items = water_standard().by_code
        if code not in items:
            raise NoPicture(f"{code!r} is no item of GB 3838: there are {', '.join(items)}")
        return items[code]

    def _named(self, item: Item) -> str:
        return self._said(item.en[0].upper() + item.en[1:], item.zh)

    def _name(self, section: Station) -> str:
        return self._said(section.name_en, section.name_zh) or section.id

    def _body(self, section: Station) -> str:
        return self._said(" (lake)", "（湖库）") if kind_of(section) == "lake" else self._said(" (river)", "（河流）")

    def _river(self, river: str | None) -> str:
        return self._said("all rivers", "全部河流") if river is None else self._said(f"river {river}", f"河流 {river}")

    def _said(self, english: str, chinese: str) -> str:
        return chinese if self._language == "zh" else english


def _mark(judgement: Judgement, finality: str) -> SectionMark:
    cls = None if judgement.value is None else int(judgement.value)
    target = judgement.detail["target"]
    return SectionMark(cls, None if cls is None or target is None else cls > target, finality)


def _day(judgement: Judgement, code: str, finality: str) -> ItemDay:
    day, detail = date.fromisoformat(judgement.key.period), judgement.detail
    item = detail["items"].get(code)
    if item is not None:
        return ItemDay(day, item["value"], item["class"], None, finality)
    # Judgements of before values that were left out were counted have no such list.
    why: Why = "few" if code in detail["short"] else "withheld" if code in detail.get("left_out", {}) else "nothing"
    return ItemDay(day, "", None, why, finality)


def _period(text: str) -> str:
    """A period that sections are judged by. Raises NoPicture."""
    try:
        first, last = period_days(text)
    except ValueError as error:
        raise NoPicture(str(error)) from error
    if first == last:
        raise NoPicture(f"{text} is a day: a profile is of months, quarters or years")
    return text
