"""The documents, whole: the bulletin of a month, and the scorecard of a year, whose rows are the bulletin's first section."""

from typing import NamedTuple
from zoneinfo import ZoneInfo

from processors.bulletin.air import air_section
from processors.bulletin.asked import Asked, moment
from processors.bulletin.closing import how_section, standards_section
from processors.bulletin.document import Document, Section
from processors.bulletin.missing import missing_section
from processors.bulletin.periods import periods_section
from processors.bulletin.plan_rows import plan_section
from processors.bulletin.revisions import revisions_section
from processors.bulletin.water import water_section
from processors.bulletin.words import full_month, say
from processors.pictures.words import Language
from processors.plans import Plan
from store.books import Books


class Pictures(NamedTuple):
    """SVG of the year's calendar of air and of its rivers; None where there is nothing to draw."""

    calendar: bytes | None
    strip: bytes | None


def bulletin(of: Asked, pictures: Pictures, wall: str = "") -> Document:
    """The bulletin of a month; `wall` is the address that its numbers lead to, if any. The same books at the same time give the
    same document."""
    sections = (
        plan_section(of.books, of.plan, of.year, of.zone, of.now, of.language),
        air_section(of, pictures.calendar),
        water_section(of, pictures.strip),
        periods_section(of),
        revisions_section(of),
        missing_section(of),
        standards_section(of),
        how_section(of, wall),
    )
    title = say("title", of.language, month=full_month(of.first, of.language))
    return _document(of.plan, title, of.made_at, of.language, [section for section in sections if section is not None])


def scorecard(books: Books, plan: Plan, year: int, zone: ZoneInfo, now: int, language: Language) -> Document:
    """Every row of the plan, as of a year."""
    title = say("scorecard", language, year=year)
    return _document(plan, title, moment(now, zone), language, [plan_section(books, plan, year, zone, now, language)])


def _document(plan: Plan, title: str, at: str, language: Language, sections: list[Section]) -> Document:
    name = plan.zh if language == "zh" else plan.en
    page = say("page", language, n="{n}", of="{of}")
    return Document(language, title, f"{name} · {say('made', language, at=at)}", page, sections)
