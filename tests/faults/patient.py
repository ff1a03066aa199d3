"""A program under test (`cityflux ingest`, `watch`): a real process, killed and started again, watched for memory and ends."""

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from cityflux.console import TAKEN
from ingest.pauses import VARIABLE, Point
from tests.programs import clean_environment

_LOOK_EVERY_S = 0.02
_WITHIN_S = 60.0


class Patient:
    """With an environment of its own, its log in `folder`. `module` is what runs: cityflux, or an ingest broken on purpose."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        module: tuple[str, ...] = ("cityflux",),
        *,
        program: str = "ingest",
    ) -> None:
        self.command = [sys.executable, "-m", *module, program]
        self.environment = {**clean_environment(), **environment}
        self._log = folder / f"{program}.log"
        self._hit = folder / "paused"
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted = False
        self._started_at = 0
        self.may_end_with: set[int] = set()
        """Exit codes that a fault is expected to cause."""
        self.ended_with: list[int] = []
        self.peak_memory_kib = 0

    def start(self, *, pause: tuple[Point, int] | None = None) -> None:
        """Start it; to stop itself when it comes to the point for the Nth time."""
        environment = self.environment
        if pause is not None:
            self._hit.unlink(missing_ok=True)
            environment = {**environment, VARIABLE: f"{pause[0]}:{pause[1]}:{self._hit}"}
        self._started_at = len(self.log())
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self.command, env=environment, stdout=log, stderr=log)
        self._wanted = True

    def kill(self) -> None:
        """kill -9."""
        self._wanted = False
        self._look_at_memory()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        self._wanted = False
        self._look_at_memory()
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return await self.ended()

    async def ended(self) -> int:
        """Wait until it has ended by itself; the exit code."""
        self._wanted = False
        for _ in range(int(_WITHIN_S / _LOOK_EVERY_S)):
            assert self._process is not None
            if (code := self._process.poll()) is not None:
                return code
            await asyncio.sleep(_LOOK_EVERY_S)
        self.kill()
        raise AssertionError(f"{self.command[-1]} did not end within {_WITHIN_S:.0f} s\n{self.log()[-3000:]}")

    def is_receiving(self) -> bool:
        """Whether it has been connected since it was started."""
        return "receiving  " in self.log()[self._started_at :]

    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self._process is not None and self._process.poll() is not None

    async def paused(self, within_s: float) -> bool:
        """Whether it comes to the pause in time."""
        for _ in range(int(within_s / _LOOK_EVERY_S)):
            if self._hit.exists():
                return True
            await asyncio.sleep(_LOOK_EVERY_S)
        return False

    async def supervise(self) -> None:
        """What a supervisor does: start it again when it ends by itself, but not where it has lost its session. For ever."""
        while True:
            await asyncio.sleep(0.2)
            self._look_at_memory()
            code = None if self._process is None else self._process.poll()
            if self._wanted and code not in {None, TAKEN}:
                assert code is not None
                self.ended_with.append(code)
                self.start()

    def unexpected_ends(self) -> list[int]:
        """Exit codes of ends that no fault explains."""
        return [code for code in self.ended_with if code not in self.may_end_with]

    def log(self) -> str:
        """What it has said so far."""
        return self._log.read_text("utf-8", "replace") if self._log.exists() else ""

    def _look_at_memory(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text("ascii")
        except OSError:
            return
        if found := re.search(r"VmHWM:\s+(\d+) kB", status):
            self.peak_memory_kib = max(self.peak_memory_kib, int(found[1]))
