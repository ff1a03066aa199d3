"""The embedded broker: the process that `serve` runs in becomes Mosquitto, and keeps sessions over a restart."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cityflux.broker import find_mosquitto
from ingest.mqtt5 import open_connection
from ingest.transport import Broker, Session
from tests.servers import free_port, missing
from tests.servers.processes import HOST, until_listening

WAIT_S = 30.0


@contextmanager
def served(port: int, folder: Path) -> Iterator[None]:
    program = (
        "import asyncio; from pathlib import Path; from cityflux.broker import serve; "
        f"asyncio.run(serve({HOST!r}, {port}, Path({str(folder)!r})))"
    )
    log = folder.with_suffix(".log")
    with log.open("ab") as output:
        process = subprocess.Popen([sys.executable, "-c", program], stdout=output, stderr=output)
    try:
        until_listening(process, port, log)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0, log.read_text()


async def test_sessions_survive_a_restart_of_the_embedded_broker(tmp_path: Path) -> None:
    if find_mosquitto() is None:
        missing("mosquitto", "apt-get install mosquitto")
    port, folder = free_port(), tmp_path / "a folder"
    for present in (False, True):
        with served(port, folder):
            async with open_connection(Broker(HOST, port), Session("test", ("city/#",))) as connection:
                assert connection.session_present == present
