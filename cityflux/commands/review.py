"""`cityflux review`: provisional → under review → final, and what is proposed for final values; each with a person and a
reason."""

from datetime import date
from typing import Annotated, Any

import typer

from cityflux.composition import now_ms, open_books, whoami
from cityflux.console import Format, out, print_rows, settings, wrong
from cityflux.settings import Settings
from sensors.instants import HOUR_MS, iso
from store.books import Books, Window
from store.judgements import Finality, Judgements, Key, Revision, Superseded
from store.reviews import Decision, ReviewError, Reviews

review = typer.Typer(no_args_is_help=True, help="How far published values are, as people decide it.")

Why = Annotated[str, typer.Option("--why", help="the reason, for the auditor")]
Period = Annotated[str, typer.Argument(help="a day, month, quarter or year: 2026-03-05, 2026-03, 2026-Q1, 2026")]


@review.command("list")
def list_reviews(
    period: Annotated[str | None, typer.Argument(help="only what lies in this day, month, quarter or year")] = None,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """Values that are not final, and what is proposed for final ones. Example: cityflux review list 2026-02"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        found = [r for r in _within(books, period) if r.finality != "final"]
        proposed = [r for r in Reviews(books).proposals() if period is None or _is_in(r.judgement.key.period, period)]
    rows = [_row(revision, chosen) for revision in [*proposed, *found]]
    columns = ["revision", "indicator", "scope", "period", "value", "status", "finality", "computed_at", "reason"]
    print_rows(rows, columns, style, "values to review")


@review.command("open")
def open_review(period: Period, why: Why) -> None:
    """Say that people are looking at the values of a period; they are still revised. Example:
    cityflux review open 2026-02 --why 'monthly audit'"""
    _move(period, "under review", why)


@review.command("finish")
def finish(period: Period, why: Why) -> None:
    """Make the values of a period final: what is computed of them later is only proposed. Example:
    cityflux review finish 2026-02 --why 'audited, protocol 17'"""
    _move(period, "final", why)


@review.command("accept")
def accept(revision: Annotated[int, typer.Argument(help="as `review list` shows it")], why: Why) -> None:
    """Put a proposed value in force. Example: cityflux review accept 812 --why 'late hours confirmed by the station'"""
    _decide(revision, "accept", why)


@review.command("reject")
def reject(revision: Annotated[int, typer.Argument(help="as `review list` shows it")], why: Why) -> None:
    """Leave a final value as it is; the same proposal does not come again. Example:
    cityflux review reject 812 --why 'instrument was open'"""
    _decide(revision, "reject", why)


def _move(period: str, to: Finality, why: str) -> None:
    with open_books(settings()) as books:
        books.prepare()
        found = _within(books, period)
        if not found:
            wrong(f"no closed value lies in {period}; `cityflux indicators --from {period}` shows what there is")
        # What rests on a quarter's figures is provisional whatever people say: the year's own are still to come.
        preliminary = [r for r in found if to == "final" and r.judgement.detail.get("provisional")]
        found = [r for r in found if r not in preliminary]
        try:
            moved = Reviews(books).move(found, to, who=whoami(), why=_said(why), now=now_ms())
        except (ReviewError, Superseded) as error:
            wrong(str(error) or "a processor wrote one of these values just now: do it again")
    stay = f"; {len(preliminary)} from quarters' figures stay provisional" if preliminary else ""
    out.print(f"{moved} of {len(found)} values of {period} are now {to}{stay}")


def _decide(number: int, decision: Decision, why: str) -> None:
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        reviews = Reviews(books)
        try:
            window = _window(reviews.proposal(number).judgement.key, chosen)
            now_in_force = reviews.decide(number, decision, who=whoami(), why=_said(why), now=now_ms(), window=window)
        except ReviewError as error:
            wrong(str(error))
    key = now_in_force.judgement.key
    out.print(f"{key.indicator} {key.scope} {key.period} is {now_in_force.judgement.value or 'NA'}, final")


def _window(key: Key, chosen: Settings) -> Window | None:
    """The last window of the day that the value is of; None for a longer period."""
    from processors.air.days import DAILY_AQI
    from processors.water.days import WATER_DAY
    from processors.windows import day_bounds

    of: dict[str, tuple[str, str]] = {DAILY_AQI: ("air", "hour"), WATER_DAY: ("water", "raw")}
    if key.indicator not in of:
        return None
    return *of[key.indicator], day_bounds(date.fromisoformat(key.period), chosen.zone)[1] // HOUR_MS - 1


def _said(why: str) -> str:
    if not why.strip():
        wrong("--why is empty: say the reason, for the auditor")
    return why.strip()


def _within(books: Books, period: str | None) -> list[Revision]:
    """The revisions in force whose whole period lies in the one given."""
    from processors.windows import period_days

    if period is None:
        return Judgements(books).latest()
    try:
        first, last = period_days(period)
    except ValueError as error:
        wrong(str(error))
    of_year = Judgements(books).latest(first=str(first.year), last=f"{last.year}~")
    return [revision for revision in of_year if _is_in(revision.judgement.key.period, period)]


def _is_in(inner: str, outer: str) -> bool:
    from processors.windows import period_days

    first, last = period_days(inner)
    start, end = period_days(outer)
    return start <= first and last <= end


def _row(revision: Revision, chosen: Settings) -> dict[str, Any]:
    judgement = revision.judgement
    return {
        "revision": revision.id,
        **judgement.key._asdict(),
        "value": judgement.value,
        "status": judgement.status,
        "finality": revision.finality,
        "computed_at": iso(judgement.computed_at, chosen.zone),
        "reason": revision.reason,
    }
