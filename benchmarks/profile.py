"""Where the CPU of a message goes in `cityflux ingest`: py-spy looks 400 times a second while it works; a table of stages.

    python -m benchmarks.profile [--messages 500000] [--store influx|sqlite] [--rate 10000] [--json build/profile.json]
    python -m benchmarks.profile --kept build/profile.json --into docs/PERFORMANCE.md

Drains a backlog from a real Mosquitto into the noting sink (line protocol) or SQLite, or with `--rate` takes what a publisher
sends at that pace. Only the work itself is looked at, as in `benchmarks/growth.py`: ingest is warm, and stands still until the
backlog is in the broker. A stack belongs to the stage of its innermost frame that is in `STAGES`; who waits is left out. Shares
are of the stacks that work, main thread and others scaled each to the CPU [µs per message] that the kernel says they used. Where
the main thread itself waits for the disk (booking), some of that may count as work. The stacks go to a file `.folded` beside the
JSON, which every flame graph tool reads.

`floor`: what the bare operation cost, in a loop of its own, when the design was measured (validation by pydantic, lines by
f-strings).
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

from benchmarks.backlog import ORDINARY
from benchmarks.consumers import CONSUMERS, Consumer, command, versions
from benchmarks.drain import AFTERMATH_S, Running, backlog_for, follow, run_warm, stop, warm_up_of
from benchmarks.live import WARM_UP_S
from benchmarks.measure import machine
from benchmarks.pages import machine_line, put, table
from benchmarks.servers import Broker, mosquitto, until
from benchmarks.sinks import Readings, noted

_LOOKS_A_SECOND = 400
_TICKS = os.sysconf("SC_CLK_TCK")
_REST = "event loop, vitals and the rest"


class Stage(NamedTuple):
    """A part of the way, what it costs at least [µs per message], and the frames `function (file:line)` that belong to it."""

    name: str
    floor: str
    frames: str


STAGES = (
    # The socket is written to for nothing else, but for a heartbeat every ten seconds.
    Stage(
        "acknowledge", "", r"acknowledge(\.<locals>\.<listcomp>)? \(ingest/link|(_send_pubacks|_write) \(ingest/mqtt5"
    ),
    Stage("socket read, MQTT 5 decode", "0.9", r"_read_ready__get_buffer |.* \(ingest/(mqtt5|link)"),
    Stage("journal: append", "0.7", r"(append|pack|room|_look_at_disk) \(ingest/journal"),
    Stage("journal: front", "", r"(front|unpack) \(ingest/journal"),
    Stage("commits, in threads of their own", "", r"run \(concurrent/futures/thread"),
    Stage(
        "marks, books, ledger",
        "",
        r"settle \(ingest/journal|(add|_gather|_book) \(ingest/settle|changed_by \(ingest/intake|stored \(ingest/liveness"
        r"|.* \(store/(books|letters|transaction|replays)",
    ),
    Stage(
        "intake: decode, contract, reading",
        "1.2–1.3",
        r"(judge|_several|_route) \(ingest/intake|(_write|_number_origins) \(ingest/settle|.* \(sensors/",
    ),
    Stage("line protocol", "2.5", r"(write|_lines|_series_of|_post_part) \(store/influx\.|.* \(store/influx_text"),
    # Whole requests are larger than the socket's buffer; PUBACKs seldom are.
    Stage("HTTP", "", r"(_post|_post_body|_api) \(store/influx\.|.* \((aiohttp|yarl|multidict)/|_(write|read)_ready"),
    Stage("rows of SQLite", "", r".* \(store/sqlite"),
    # Hardly anything is done in these frames themselves; what the frames within held goes when they end.
    Stage("freeing what batches held", "", r"(_do_next|_settle_all) \(ingest/settle|_take \(ingest/consume"),
)
# py-spy says `Class.method` and `function.<locals>.<listcomp>`.
_FRAMES = [(stage.name, re.compile(rf"(.*\.)?({stage.frames})")) for stage in STAGES]
# Innermost frames of threads that wait, which py-spy sometimes takes for work.
_WAITING = re.compile(
    r"(.*\.)?(_worker \(concurrent/futures/thread|(select|poll) \(selectors|serve_forever \(socketserver|wait \(threading)"
)
_THREAD = "Thread._bootstrap "  # the outermost frame of every thread but the main one


class Cpu(NamedTuple):
    """CPU [s] of a process so far: its main thread's, and that of all others."""

    main: float
    others: float

    @classmethod
    def of(cls, pid: int) -> "Cpu":
        """Now, from /proc; of a process that keeps its threads."""
        used = {task.name: _ticks(task / "stat") / _TICKS for task in Path(f"/proc/{pid}/task").iterdir()}
        return cls(used.pop(str(pid)), sum(used.values()))


