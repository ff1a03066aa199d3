"""The embedded amqtt (MQTT 3.1.1) as a child process on a port of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import free_port
from tests.servers.processes import HOST, until_listening

WAIT_S = 30.0


@contextmanager
def amqtt_broker(folder: Path) -> Iterator[int]:
    """The port of a running amqtt; its log is in `folder`."""
    port, log = free_port(), folder / "amqtt.log"
    program = f"import asyncio; from cityflux.broker import serve_amqtt; asyncio.run(serve_amqtt({HOST!r}, {port}))"
    with log.open("ab") as output:
        process = subprocess.Popen([sys.executable, "-c", program], stdout=output, stderr=output)
    try:
        until_listening(process, port, log)
        yield port
    finally:
        process.terminate()
        process.wait(WAIT_S)
