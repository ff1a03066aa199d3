"""`cityflux alerts test, deliveries, silence, silences, unsilence, handover`, on real books and a real receiver."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cityflux.composition import now_ms
from cityflux.main import app
from sensors.instants import HOUR_MS, iso, to_datetime
from store.books import Books
from store.notice_tries import Tries
from store.notices import NoticeDraft, Outbox, Plan
from tests.processors.alerts.notify.told import draft, write
from tests.processors.world import ZONE
from tests.servers.receivers import HttpReceiver

TOKEN = "sesame-4711-open"


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as running:
        yield running


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver) -> Iterator[Books]:
    file = tmp_path / "notify.toml"
    url = f"json://127.0.0.1:{receiver.port}/${{HOOK_TOKEN}}"
    file.write_text(
        f'[[channel]]\nname = "hook"\nurl = "{url}"\n[[role]]\nnames = ["duty"]\nstep = [{{ tell = ["hook"] }}]\n',
        "utf-8",
    )
    for name, value in {
        "CITYFLUX_DATA_DIR": str(tmp_path), "CITYFLUX_NOTIFY": str(file), "HOOK_TOKEN": TOKEN, "USER": "wang",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SUDO_USER", raising=False)
    with closing(Books(f"sqlite:///{tmp_path / 'books.sqlite'}")) as made:
        made.prepare()
        yield made


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["alerts", *words])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def rows(*words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(*words, "--format", "json"))
    return found


def audit(tmp_path: Path) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(tmp_path / "books.sqlite")) as db:
        return db.execute("SELECT who, what, subject FROM audit ORDER BY id").fetchall()


def in_hours(hours: int) -> str:
    return (to_datetime(now_ms(), ZONE) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.usefixtures("books")
def test_a_test_message_says_what_came_back(receiver: HttpReceiver, tmp_path: Path) -> None:
    said = run("test", "hook")
    assert f"was taken by json://127.0.0.1:{receiver.port}" in said
    (request,) = receiver.taken
    assert request.body["title"] == "【测试】cityflux 通知通道 hook"
    receiver.script.append("fail")
    failed = run("test", "hook", code=1)
    assert "it was not taken" in failed
    assert "HTTP 500" in failed
    assert TOKEN not in said + failed
    assert audit(tmp_path) == [("wang", "channel tested", "channel/hook")] * 2


@pytest.mark.usefixtures("books")
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("test", "mail"), 2, "'mail' is no channel; there are hook"),
        (("silence", "--rule", "haze", "--until", "2030-01-01", "--why", "x"), 2, "'haze' is no rule; there are air_aqi_station"),
        (("silence", "--until", "2030-01-01", "--why", "x"), 2, "one of everything would hide all"),
        (("silence", "--subject", "hx-01", "--until", "2020-01-01", "--why", "x"), 2, "a silence ends after it begins"),
        (("silence", "--subject", "hx-01", "--until", "soon", "--why", "x"), 2, "'soon' is not a time"),
        (("silence", "--subject", "hx-01", "--until", "2030-01-01", "--why", " "), 2, "--why is empty"),
        (("unsilence", "7", "--why", "x"), 1, "no silence 7 holds"),
        (("unsilence", "99999999999999999999", "--why", "x"), 2, "Invalid value for"),
        (("deliveries", "--incident", "99999999999999999999"), 2, "Invalid value for"),
        (("handover", "--note", " "), 2, "--note is empty"),
    ],
)  # fmt: skip
def test_wrong_use_is_named(words: tuple[str, ...], code: int, said: str) -> None:
    assert said in run(*words, code=code)


def test_a_secret_that_is_not_there_is_one_line(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK_TOKEN")
    assert "channel 'hook': ${HOOK_TOKEN} is not in the environment" in run("test", "hook", code=2)


def test_silences_are_entered_listed_and_ended_with_who_and_why(books: Books, tmp_path: Path) -> None:
    write(books, "opened", draft(now_ms() - HOUR_MS), now=now_ms())
    until = in_hours(2)
    run("silence", "--rule", "air_aqi_station", "--subject", "hx-01", "--until", until, "--why", "road works")
    (one,) = rows("silences")
    assert (one["rule"], one["subject"], one["state"], one["who"], one["why"]) == (
        "air_aqi_station", "hx-01", "holds", "wang", "road works",
    )  # fmt: skip
    assert one["until"].startswith(until)
    (listed,) = rows("list")
    assert listed["silenced_until"] == one["until"]
    run("unsilence", "1", "--why", "done")
    assert rows("silences")[0]["state"] == "ended by wang"
    assert rows("list")[0]["silenced_until"] is None
    assert [line[1] for line in audit(tmp_path)] == ["alerts silenced", "silence ended"]


def test_a_shift_leaves_a_note_and_the_next_one_sees_it_with_what_holds(books: Books, tmp_path: Path) -> None:
    first = write(books, "opened", draft(now_ms() - HOUR_MS), now=now_ms())
    assert "shift note 1; incidents that hold: 1" in run("handover", "--note", "hx-01 in calibration")
    second = write(books, "opened", draft(now_ms() - HOUR_MS), now=now_ms(), subject="hx-02")
    said = run("handover")
    assert "wang: hx-01 in calibration (incidents then: 1)" in said
    assert sorted(row["id"] for row in rows("handover")) == [first, second]
    assert audit(tmp_path)[0] == ("wang", "shift handed over", "shift-note/1")


def test_deliveries_say_who_was_told_by_what_and_what_became_of_it(books: Books) -> None:
    number, now, tries = write(books, "opened", draft(now_ms() - HOUR_MS), now=now_ms()), now_ms(), Tries(books)
    told = [
        NoticeDraft("line 1", channel, "Li", number, "opened", "notice", "title", "body", {})
        for channel in ("hook", "sms")
    ]
    Outbox(books).begin(0)
    Outbox(books).save(Plan(1, told), knowing=0, now=now)
    hook = tries.take(tries.waiting("hook", 10)[0].id, "me", now, now + 10_000)
    assert hook is not None
    tries.sent(hook, "me", now)
    sms = tries.take(tries.waiting("sms", 10)[0].id, "me", now, now + 10_000)
    assert sms is not None
    tries.failed(sms, "me", error="HTTP 500", due_at=now + 60_000)
    found = {row["channel"]: row for row in rows("deliveries", "--incident", str(number))}
    assert (found["hook"]["state"], found["hook"]["tries"], found["hook"]["done"]) == ("sent", 1, iso(now, ZONE))
    assert (found["sms"]["state"], found["sms"]["error"]) == ("waiting", "HTTP 500")
    assert found["sms"]["next_try"] == iso(now + 60_000, ZONE)
    assert rows("deliveries", "--incident", "99") == []