def _ticks(stat: Path) -> int:
    # proc(5), counted from the field after the name in brackets: utime, stime.
    return sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13]))


class Profile(NamedTuple):
    """What was done, on what machine; CPU [µs per message] of the main thread and of the others; looks at working threads."""

    what: str
    machine: dict[str, str]
    main_us: float
    others_us: float
    main: dict[str, int]
    others: dict[str, int]

    def costs(self) -> dict[str, float]:
        """CPU [µs per message] by stage."""
        costs: defaultdict[str, float] = defaultdict(float)
        for looks, used_us in ((self.main, self.main_us), (self.others, self.others_us)):
            seen = sum(looks.values())
            for stage, count in looks.items():
                costs[stage] += used_us * count / seen
        return costs


def profile(consumer: Consumer, messages: int, rate: int | None, folded: Path) -> Profile:
    """Look at `consumer` while it takes so many messages; its stacks go to `folded`."""
    with tempfile.TemporaryDirectory(prefix="cityflux-bench-") as scratch, mosquitto(Path(scratch)) as broker:
        folder = Path(scratch)
        with noted() as sink:  # where it is SQLite nobody writes to it
            ready = command(consumer, folder, broker.port, sink.url, messages)
            running = run_warm(consumer, ready, broker, folder, messages)
            try:
                if rate is None:
                    before, used = _drain(running, broker, folder, messages, folded)
                else:
                    before, used = _live(running, broker, folder, messages, rate, folded)
            finally:
                stop(running.process)
    main, others = looks(folded)
    into = "SQLite" if consumer.sqlite else "line protocol"
    how = "Draining a backlog" if rate is None else f"Live at {rate:,} messages/s"
    what = f"{how}, {messages:,} messages, {into}"
    main_us, others_us = ((after - then) / messages * 1e6 for after, then in zip(used, before, strict=True))
    return Profile(what, machine() | versions(), main_us, others_us, main, others)


def _drain(running: Running, broker: Broker, folder: Path, count: int, folded: Path) -> tuple[Cpu, Cpu]:
    """Drain a backlog: what ingest had used when it began, and when all was settled."""
    backlog_for(running, broker, count, 1)
    # As good as while it stood still. Only now, because py-spy cannot attach itself to what stands still: it misses the first
    # third of a second.
    before = Cpu.of(running.process.pid)
    with _spied(running, folded):
        _settled(folder, count)
        return before, Cpu.of(running.process.pid)


