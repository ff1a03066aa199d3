"""`python -m tests.faults`: many seeds, each in a process of its own, and a table of what was struck and what came of it.

Exit 1 where a seed failed; the seed and the command that repeats it are printed.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.faults.broken import WAYS
from tests.faults.catalogue import CATALOGUE
from tests.faults.lab import run, scratch_environment
from tests.faults.seeds import setting_of
from tests.servers.influx import Influx

_SUMS = ("accepted", "journalled", "redelivered", "dead_letters", "readings", "incidents", "lost_by_broker")
# Chosen: several times what a long run takes; a seed that needs more hangs.
_SEED_WITHIN_S = 600


def main() -> int:
    """The exit code."""
    options = _parser().parse_args()
    if options.seed is not None:
        outcome = run_seed(options)
        print(json.dumps(outcome) if options.json else _told(outcome))
        return 1 if outcome["wrong"] else 0
    seeds = range(options.first, options.first + options.seeds)
    struck: Counter[str] = Counter()
    paused: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    peak_kib = 0
    failed: list[int] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for done in as_completed([pool.submit(_in_a_process, seed, sys.argv[1:]) for seed in seeds]):
            outcome = done.result()
            print(_told(outcome), flush=True)
            struck.update(outcome["struck"])
            paused.update(outcome["paused_at"])
            sums.update({name: outcome["sums"][name] for name in outcome["sums"]})
            peak_kib = max(peak_kib, outcome["peak_memory_kib"])
            if outcome["wrong"]:
                failed.append(outcome["seed"])
    for title, counts in (("struck", struck), ("killed while paused at", paused), ("sums", sums)):
        print(f"\n{title}")
        for name, count in sorted(counts.items()):
            print(f"  {count:9,}  {name.replace('_', ' ')}")
    print(f"\npeak resident memory of ingest: {peak_kib / 1024:.0f} MiB")
    print(f"{len(seeds) - len(failed)} of {len(seeds)} seeds well; failed: {sorted(failed) or 'none'}")
    return 1 if failed else 0


def run_seed(options: argparse.Namespace) -> dict[str, Any]:
    """One seed's run, as plain data; whatever goes wrong is in it."""
    setting = setting_of(options.seed, faults=tuple(options.fault or ()), store=options.store)
    if options.broken:
        setting = replace(setting, module=("tests.faults.broken", options.broken))
    told = {
        "seed": options.seed,
        "what": f"{setting.store}, MQTT {setting.mqtt_version}: {', '.join(setting.faults)}",
        "again": " ".join(["python -m tests.faults", *_repeated(options)]),
    }
    try:
        with Influx() if setting.store == "influx" else nullcontext() as influx:
            verdict, lab = asyncio.run(run(setting, influx, keep=options.keep))
    except Exception:  # noqa: BLE001 - whatever it was, this seed has failed, and the others go on
        return {**told, **_NOTHING, "wrong": [traceback.format_exc()]}
    return {
        **told,
        "wrong": verdict.wrong,
        "struck": lab.struck,
        "paused_at": lab.paused_at,
        "peak_memory_kib": verdict.peak_memory_kib,
        "sums": {name: getattr(verdict, name) for name in _SUMS},
    }


_NOTHING: dict[str, Any] = {"struck": {}, "paused_at": {}, "peak_memory_kib": 0, "sums": {}}


def _in_a_process(seed: int, arguments: Sequence[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.faults", *arguments, "--seed", str(seed), "--json"]
    failed = {"seed": seed, "what": "", "again": f"python -m tests.faults --seed {seed}", **_NOTHING}
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=_SEED_WITHIN_S, check=False, env=scratch_environment()
        )
    except subprocess.TimeoutExpired:
        return {**failed, "wrong": [f"not done within {_SEED_WITHIN_S} s"]}
    try:
        outcome: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        return {**failed, "wrong": [f"the run itself broke: exit {ended.returncode}\n{ended.stdout}{ended.stderr}"]}
    return outcome


def _told(outcome: dict[str, Any]) -> str:
    lines = [f"seed {outcome['seed']}: {'FAILED' if outcome['wrong'] else 'well'}  {outcome['what']}"]
    lines += [f"  {line}" for line in outcome["wrong"]]
    if outcome["wrong"]:
        lines.append(f"  again: {outcome['again']}")
    return "\n".join(lines)


def _repeated(options: argparse.Namespace) -> list[str]:
    repeated = ["--seed", str(options.seed)]
    for fault in options.fault or ():
        repeated += ["--fault", f"'{fault}'"]
    for name in ("store", "broken"):
        if getattr(options, name):
            repeated += [f"--{name}", getattr(options, name)]
    return repeated


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    parser.add_argument("--fault", action="append", choices=list(CATALOGUE), help="these instead of the seed's own")
    parser.add_argument("--store", choices=["sqlite", "influx"], help="with this store")
    parser.add_argument("--broken", choices=list(WAYS), help="an ingest broken on purpose")
    parser.add_argument("--keep", type=Path, help="keep the files of failed runs in this folder")
    parser.add_argument("--json", action="store_true", help="of one seed: the outcome as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
