"""Fuzzing at length: `python -m tests.fuzz N --seed S --jobs J`: payloads of the native format, mutated captures of all the
others with `--of formats`, hostile MQTT sessions with `--of sessions`.

Work is cut into batches that depend on the seed and their number only. A failure ends the run with exit code 1 and prints
the one command that repeats exactly the batch that failed. A batch that takes longer than HANG_S fails; where not even that
helps, the process ends with a traceback, and the command repeats the batches that it was at.
"""

import argparse
import asyncio
import faulthandler
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from tests.fuzz import mutator
from tests.fuzz.conservation import culprits, judged, stored
from tests.fuzz.formats import BATCH as FORMAT_BATCH
from tests.fuzz.formats import format_batch
from tests.fuzz.hostile import SESSIONS, session_batch

HANG_S = 60  # chosen: a hundred times what the costliest batch takes on two busy cores
STORED_EVERY = 50  # batches, of which one is written to a real store and real books
_CHUNK = 50  # batches that one process is given at once


class Hangs(Exception):
    """A batch takes longer than HANG_S."""


class Chunk(NamedTuple):
    """What some batches came to; `failed` is the first that failed and how, `slowest` the time [s] and the number of one."""

    totals: Counter[str]
    slowest: tuple[float, int]
    failed: tuple[int, str] | None


def payload_batch(seed: int, number: int) -> Counter[str]:
    """Judge one batch of payloads; what it came to, by name. Raises whatever is wrong with it."""
    messages = mutator.batch(seed, number)
    try:
        verdict = judged(messages, number + 1)
    except Exception as error:
        error.add_note(culprits(messages, number + 1))
        raise
    counts = verdict.counts
    totals = Counter({"messages written": counts.written, "messages refused": counts.refused})
    totals.update(f"messages refused: {letter.refusals[0].code}" for letter in verdict.letters.values())
    totals["readings written"] += counts.readings_written
    totals["readings refused"] += counts.readings_refused
    totals["quantities refused"] += counts.quantities_refused
    if number % STORED_EVERY == 0:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(stored(verdict, Path(folder)))
        totals["batches stored and read back"] += 1
    return totals


KINDS: dict[str, tuple[int, Callable[[int, int], Counter[str]]]] = {
    "payloads": (mutator.BATCH, payload_batch),
    "formats": (FORMAT_BATCH, format_batch),
    "sessions": (SESSIONS, session_batch),
}
"""What can be fuzzed: how many in a batch, and the judge of one batch."""


def run_chunk(kind: str, seed: int, numbers: range) -> Chunk:
    """Judge some batches, up to the first that fails."""
    signal.signal(signal.SIGALRM, _on_alarm)
    stderr = os.dup(2)  # while sessions are fuzzed 2 is nowhere
    totals: Counter[str] = Counter()
    slowest = (0.0, numbers.start)
    for number in numbers:
        signal.alarm(HANG_S)
        faulthandler.dump_traceback_later(2 * HANG_S, exit=True, file=stderr)
        began = time.perf_counter()
        try:
            totals += KINDS[kind][1](seed, number)
        except BaseException as error:  # noqa: BLE001 - whatever it is (extensions panic past Exception), its batch is named
            return Chunk(totals, slowest, (number, "".join(traceback.format_exception(error))))
        finally:
            signal.alarm(0)
            faulthandler.cancel_dump_traceback_later()
        slowest = max(slowest, (time.perf_counter() - began, number))
    return Chunk(totals, slowest, None)


def _on_alarm(number: int, frame: FrameType | None) -> None:
    raise Hangs(f"a batch takes longer than {HANG_S} s")


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("count", type=int, nargs="?", default=1_000_000, help="how many (default 1000000)")
    parser.add_argument("--of", choices=KINDS, default="payloads", help="what to fuzz (default payloads)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other batches (default 1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default: one for each core)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first batch (default 0)")
    asked = parser.parse_args()
    size = KINDS[asked.of][0]
    batches = range(asked.first, asked.first + -(-asked.count // size))
    chunks = [batches[at : at + _CHUNK] for at in range(0, len(batches), _CHUNK)]
    repeat = f"python -m tests.fuzz {{}} --of {asked.of} --seed {asked.seed} --first {{}} --jobs 1"
    foreign = len(mutator.corpus())
    print(f"{len(batches) * size:,} {asked.of}, seed {asked.seed}, {asked.jobs} processes, {foreign} foreign payloads")

    totals: Counter[str] = Counter()
    slowest, done, began = (0.0, 0), 0, time.monotonic()
    told = began
    with ProcessPoolExecutor(asked.jobs) as pool:
        futures: dict[Future[Chunk], range] = {
            pool.submit(run_chunk, asked.of, asked.seed, numbers): numbers for numbers in chunks
        }
        try:
            for future in as_completed(futures):
                chunk = future.result()
                if chunk.failed is not None:
                    pool.shutdown(wait=False, cancel_futures=True)
                    number, how = chunk.failed
                    print(
                        f"{how}\nbatch {number} of seed {asked.seed} failed; to repeat it:\n    {repeat.format(size, number)}"
                    )
                    return 1
                totals += chunk.totals
                slowest = max(slowest, chunk.slowest)
                done += len(futures[future]) * size
                if time.monotonic() - told > 10:
                    told = time.monotonic()
                    print(f"{done:,} {asked.of}, {done / (told - began):,.0f} a second", file=sys.stderr)
        except BrokenProcessPool:
            at = [numbers for future, numbers in futures.items() if not future.done() or future.exception() is not None]
            print("a process died; one of these was at fault:")
            for numbers in at[: 2 * asked.jobs]:
                print(f"    {repeat.format(len(numbers) * size, numbers.start)}")
            return 1
    took_s = time.monotonic() - began
    for name, number in sorted(totals.items()):
        print(f"{name:70}{number:>12,}")
    print(
        f"{done:,} {asked.of} in {took_s:.0f} s ({done / took_s:,.0f} a second); slowest batch {slowest[1]}: {slowest[0]:.2f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
