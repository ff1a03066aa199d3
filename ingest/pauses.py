"""Named points on a batch's way where tests stop ingest, in order to kill it exactly there.

Off unless CITYFLUX_TEST_PAUSE is set; off, a point is a call of an empty function per batch.
"""

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, get_args

Point = Literal["journalled", "acknowledged", "judged", "kept", "stored", "booked", "settled"]
"""After: the journal's commit; PUBACK; intake; the keepsake of a rewrite in InfluxDB; the store's write; the books'
commit; the batch has left the journal."""

POINTS: tuple[Point, ...] = get_args(Point)

Pause = Callable[[Point], None]

VARIABLE = "CITYFLUX_TEST_PAUSE"


def no_pause(_: Point) -> None:
    """Go on."""


def pause_of(environment: Mapping[str, str]) -> Pause:
    """CITYFLUX_TEST_PAUSE=POINT:N:FILE: coming to POINT for the Nth time, make FILE and stop (SIGSTOP). Raises ValueError."""
    wish = environment.get(VARIABLE)
    if wish is None:
        return no_pause
    point, count, file = wish.split(":", 2)
    if point not in POINTS:
        raise ValueError(f"{VARIABLE}={wish}: {point!r} is no point; use one of {', '.join(POINTS)}")
    left = int(count)

    def pause(at: Point) -> None:
        nonlocal left
        if at == point:
            left -= 1
            if left == 0:
                Path(file).touch()
                os.kill(os.getpid(), signal.SIGSTOP)

    return pause
