"""A real Mosquitto on a port of its own, to be stopped, killed and started again by tests."""

import shutil
import signal
import subprocess
from collections.abc import Mapping
from getpass import getuser
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from cityflux.broker import find_mosquitto
from tests.servers import free_port, missing
from tests.servers.processes import HOST, until_listening

WAIT_S = 30.0


class Tls(NamedTuple):
    """The files of a broker's TLS listener."""

    ca_file: Path
    cert_file: Path
    key_file: Path
    require_certificate: bool = False


class Mosquitto:
    """Mosquitto in `folder`, anonymous unless there are `users` (name to password), with further lines of `settings`.

    Sessions and their messages survive `stop` and `restart`. They survive `kill` only with `autosave_on_changes`, which
    saves everything after each `autosave_interval` changes (without it: seconds), and is slow.
    """

    def __init__(
        self,
        folder: Path,
        *settings: str,
        port: int | None = None,
        autosave_on_changes: bool = False,
        autosave_interval: int = 1800,
        users: Mapping[str, str] | None = None,
        tls: Tls | None = None,
    ) -> None:
        self.host = HOST
        self.port = port or free_port()
        self._log = folder / "mosquitto.log"
        self._config = folder / "mosquitto.conf"
        self._process: subprocess.Popen[bytes] | None = None
        lines = [
            f"listener {self.port} {HOST}",
            f"allow_anonymous {'false' if users else 'true'}",
            "max_queued_messages 0",
            "set_tcp_nodelay true",
            "persistence true",
            f"persistence_location {folder}/",
            f"autosave_on_changes {'true' if autosave_on_changes else 'false'}",
            f"autosave_interval {autosave_interval}",
            f"user {getuser()}",
            "log_dest stderr",
        ]
        if users:
            lines.append(f"password_file {_password_file(folder, users)}")
        if tls is not None:
            lines += [f"cafile {tls.ca_file}", f"certfile {tls.cert_file}", f"keyfile {tls.key_file}"]
            lines.append(f"require_certificate {'true' if tls.require_certificate else 'false'}")
        self._config.write_text("\n".join([*lines, *settings]) + "\n")

    def __enter__(self) -> Self:
        self.restart()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def restart(self) -> None:
        """Start, or start again, on the same port and with the same folder; returns when it accepts connections."""
        self.stop()
        binary = find_mosquitto()
        if binary is None:
            missing("mosquitto", "apt-get install mosquitto")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([binary, "-c", self._config], stderr=log)
        until_listening(self._process, self.port, self._log)

    def stop(self) -> None:
        """SIGTERM, at which it saves everything, and wait. Does nothing where it does not run."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(WAIT_S)
            self._process = None

    def reload(self) -> None:
        """SIGHUP: read passwords and access lists again."""
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def forget(self) -> None:
        """Restart without what was persistent: sessions and what waited in them are gone."""
        self.stop()
        (self._config.parent / "mosquitto.db").unlink(missing_ok=True)
        self.restart()

    def kill(self) -> None:
        """SIGKILL, and wait."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(WAIT_S)
            self._process = None


def _password_file(folder: Path, users: Mapping[str, str]) -> Path:
    program = shutil.which("mosquitto_passwd")
    if program is None:
        missing("mosquitto_passwd", "apt-get install mosquitto")
    path = folder / "passwords"
    path.touch(mode=0o600)
    for name, password in users.items():
        subprocess.run([program, "-b", path, name, password], check=True)
    return path
