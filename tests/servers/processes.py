"""Waiting for a server that was started as a child process."""

import socket
import subprocess
import time
from pathlib import Path

import pytest

HOST = "127.0.0.1"
WITHIN_S = 30.0
_LOOK_EVERY_S = 0.02


def until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return when `port` of 127.0.0.1 accepts connections; where the server ends or takes too long, fail with its log."""
    deadline = time.monotonic() + WITHIN_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, port), WITHIN_S).close()
        except ConnectionRefusedError:
            time.sleep(_LOOK_EVERY_S)
        else:
            return
    process.kill()
    pytest.fail(f"the server does not listen on {port}:\n{log.read_text('utf-8', 'replace')}", pytrace=False)