def _live(running: Running, broker: Broker, folder: Path, count: int, rate: int, folded: Path) -> tuple[Cpu, Cpu]:
    """The same while a publisher keeps its pace, once it has kept it for a while."""
    warm_up, sent = rate * WARM_UP_S, folder / "sent"
    first_at = time.time_ns() // 1_000_000 - warm_up - count
    pace = ["--rate", str(rate), "--warm-up", str(WARM_UP_S), "--seconds", str(count // rate)]
    where = ["--port", str(broker.port), "--first-at", str(first_at), "--sent", str(sent)]
    load = subprocess.Popen([sys.executable, "-m", "benchmarks.load", *pace, *where], stdout=subprocess.PIPE, text=True)
    if load.stdout is None or load.stdout.readline().strip() != "measuring":
        raise RuntimeError("the publisher has failed")
    before = Cpu.of(running.process.pid)
    with _spied(running, folded):
        if load.wait():
            raise RuntimeError("the publisher has failed")
        _settled(folder, warm_up + count)
        return before, Cpu.of(running.process.pid)


def _settled(folder: Path, count: int) -> None:
    """Wait until all of it is settled, and what comes after."""
    wanted = warm_up_of(ORDINARY) + count
    taken, _ = follow(Readings(folder / "data").taken, wanted, time.monotonic())
    if taken != wanted:
        sys.exit(f"{taken:,} messages are settled, not {wanted:,}")
    time.sleep(AFTERMATH_S)


@contextmanager
def _spied(running: Running, folded: Path) -> Iterator[None]:
    """py-spy looks during the block, once it has attached itself."""
    binary = Path(sys.executable).with_name("py-spy")
    if not binary.exists():
        sys.exit("py-spy is not installed: pip install -c constraints.txt -e '.[bench]'")
    log = folded.with_suffix(".log")
    arguments = ["--pid", str(running.process.pid), "-r", str(_LOOKS_A_SECOND), "-f", "raw", "-F", "-o", str(folded)]
    with log.open("wb") as said:
        spy = subprocess.Popen([str(binary), "record", *arguments], stdout=said, stderr=said)
    try:
        until("py-spy", lambda: b"Sampling process" in log.read_bytes(), spy, log, every_s=0.01)
        yield
    finally:
        spy.send_signal(signal.SIGINT)  # then it writes
        spy.wait(60)


def looks(folded: Path) -> tuple[dict[str, int], dict[str, int]]:
    """How often each stage was seen at work: by the main thread, and by others."""
    main: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for line in folded.read_text("utf-8").splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        if _WAITING.match(frames[-1]) is None:
            (others if frames[0].startswith(_THREAD) else main)[stage_of(frames)] += int(count)
    return dict(main), dict(others)


def stage_of(frames: list[str]) -> str:
    """The stage of a stack, outermost frame first."""
    return next((stage for frame in reversed(frames) if (stage := _stage_of_frame(frame))), _REST)


@cache
def _stage_of_frame(frame: str) -> str | None:
    return next((name for name, pattern in _FRAMES if pattern.match(frame)), None)


def tables(found: Profile) -> str:
    """All of it in Markdown."""
    costs, whole = found.costs(), found.main_us + found.others_us
    floors = {stage.name: stage.floor for stage in STAGES}
    rows = [
        (name, f"{costs[name] / whole:.0%}", f"{costs[name]:.2f}", floors.get(name, ""))
        for name in (*floors, _REST)
        if name in costs
    ]
    rows.append(("all", "100%", f"{whole:.2f}", ""))
    seen = sum(found.main.values()) + sum(found.others.values())
    return (
        f"{machine_line(found.machine)}\n\n{table(found.what, ('stage', 'share', 'µs CPU/message', 'floor [µs]'), rows)}\n\n"
        f"{seen:,} looks at a working thread."
    )


def main() -> None:
    """Look, or take what was kept; print, or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=500_000)
    parser.add_argument("--store", choices=("influx", "sqlite"), default="influx")
    parser.add_argument("--rate", type=int, help="live, so many messages a second, instead of a backlog")
    parser.add_argument("--json", type=Path, default=Path("build/profile.json"))
    parser.add_argument("--kept", type=Path, help="look at nothing: the profile in this file")
    parser.add_argument("--into", type=Path, help="a page with the marks")
    options = parser.parse_args()
    if options.kept is None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        # Whole seconds, where there is a pace.
        messages = options.messages - options.messages % (options.rate or 1)
        consumer = CONSUMERS[f"cityflux-{options.store}"]
        found = profile(consumer, messages, options.rate, options.json.with_suffix(".folded"))
        options.json.write_text(json.dumps(found._asdict(), ensure_ascii=False, indent=1) + "\n", "utf-8")
    else:
        found = Profile(**json.loads(options.kept.read_text("utf-8")))
    print(tables(found))
    if options.into is not None:
        put(options.into, "profile", tables(found))


if __name__ == "__main__":
    main()
