"""The command line: `cityflux COMMAND`. Exit codes: 0 done, 1 something was refused or unavailable, 2 wrong use,
3 another ingest has our session: it must not be started again by itself, 4 what was received is whole, but nothing says from
whom."""

import logging
import sys

import structlog
import typer

from cityflux.commands import (
    alerts,
    ask,
    bulletin,
    changes,
    check,
    dashboards,
    downlink,
    drifts,
    energy,
    events,
    feed,
    forecast,
    gateway,
    judge,
    keep,
    letters,
    meter,
    notify,
    opendata,
    picture,
    presence,
    quality,
    record,
    review,
    scores,
    sections,
    serve,
    setup,
    sources,
    traffic,
    verify,
    warn,
    years,
)
from cityflux.console import REFUSED, TAKEN, WRONG_USE, err
from cityflux.settings import SettingsError
from cityflux.supervisor import StartError
from ingest.journal import JournalError, JournalLocked
from ingest.transport import SessionTaken
from store.books import BooksUnavailable
from store.port import StoreError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="City sensor data over MQTT, turned into the constraint indicators of a development plan.",
)
for command in (
    serve.demo, serve.up, serve.broker, serve.ingest, serve.process, serve.watch, serve.notify, serve.wall,
    feed.simulate, feed.replay, judge.evaluate, verify.verify, years.compare, years.statistics,
    sections.sections, warn.warnings, scores.scorecard, bulletin.bulletin, ask.readings, ask.indicators, ask.explain, ask.ledger,
    meter.meter, setup.project, check.doctor,
):  # fmt: skip
    app.command()(command)
app.add_typer(letters.dead_letters, name="dead-letters")
changes.add_to(keep.stations)
presence.add_to(keep.stations)
downlink.add_to(keep.stations)
app.add_typer(keep.stations, name="stations")
app.add_typer(sources.sources, name="sources")
app.add_typer(drifts.drifts, name="drifts")
app.add_typer(quality.quality, name="quality")
app.add_typer(events.events, name="events")
notify.add_to(alerts.alerts)
app.add_typer(alerts.alerts, name="alerts")
app.add_typer(energy.energy, name="energy")
app.add_typer(record.record, name="record")
app.add_typer(review.review, name="review")
app.add_typer(forecast.forecast, name="forecast")
app.add_typer(picture.picture, name="picture")
app.add_typer(opendata.opendata, name="opendata")
app.add_typer(gateway.gateway, name="gateway")
app.add_typer(traffic.traffic, name="traffic")
app.add_typer(setup.setup, name="setup")
app.add_typer(dashboards.dashboards, name="dashboards")

_KNOWN = (SettingsError, JournalError, SessionTaken, BooksUnavailable, StoreError, StartError)


def run() -> None:
    """Entry point: what a person can mend comes out as one line, not as a traceback."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        app()
    except BrokenPipeError:
        sys.exit(0)  # the reader of our output has seen enough
    except _KNOWN as error:
        _say(error)
    except BaseExceptionGroup as group:
        known = group.subgroup(_KNOWN)
        if known is None:
            raise
        _say(_first(known))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _say(error: BaseException) -> None:
    err.print(f"cityflux: {error}", markup=False, highlight=False)
    if isinstance(error, SessionTaken):
        sys.exit(TAKEN)
    sys.exit(WRONG_USE if isinstance(error, SettingsError | JournalLocked) else REFUSED)
