"""A few seeds of the laboratory, which together strike most faults; and the judge must fail what is broken on purpose."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.catalogue import CATALOGUE
from tests.faults.lab import FAKETIME, scratch_environment
from tests.servers import missing

RUNS: dict[str, tuple[str, ...]] = {
    "killed at every step, SQLite": (
        "kill -9 at: journalled", "kill -9 at: acknowledged", "kill -9 at: stored", "kill -9 at: booked",
        "kill -9 at: settled", "SIGTERM of ingest",
    ),
    "killed at every step, InfluxDB": (
        "kill -9 at: journalled", "kill -9 at: judged", "kill -9 at: kept", "kill -9 at: stored", "kill -9 of InfluxDB",
    ),
    "InfluxDB answers": ("InfluxDB: 500", "InfluxDB: 413", "InfluxDB: 401", "InfluxDB: 503", "InfluxDB: 400 of a proxy"),
    "network": (
        "network cut", "reset inside a packet", "half-open connection", "acknowledgements late", "broker restarted",
        "kill -9 of the broker",
    ),
    "disk and clock": ("clock jumps", "readings locked for 3 s", "journal's disk full", "journal's disk read-only"),
    "the watch": ("kill -9 of the watch", "second watch", "kill -9 of ingest and watch", "SIGTERM of the watch"),
    "two ingests": ("second ingest, same folder", "second ingest, same client id"),
}  # fmt: skip
STORES = {"killed at every step, InfluxDB": "influx", "InfluxDB answers": "influx"}


def laboratory(seed: int, *options: str) -> dict[str, Any]:
    """The outcome of one run, in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--seed", str(seed), "--json", *options],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env=scratch_environment(),
        cwd=Path(__file__).parent.parent.parent,
    )
    assert ended.stdout, ended.stderr
    outcome: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return outcome


@pytest.mark.parametrize("name", RUNS)
def test_nothing_is_lost_and_nothing_doubled(name: str) -> None:
    if os.getuid() and any(CATALOGUE[fault].needs == "small_disk" for fault in RUNS[name]):
        missing("root", "a file system of the journal's own must be mounted")
    if not FAKETIME.exists() and any(CATALOGUE[fault].needs == "own_clock" for fault in RUNS[name]):
        missing("libfaketime", "apt-get install faketime")
    faults = [option for fault in RUNS[name] for option in ("--fault", fault)]
    outcome = laboratory(1, *faults, "--store", STORES.get(name, "sqlite"))
    assert not outcome["wrong"], "\n".join([*outcome["wrong"], outcome["again"]])
    assert set(outcome["struck"]) == set(RUNS[name])
    sums = outcome["sums"]
    assert sums["accepted"] > 100
    assert sums["dead_letters"] > 0
    assert sums["readings"] > sums["accepted"] / 2
    assert sums["incidents"] > 0


@pytest.mark.parametrize(
    ("way", "store", "says"),
    [
        ("acknowledge-before-the-journal", "sqlite", "accepted and never journalled"),
        ("settle-before-the-store", "sqlite", "lost"),
        ("ignore-a-422", "influx", "dead letters"),
    ],
)
def test_the_judge_catches_an_ingest_broken_on_purpose(way: str, store: str, says: str) -> None:
    kills = ["--fault", "kill -9 of ingest"] * 8
    outcome = laboratory(2, "--broken", way, "--store", store, *kills)
    assert any(says in line for line in outcome["wrong"]), outcome
