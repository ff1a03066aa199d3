"""What programs that work on what changed have in common: prepare once, step while there is work, wait while there is none; what
cannot be reached is said once and tried again."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from store.books import BooksUnavailable
from store.port import StoreError

log = structlog.get_logger()

# Chosen: a store or books that are down come back in minutes, not in milliseconds.
_RETRY_S = 5.0


async def keep_stepping(
    step: Callable[[], Awaitable[bool]],
    prepare: Callable[[], None],
    stopped: asyncio.Event,
    *,
    idle_s: float,
    verb: str,
    stays: str = "the marks stay",
) -> None:
    """Until stopped. `prepare` readies the books; `step` does what there is to do and says whether there was anything; both may
    raise StoreError, BooksUnavailable, and are called again. `verb` is what it does, and `stays` what is not lost where it
    cannot, for the log."""
    prepared, failure = False, None
    while not stopped.is_set():
        wait_s = idle_s
        try:
            if not prepared:
                prepare()
                prepared = True
            if await step():
                wait_s = 0.0
            if failure is not None:
                log.info(f"it can {verb} again")
            failure = None
        except (StoreError, BooksUnavailable) as error:
            wait_s = _RETRY_S
            if failure != str(error):
                log.error(f"cannot {verb}; {stays}", why=str(error), next_try_s=wait_s)
            failure = str(error)
        try:
            await asyncio.wait_for(stopped.wait(), wait_s)
        except TimeoutError:
            continue
