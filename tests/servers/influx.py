"""A real InfluxDB 2.x on a port of its own, with a throw-away folder, to be stopped, killed and started again by tests."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import urllib3

from tests.servers import free_port, missing
from tests.servers.processes import HOST, until_listening

WAIT_S = 30.0
_BUILT = Path("~/.cache/cityflux/bin/influxd").expanduser()


class Influx:
    """influxd at `url`, set up with an `org` and an operator `token` of its own, unless it is to be left as it comes. Data
    survive `stop`, `kill` and `restart`."""

    def __init__(self, *, set_up: bool = True) -> None:
        self._set_up = set_up
        self.org = "cityflux"
        self.token = f"test-{uuid.uuid4().hex}"
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self._binary = find_influxd()
        self._folder = Path(tempfile.mkdtemp(prefix="cityflux-influx-"))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.restart()
            if not self._set_up:
                return self
            once = {"username": "test", "password": uuid.uuid4().hex, "org": self.org, "bucket": "first"}
            self._org_id = self.api("POST", "/api/v2/setup", {**once, "token": self.token})["org"]["id"]
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def new_bucket(self, keep_s: int = 0, name: str = "") -> str:
        """The name of a fresh bucket that keeps points `keep_s` seconds (0: for ever); one of its own unless it is given."""
        name = name or f"bucket-{uuid.uuid4().hex}"
        rules = [{"type": "expire", "everySeconds": keep_s}] if keep_s else []
        self.api("POST", "/api/v2/buckets", {"orgID": self._org_id, "name": name, "retentionRules": rules})
        return name

    def settings(self, folder: Path) -> dict[str, str]:
        """The settings of cityflux for a fresh bucket; the token lies in `folder`."""
        token = folder / "token"
        token.write_text(self.token)
        return {
            "CITYFLUX_STORE": "influx",
            "CITYFLUX_INFLUX_URL": self.url,
            "CITYFLUX_INFLUX_ORG": self.org,
            "CITYFLUX_INFLUX_BUCKET": self.new_bucket(),
            "CITYFLUX_INFLUX_TOKEN_FILE": str(token),
        }

    def api(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """The server's answer to a request in JSON; a test that is refused fails."""
        headers = {"Authorization": f"Token {self.token}"}
        answer = urllib3.request(method, self.url + path, json=body, headers=headers, timeout=WAIT_S, retries=False)
        assert answer.status < 300, answer.data
        return json.loads(answer.data)

    def restart(self) -> None:
        """Start, or start again, on the same port and folder; returns when it accepts connections."""
        self.stop()
        log = self._folder / "influxd.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    self._binary,
                    f"--http-bind-address={HOST}:{self.port}",
                    f"--bolt-path={self._folder}/influxd.bolt",
                    f"--sqlite-path={self._folder}/influxd.sqlite",
                    f"--engine-path={self._folder}/engine",
                    "--reporting-disabled",
                ],
                stdout=output,
                stderr=output,
            )
        until_listening(self._process, self.port, log)

    def stop(self) -> None:
        """SIGINT, which is how it stops cleanly, and wait. Does nothing where it does not run."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL, and wait."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(WAIT_S)
            self._process = None


def find_influxd() -> str:
    """CITYFLUX_TEST_INFLUXD, else the one that tests/servers/influxd/build.sh makes, else a 2.x on PATH; else `missing`."""
    named = os.environ.get("CITYFLUX_TEST_INFLUXD")
    if named:
        return named if os.access(named, os.X_OK) else _missing(f"CITYFLUX_TEST_INFLUXD={named} cannot be run")
    if _BUILT.exists():
        return str(_BUILT)
    found = shutil.which("influxd")
    if found and " v2." in subprocess.run([found, "version"], capture_output=True, text=True, check=False).stdout:
        return found
    return _missing(f"{_BUILT} is not there, and PATH has " + (f"{found}, which is not 2.x" if found else "none"))


def _missing(why: str) -> NoReturn:
    missing("InfluxDB 2.x", f"{why}; run tests/servers/influxd/build.sh (needs Go), or set CITYFLUX_TEST_INFLUXD")
