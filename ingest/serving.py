"""A program's own HTTP, on loopback: GET /health (JSON; 503 where red) and GET /metrics (Prometheus).

It answers from daemon threads, out of an immutable snapshot that the event loop replaces each second: it costs the loop
nothing, and answers also when the loop hangs, saying so.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

import structlog

from ingest.health import Cause, Snapshot, causes, status_of
from ingest.metrics import CONTENT_TYPE, Metrics

log = structlog.get_logger()

OFF = -1
"""The port that means: no HTTP."""

# Chosen: a request from this machine is one packet; who dawdles is cut off.
_REQUEST_WITHIN_S = 5.0


class Answers(Protocol):
    """What is asked over HTTP, from any thread."""

    def health(self) -> dict[str, Any]:
        """The body of /health; its `status` is green, yellow or red."""
        ...

    def metrics(self) -> bytes:
        """The body of /metrics."""
        ...


class Board:
    """Ingest's answers: where the loop shows its snapshot and HTTP reads it. `place` is the journal's folder: whose health this
    is."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._snapshot: Snapshot | None = None
        self._metrics = Metrics(self._look)

    def show(self, snapshot: Snapshot) -> None:
        """From now on this is what is known."""
        self._snapshot = snapshot

    def health(self) -> dict[str, Any]:
        """The body of /health."""
        looked = self._look()
        if looked is None:
            return {
                "status": "red",
                "causes": [{"status": "red", "what": "ingest is starting"}],
                "journal": self._place,
            }
        now, age_s = looked
        found: list[Cause] = causes(now, age_s)
        return {
            "status": status_of(found),
            "causes": [cause._asdict() for cause in found],
            "journal": self._place,
            "age_s": round(age_s, 1),
            "connected": now.connected,
            "pending_messages": now.ledger.pending,
            "pending_bytes": now.pending_bytes,
            "settled_per_s": round(now.settled_per_s, 1),
            "backlog_left_s": now.backlog_left_s and round(now.backlog_left_s),
            "last_message_age_s": now.message_age_s and round(now.message_age_s, 1),
            "last_heartbeat_age_s": now.heartbeat_age_s and round(now.heartbeat_age_s, 1),
            "gaps_24_h": now.gaps_of_late,
            "stations": {family: attendance._asdict() for family, attendance in now.attendance.items()},
        }

    def metrics(self) -> bytes:
        """The body of /metrics."""
        return self._metrics.text()

    def _look(self) -> tuple[Snapshot, float] | None:
        now = self._snapshot
        return None if now is None else (now, time.monotonic() - now.made_s)


@contextmanager
def serving(board: Answers, host: str, port: int, setting: str = "CITYFLUX_INGEST_HTTP_PORT") -> Iterator[None]:
    """Serve during the block; `port` 0 is any free one, OFF none; `setting` is where it comes from. A port that is taken is said
    and gone without: taking in data does not depend on being watched."""
    if port == OFF:
        yield
        return
    try:
        server = ThreadingHTTPServer((host, port), _handler(board))
    except OSError as error:
        log.error(
            f"no health and no metrics: cannot listen; set {setting} to another port, 0 (any) or -1 (none)",
            address=f"{host}:{port}",
            why=str(error),
        )
        yield
        return
    with server:
        threading.Thread(target=server.serve_forever, name="health and metrics", daemon=True).start()
        log.info("health and metrics", url=f"http://{host}:{server.server_port}/health")
        try:
            yield
        finally:
            server.shutdown()


def _handler(board: Answers) -> type[BaseHTTPRequestHandler]:
    def health() -> tuple[HTTPStatus, str, bytes]:
        body = board.health()
        status = HTTPStatus.SERVICE_UNAVAILABLE if body["status"] == "red" else HTTPStatus.OK
        return status, "application/json", json.dumps(body, ensure_ascii=False, indent=2).encode() + b"\n"

    answers: dict[str, Callable[[], tuple[HTTPStatus, str, bytes]]] = {
        "/health": health,
        "/metrics": lambda: (HTTPStatus.OK, CONTENT_TYPE, board.metrics()),
    }

    class Handler(BaseHTTPRequestHandler):
        """Answers GET of the two paths."""

        timeout = _REQUEST_WITHIN_S

        def do_GET(self) -> None:
            answer = answers.get(self.path.partition("?")[0])
            if answer is None:
                self.send_error(HTTPStatus.NOT_FOUND, explain="there are /health and /metrics")
                return
            status, content_type, body = answer()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Nothing: a scrape every few seconds is no news."""

    return Handler
