"""The crew: several ingest processes on one machine that share the messages of one MQTT 5 shared subscription.

Each worker is `cityflux ingest` with a session, a journal and a health port of its own. The first one has those of an ingest
that works alone, so that one can become several, and several one, without losing what waits in a session: a worker that
is no longer wanted, as its journal on this machine tells, is started once more to retire (`ingest/retire.py`).
"""

from collections.abc import Sequence

import structlog

from cityflux.composition import journal_folders, make_data_folder
from cityflux.programs import stop_signals
from cityflux.settings import Settings
from cityflux.supervisor import Part, supervised
from ingest.journal import has_session, looking_at, read_ledger

log = structlog.get_logger()


def crew_of(settings: Settings) -> Sequence[int]:
    """The workers to be started: those that settings ask for, and those that have to retire."""
    wanted = range(1, settings.ingest_workers + 1)
    left = []
    for worker, folder in journal_folders(settings).items():
        with looking_at(folder) as db:
            if worker not in wanted and db is not None and (has_session(db) or read_ledger(db).pending):
                left.append(worker)
    return [*wanted, *left]


async def run(settings: Settings, crew: Sequence[int]) -> None:
    """Keep the crew running until SIGTERM or SIGINT. Raises SettingsError before anything is started."""
    stopped = stop_signals()
    make_data_folder(settings)
    settings.session()
    wanted = settings.ingest_workers
    parts = [
        Part("ingest", ["--workers", str(wanted), "--worker", str(worker)], ends=worker > wanted) for worker in crew
    ]
    async with supervised(parts):
        log.info("ingest shared", workers=wanted, retiring=len(crew) - wanted, share=settings.share)
        await stopped.wait()
