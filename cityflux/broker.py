"""The embedded broker, for one machine and no accounts: Mosquitto where it is installed, else amqtt.

Mosquitto speaks MQTT 5 and keeps sessions and what waits in them over a restart. amqtt speaks MQTT 3.1.1, holds everything
in memory and forgets unacknowledged QoS 1 messages at a disconnect: it is for trying out.
"""

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import NoReturn


def find_mosquitto() -> Path | None:
    """The Mosquitto of this machine: on PATH, or where distributions put servers."""
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which("mosquitto", path=places)
    return None if found is None else Path(found)


def mosquitto_config(host: str, port: int, folder: Path) -> str:
    """Mosquitto's configuration: anonymous clients on one listener, everything persistent in `folder`."""
    lines = [
        f"listener {port} {host}",
        "allow_anonymous true",
        "set_tcp_nodelay true",
        # No bound of the broker's: what ingest has not taken yet waits, however much it is.
        "max_queued_messages 0",
        # Chosen: what a publisher, or a subscriber on MQTT 3.1.1, has open at once; Mosquitto's 20 makes them wait.
        "max_inflight_messages 1000",
        "persistence true",
        f"persistence_location {folder}{os.sep}",
        # Chosen [s]: what a power cut may cost; at a stop everything is saved.
        "autosave_interval 30",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
    ]
    if os.getuid() == 0:
        lines.append("user root")  # otherwise it becomes the user mosquitto, who may not write the folder
    return "\n".join(lines) + "\n"


async def serve(host: str, port: int, folder: Path) -> None:
    """Be the broker until SIGTERM or SIGINT. With Mosquitto this process becomes it, so that there is no child to lose."""
    mosquitto = find_mosquitto()
    if mosquitto is None:
        await serve_amqtt(host, port)
        return
    _become(mosquitto, host, port, folder)


def _become(mosquitto: Path, host: str, port: int, folder: Path) -> NoReturn:
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "mosquitto.conf"
    config.write_text(mosquitto_config(host, port, folder.resolve()), "utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(mosquitto, [str(mosquitto), "-c", str(config)])  # noqa: S606 - no shell is exactly what is meant


async def serve_amqtt(host: str, port: int) -> None:
    """amqtt on `host`:`port`, MQTT 3.1.1, anonymous, until SIGTERM or SIGINT."""
    # Slow to load, and only needed where there is no Mosquitto.
    from amqtt.broker import Broker
    from amqtt.contexts import BrokerConfig, ListenerConfig

    config = BrokerConfig(
        listeners={"default": ListenerConfig(bind=f"{host}:{port}")},
        plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    )
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    broker = Broker(config)
    await broker.start()
    try:
        await stopped.wait()
    finally:
        await broker.shutdown()
