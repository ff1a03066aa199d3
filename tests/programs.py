"""The programs as a user runs them: `cityflux …` in child processes, with an environment of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tests.servers import missing

ROOT = Path(__file__).resolve().parent.parent


def clean_environment() -> dict[str, str]:
    """This process's environment without any setting of cityflux, but that what is watched listens on a port of its own."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("CITYFLUX_")}
    return ours | {"CITYFLUX_INGEST_HTTP_PORT": "0", "CITYFLUX_HJ212_HTTP_PORT": "0"}


def cityflux(*arguments: str, environment: Mapping[str, str], expect: int = 0, cwd: Path | None = None) -> str:
    """Run a command to its end; its stdout. Fails the test where the exit code is not `expect`."""
    ended = subprocess.run(
        [sys.executable, "-m", "cityflux", *arguments],
        env={**clean_environment(), **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == expect, (
        f"cityflux {' '.join(arguments)}: exit {ended.returncode}\n{ended.stdout}{ended.stderr}"
    )
    return ended.stdout + (ended.stderr if expect else "")


class Asked:
    """Commands on a data folder that is there, and what they answer."""

    def __init__(self, folder: Path) -> None:
        self._environment = {"CITYFLUX_DATA_DIR": str(folder)}

    def __call__(self, *arguments: str, expect: int = 0, **settings: str) -> str:
        return cityflux(*arguments, environment={**self._environment, **settings}, expect=expect)

    def json(self, *arguments: str) -> Any:
        """The same as data."""
        return json.loads(self(*arguments, "--format", "json"))


class Program:
    """A program in the foreground of its own process. Its log is a file, shown where a wait fails."""

    def __init__(self, *arguments: str, environment: Mapping[str, str], log: Path) -> None:
        self._arguments = arguments
        self._environment = {**clean_environment(), **environment}
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def start(self) -> None:
        """Start it (again)."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cityflux", *self._arguments], env=self._environment, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, within_s: float = 60) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def log(self) -> str:
        """What it has said so far."""
        return self._log.read_text("utf-8", "replace") if self._log.exists() else ""


def wait_for(what: str, found: Callable[[], Any], *programs: Program, within_s: float = 120) -> Any:
    """Wait until `found()` is true, and give it; fails with the logs where it is not in time or a program has ended."""
    deadline = time.monotonic() + within_s
    while not (answer := found()):
        ended = [p for p in programs if p.process is not None and p.process.poll() is not None]
        if ended or time.monotonic() > deadline:
            logs = "\n".join(p.log()[-4000:] for p in programs)
            pytest.fail(f"waited in vain for {what}{'; a program ended' if ended else ''}\n{logs}", pytrace=False)
        time.sleep(0.1)
    return answer


def ledger(environment: Mapping[str, str]) -> dict[str, Any]:
    """`cityflux ledger --format json`."""
    answer: dict[str, Any] = json.loads(cityflux("ledger", "--format", "json", environment=environment))
    return answer


def real_air_data() -> Path:
    """The real station hours; skips, or fails where they are required, if they are not there."""
    return real_data("air/chongqing_stations_hourly_*.csv.gz")


def real_data(pattern: str) -> Path:
    """A file of the real data; skips, or fails where they are required, if it is not there."""
    place = os.environ.get("CITYFLUX_REAL_DATA", str(ROOT.parent / "shared" / "data"))
    if place == "none":
        pytest.skip("CITYFLUX_REAL_DATA=none: real data are left out on purpose")
    found = sorted(Path(place).glob(pattern))
    if not found:
        missing(f"the real data {pattern}", f"put it under {place}, or set CITYFLUX_REAL_DATA")
    return found[0]
