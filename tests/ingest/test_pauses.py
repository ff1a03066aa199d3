"""Pause points: off by default, and on they stop the process where they say."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.pauses import VARIABLE, no_pause, pause_of


def test_off_unless_asked_for() -> None:
    assert pause_of({}) is no_pause


def test_an_unknown_point_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="journalled"):
        pause_of({VARIABLE: "nowhere:1:/tmp/x"})


def test_the_process_stops_when_it_comes_to_the_point_for_the_nth_time(tmp_path: Path) -> None:
    program = (
        "import os; from ingest.pauses import pause_of; pause = pause_of(os.environ)\n"
        "for n in range(9):\n    pause('stored'); pause('booked'); print(n, flush=True)"
    )
    environment = {**os.environ, VARIABLE: f"booked:3:{tmp_path / 'hit'}"}
    with subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert (tmp_path / "hit").exists()
        process.send_signal(signal.SIGCONT)
        said, _ = process.communicate(timeout=30)
    assert said.decode().split() == [str(n) for n in range(9)], "it goes on where it was, and stops once only"
