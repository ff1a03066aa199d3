"""`cityflux setup influx` and `cityflux project` where they cannot: one line that says what to do, and no secret in it."""

from pathlib import Path

import pytest

from tests.programs import Asked

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path / "data")


@pytest.mark.parametrize("command", ["project", "process"])
def test_a_projection_needs_influxdb(asked: Asked, command: str) -> None:
    said = asked(command, expect=2, CITYFLUX_INFLUX_PROJECTION="true")
    assert "set store = influx" in said


def test_a_projection_needs_a_token(asked: Asked) -> None:
    said = asked("project", expect=2, CITYFLUX_STORE="influx")
    assert "CITYFLUX_INFLUX_TOKEN_FILE" in said


def test_a_server_that_is_not_there_is_said(asked: Asked, tmp_path: Path) -> None:
    said = asked("setup", "influx", expect=1, CITYFLUX_INFLUX_URL=NOWHERE)
    assert NOWHERE in said
    assert not (tmp_path / "data" / "secrets").exists()
    (tmp_path / "token").write_text("a-secret")
    settings = {"CITYFLUX_STORE": "influx", "CITYFLUX_INFLUX_TOKEN_FILE": str(tmp_path / "token")}
    said = asked("project", expect=1, CITYFLUX_INFLUX_URL=NOWHERE, **settings)
    assert NOWHERE in said
    assert "a-secret" not in said
