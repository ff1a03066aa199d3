"""What Apprise reaches, against real servers: what is taken, what is not although it seems so, and what is never shown."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from processors.alerts.notify.channels import Message, NotSentError
from processors.alerts.notify.channels.services import UID_HEADER, Service
from processors.alerts.notify.channels.waiting import retry_after
from processors.alerts.notify.hidden import address
from tests.servers.receivers import Behaviour, HttpReceiver, MailReceiver

TOKEN = "sesame-4711-open"
MESSAGE = Message("a1b2c3d4e5f60718", "opened", "warning", 17, "【警告】全市", "第一行\n通知编号 a1b2c3d4e5f60718", {})


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as server:
        yield server


def clock() -> int:
    """2026-03-05, 14:00 in Chongqing."""
    return 1_772_690_400_000


def webhook(receiver: HttpReceiver) -> Service:
    return Service(address(f"json://127.0.0.1:{receiver.port}/hook/${{TOKEN}}", {"TOKEN": TOKEN}), clock)


def test_a_webhook_has_text_and_uid(receiver: HttpReceiver) -> None:
    webhook(receiver).send(MESSAGE, 10)
    (request,) = receiver.taken
    assert (request.body["title"], request.body["message"]) == (MESSAGE.title, MESSAGE.body)
    assert request.headers[UID_HEADER] == MESSAGE.uid
    assert request.path.endswith(TOKEN)


@pytest.mark.parametrize(
    ("behaviour", "said", "after_s"),
    [
        ("fail", "HTTP 500", None),
        ("busy", "HTTP 429", 7.0),
        ("hang", "", None),
        ("cut", "", None),
        ("refuse politely", "errcode 310000: keywords not in content", None),
    ],
)
def test_what_was_not_taken_is_an_error_without_the_token(
    behaviour: Behaviour, said: str, after_s: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with HttpReceiver(behaviour, retry_after_s=7) as receiver:
        with pytest.raises(NotSentError) as raised:
            webhook(receiver).send(MESSAGE, 0.5)
        assert said in str(raised.value)
        assert f"json://127.0.0.1:{receiver.port}" in str(raised.value)
        assert raised.value.retry_after_s == after_s
        # The next one is judged by its own answer.
        webhook(receiver).send(MESSAGE, 10)
    ours = [record for record in caplog.records if record.name.partition(".")[0] in {"apprise", "urllib3"}]
    assert TOKEN not in f"{raised.value}{[record.getMessage() for record in ours]}"


def test_robots_that_refuse_with_200_have_not_taken_it(monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver) -> None:
    """Apprise itself takes any 200 of DingTalk for delivered."""
    from apprise.plugins.dingtalk import NotifyDingTalk

    service = Service(address("dingtalk://${TOKEN}", {"TOKEN": "a" * 40}), clock)
    assert service.shown == "dingtalk://***"
    monkeypatch.setattr(NotifyDingTalk, "notify_url", f"http://127.0.0.1:{receiver.port}/?access_token={{token}}")
    receiver.script.append("refuse politely")
    with pytest.raises(NotSentError, match="errcode 310000") as raised:
        service.send(MESSAGE, 10)
    assert "a" * 40 not in str(raised.value)
    service.send(MESSAGE, 10)
    assert MESSAGE.body in receiver.taken[0].body["text"]["content"]


class Gateway(HttpReceiver):
    """Answers 200 with a code of its own."""

    async def reply(self, request: web.Request, body: Any) -> web.StreamResponse:
        return web.json_response({"code": 1, "msg": "accepted"})


def test_a_code_of_a_gateway_says_nothing_and_that_of_feishu_whether_it_was_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from apprise.plugins.feishu import NotifyFeishu

    with Gateway() as gateway:
        webhook(gateway).send(MESSAGE, 10)
        monkeypatch.setattr(NotifyFeishu, "notify_url", f"http://127.0.0.1:{gateway.port}/{{token}}")
        with pytest.raises(NotSentError, match="it refuses: code 1: accepted"):
            Service(address("feishu://${TOKEN}", {"TOKEN": "a" * 36}), clock).send(MESSAGE, 10)


def test_a_mail_has_text_and_uid_and_one_that_is_refused_is_an_error() -> None:
    with MailReceiver("451 try later") as server:
        url = (
            f"mailto://127.0.0.1:{server.port}?from=cityflux@example.org&to=duty@example.org&mode=insecure&format=text"
        )
        mail = Service(address(url, {}), clock)
        with pytest.raises(NotSentError):
            mail.send(MESSAGE, 10)
        mail.send(MESSAGE, 10)
    (kept,) = server.mails
    assert (kept["Subject"], kept[UID_HEADER], kept["To"]) == (MESSAGE.title, MESSAGE.uid, "duty@example.org")
    assert MESSAGE.body in kept.get_content().replace("\r\n", "\n")


def test_an_unknown_url_is_named_without_its_secret() -> None:
    with pytest.raises(ValueError, match="knows no such URL") as raised:
        Service(address("nonsense://${TOKEN}", {"TOKEN": TOKEN}), clock)
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        (None, None),
        ("12", 12.0),
        ("Thu, 05 Mar 2026 06:00:30 GMT", 30.0),
        ("Thu, 05 Mar 2026 05:00:00 GMT", 0.0),
        ("soon", None),
        ("²", None),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(said: str | None, wait_s: float | None) -> None:
    assert retry_after(said, datetime(2026, 3, 5, 6, tzinfo=UTC)) == wait_s
