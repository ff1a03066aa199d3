"""The crew: several ingest processes on one machine that share the messages of one MQTT 5 shared subscription.

Each worker is `cityflux ingest` with a session, a journal and a health port of its own. The first one has those of an ingest
that works alone, so that one can become several, and several one, without losing what waits in a session: a worker that
is no longer wanted, as its journal on this machine tells, is started once more to retire (`ingest/retire.py`).
"""

from collections.abc import Sequence

import structlog

from cityflux.composition import journal_folders, make_data_folder, sources_of
from cityflux.console import TAKEN
from cityflux.programs import first_of, stop_signals
from cityflux.settings import Settings
from cityflux.supervisor import Part, supervised
from ingest.journal import has_session, looking_at, read_ledger
from ingest.transport import SessionTaken

log = structlog.get_logger()


def crew_of(settings: Settings) -> list[int]:
    """The workers to be started: those that settings ask for, and those that have to retire."""
    wanted = range(1, settings.ingest_workers + 1)
    left = []
    for worker, folder in journal_folders(settings).items():
        if worker in wanted:
            continue
        with looking_at(folder) as db:
            if db is not None and (has_session(db) or read_ledger(db).pending):
                left.append(worker)
    return [*wanted, *left]


async def run(settings: Settings, crew: Sequence[int]) -> None:
    """Keep the crew running until SIGTERM or SIGINT, or until all have ended for good. Raises SettingsError before anything is
    started; SessionTaken where others have the sessions of those that ended."""
    stopped = stop_signals()
    make_data_folder(settings)
    settings.session(subscriptions=sources_of(settings).subscriptions)
    wanted = settings.ingest_workers
    if not crew:
        log.info("no worker has a session to be given up")
        return
    parts = [
        Part("ingest", ["--workers", str(wanted), "--worker", str(worker)], ends=worker > wanted) for worker in crew
    ]
    async with supervised(parts) as all_ended:
        log.info("ingest shared", workers=wanted, retiring=len(crew) - wanted, share=settings.share)
        await first_of(stopped.wait(), all_ended())
    if not stopped.is_set() and any(part.process and part.process.returncode == TAKEN for part in parts):
        raise SessionTaken("other clients have the sessions of these workers; see above")
