"""The bulletin of a month with its pictures, from prepared books. What stands in it is in `processors/bulletin`."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from matplotlib.figure import Figure

from cityflux.pictured import NoPicture, Pictured
from cityflux.pictured_water import PicturedWater
from processors.bulletin.asked import asked
from processors.bulletin.composed import Pictures, bulletin
from processors.bulletin.document import Document
from processors.pictures import Language, drawn
from processors.plans import Plan
from processors.scopes import CITY
from store.books import Books


def month_document(
    books: Books, plan: Plan, month: str, *, zone: ZoneInfo, grace_ms: int, now: int, language: Language, wall: str = ""
) -> Document:
    """The bulletin of a month (2026-03) as the books are at `now` [ms]; `wall` is where its numbers lead to, if anywhere. Raises
    NoBulletin."""
    of = asked(books, plan, month, zone=zone, grace_ms=grace_ms, now=now, language=language)
    air = of.row("good_air_days")
    scope = CITY if air is None else air.scope
    calendar = _svg(lambda: Pictured(books, plan, of.year, zone, language).calendar(scope))
    strip = _svg(lambda: PicturedWater(books, of.year, zone, language).strip(None))
    return bulletin(of, Pictures(calendar, strip), wall)


def _svg(draw: Callable[[], Figure]) -> bytes | None:
    """The picture; None where there is nothing to draw, which the document then says."""
    try:
        return drawn(draw(), ".svg")
    except NoPicture:
        return None
