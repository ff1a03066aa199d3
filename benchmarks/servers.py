"""The servers of a benchmark, each a child process with a throw-away folder, and waiting for what they do."""

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from getpass import getuser
from pathlib import Path

from cityflux.broker import find_mosquitto
from cityflux.ports import free_port

_WITHIN_S = 300.0
# What cityflux has open at once (ingest/transport.py). An MQTT 3.1.1 client cannot say; Mosquitto's 20 would throttle it.
_IN_FLIGHT = 20_000


class Broker:
    """A running Mosquitto: its port, and when it accepted a client."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self._log = log

    def accepted(self, client_id: str) -> int:
        """How often it has accepted `client_id` so far."""
        return len(re.findall(rf" as {re.escape(client_id)} \(".encode(), self._log.read_bytes()))


@contextmanager
def mosquitto(folder: Path) -> Iterator[Broker]:
    """A real Mosquitto that holds any backlog in memory."""
    binary = find_mosquitto()
    if binary is None:
        sys.exit("mosquitto is not installed: apt-get install mosquitto")
    port, config, log = free_port(), folder / "mosquitto.conf", folder / "mosquitto.log"
    lines = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        f"user {getuser()}",
        "set_tcp_nodelay true",
        "max_queued_messages 0",
        f"max_inflight_messages {_IN_FLIGHT}",
        # Saving a backlog stops the broker for seconds, whoever is being measured at that moment.
        "persistence false",
        "log_dest stderr",
        "log_type notice",
    ]
    config.write_text("\n".join(lines) + "\n")
    with server([str(binary), "-c", str(config)], port, log):
        yield Broker(port, log)


@contextmanager
def victoria_metrics(folder: Path) -> Iterator[str]:
    """A sink for line protocol; its URL."""
    port = free_port()
    with server(victoria_command(folder, port), port):
        yield f"http://127.0.0.1:{port}"


def victoria_command(folder: Path, port: int) -> list[str]:
    """The command that starts VictoriaMetrics on `port`; what it holds is in `folder`."""
    binary = shutil.which("victoria-metrics")
    if binary is None:
        sys.exit("victoria-metrics is not installed: apt-get install victoria-metrics")
    where = [f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder / 'metrics'}", "-retentionPeriod=100y"]
    return [binary, *where]


@contextmanager
def server(command: list[str], port: int, log: Path | None = None) -> Iterator[None]:
    """A server, up when its port answers; killed at the end, since nobody needs what it holds."""
    process = start(command, log)
    try:
        until(command[0], lambda: answers(port), process, log)
        yield
    finally:
        process.kill()
        process.wait()


def start(command: list[str], log: Path | None, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """A child process that says to `log` what it says."""
    if log is None:
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with log.open("wb") as said:
        return subprocess.Popen(command, env=environment, stdout=said, stderr=said)


def answers(port: int) -> bool:
    """Whether something listens."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def until(
    what: str,
    found: Callable[[], bool],
    process: subprocess.Popen[bytes],
    log: Path | None,
    *,
    every_s: float = 0.05,
    within_s: float = _WITHIN_S,
) -> None:
    """Look until `found()`; give up with the log where the process ends or it takes too long."""
    deadline = time.monotonic() + within_s
    while not found():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"waited in vain for {what}\n{log.read_text('utf-8', 'replace') if log else ''}")
        time.sleep(every_s)
