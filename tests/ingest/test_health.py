"""Health and metrics: what is red, what is yellow, and that both are served whatever the loop is at."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from typing import Any

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from ingest.health import Snapshot, causes, status_of
from ingest.journal import Ledger
from ingest.liveness import Attendance
from ingest.serving import OFF, Board, serving
from tests.servers.processes import HOST

WELL = Snapshot(
    made_s=0.0,
    ledger=Ledger(100, 80, 5, 15, 200, 190, 10, 3),
    pending_bytes=1_500,
    cap_bytes=1 << 30,
    journal_failure=None,
    journal_full=None,
    connected=True,
    connections=3,
    receiving_failure=None,
    silent=False,
    taken=False,
    message_age_s=1.5,
    heartbeat_age_s=None,
    store_failure=None,
    settled_per_s=12.5,
    backlog_left_s=None,
    backlog=False,
    gaps=2,
    gaps_of_late=0,
    attendance={"air": Attendance(10, 0)},
)


@pytest.mark.parametrize(
    ("change", "age_s", "status", "said"),
    [
        ({}, 10.0, "green", ""),
        ({}, 10.1, "red", "loop does not run"),
        ({"connected": False}, 0.0, "yellow", "not connected yet"),
        ({"connected": False, "receiving_failure": "refused"}, 0.0, "red", "refused"),
        ({"receiving_failure": "ACL", "silent": True}, 0.0, "red", "ACL"),
        ({"journal_full": "the cap"}, 0.0, "red", "the cap"),
        ({"journal_failure": "disk I/O"}, 0.0, "red", "disk I/O"),
        ({"store_failure": "no such host"}, 0.0, "red", "no such host"),
        ({"backlog": True}, 0.0, "yellow", "15 messages wait"),
        ({"gaps_of_late": 2}, 0.0, "yellow", "2 gaps"),
        ({"attendance": {"air": Attendance(10, 1)}}, 0.0, "yellow", "1 of 10 air stations"),
        ({"attendance": {"air": Attendance(10, 10)}}, 0.0, "red", "no air station sends"),
    ],
)
def test_what_is_red_and_what_is_yellow(change: dict[str, Any], age_s: float, status: str, said: str) -> None:
    found = causes(replace(WELL, **change), age_s)
    assert status_of(found) == status
    assert [said in cause.what for cause in found] == [True] * (status != "green")


def test_the_worst_comes_first() -> None:
    found = causes(replace(WELL, gaps_of_late=1, store_failure="down"), 0.0)
    assert [cause.status for cause in found] == ["red", "yellow"]


@contextmanager
def served(board: Board) -> Iterator[int]:
    with structlog.testing.capture_logs() as logs, serving(board, HOST, 0):
        yield int(logs[0]["url"].rpartition(":")[2].partition("/")[0])


def get(port: int, path: str) -> tuple[int, bytes]:
    connection = HTTPConnection(HOST, port, timeout=30)
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read()


def test_health_is_json_and_its_status_is_http_s() -> None:
    board = Board("/data/journal")
    with served(board) as port:
        status, body = get(port, "/health")
        assert (status, json.loads(body)["causes"][0]["what"]) == (503, "ingest is starting")
        board.show(replace(WELL, made_s=time.monotonic()))
        status, body = get(port, "/health")
        health = json.loads(body)
        assert (status, health["status"], health["causes"]) == (200, "green", [])
        assert (health["journal"], health["pending_messages"]) == ("/data/journal", 15)
        board.show(replace(WELL, made_s=time.monotonic(), gaps_of_late=1))
        status, body = get(port, "/health")
        assert (status, json.loads(body)["status"]) == (200, "yellow")
        board.show(replace(WELL, made_s=time.monotonic() - 11))
        status, body = get(port, "/health")
        assert (status, json.loads(body)["status"]) == (503, "red")
        assert get(port, "/")[0] == 404


def test_metrics_are_what_prometheus_reads() -> None:
    board = Board("/data/journal")
    with served(board) as port:
        assert get(port, "/metrics")[0] == 200, "before the first snapshot: of the process only"
        board.show(replace(WELL, made_s=time.monotonic(), store_failure="down"))
        status, body = get(port, "/metrics")
    assert status == 200
    families = {family.name: family for family in text_string_to_metric_families(body.decode())}
    found = {
        (sample.name.removeprefix("cityflux_ingest_"), *sample.labels.values()): sample.value
        for family in families.values()
        for sample in family.samples
    }
    expected = {
        ("messages_journalled_total",): 100,
        ("messages_written_total",): 80,
        ("messages_refused_total",): 5,
        ("readings_decoded_total",): 200,
        ("readings_written_total",): 190,
        ("readings_refused_total",): 10,
        ("quantities_refused_total",): 3,
        ("pending_messages",): 15,
        ("pending_bytes",): 1_500,
        ("journal_cap_bytes",): 1 << 30,
        ("journal_full",): 0,
        ("journal_up",): 1,
        ("connected",): 1,
        ("silent",): 0,
        ("session_taken",): 0,
        ("last_message_age_seconds",): 1.5,
        ("store_up",): 0,
        ("settled_messages_per_second",): 12.5,
        ("reconnects_total",): 2,
        ("sessions_lost_total",): 2,
        ("stations_expected", "air"): 10,
        ("stations_overdue", "air"): 0,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert ("last_heartbeat_age_seconds",) not in found, "none has come: there is no age to give"
    assert found["process_resident_memory_bytes",] > 0
    assert all(family.documentation for family in families.values())


def test_it_answers_while_the_main_thread_is_busy() -> None:
    board = Board("/data/journal")
    board.show(replace(WELL, made_s=time.monotonic()))
    with served(board) as port:
        answers: list[int] = []
        asking = threading.Thread(target=lambda: answers.append(get(port, "/health")[0]))
        asking.start()
        deadline = time.monotonic() + 30
        while not answers and time.monotonic() < deadline:
            pass  # as busy as a loop can be: it never waits
        asking.join()
        assert answers == [200]


def test_a_port_that_is_taken_is_said_and_gone_without() -> None:
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        with structlog.testing.capture_logs() as logs, serving(Board(""), HOST, port):
            assert [entry["log_level"] for entry in logs] == ["error"]
            assert "CITYFLUX_INGEST_HTTP_PORT" in logs[0]["event"]
            assert str(port) in logs[0]["address"]


def test_off_is_off() -> None:
    with structlog.testing.capture_logs() as logs, serving(Board(""), HOST, OFF):
        assert logs == []
