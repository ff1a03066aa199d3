"""Everything that Apprise reaches by a URL: robots of DingTalk, WeCom and Feishu, mail, webhooks, SMS gateways.

Apprise says whether it worked, and no more. Two things it does not look at are read from the answer here, below it: robots of
DingTalk and WeCom say 200 also where they refuse (`errcode` in the body says why), and a server that is asked too often says how
long to wait (RFC 9110, 10.2.3: Retry-After). What Apprise logs goes nowhere: below a warning it names addresses and payloads.
"""

import json
import logging
import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import apprise
import requests

from processors.alerts.notify.channels import Message, NotSentError
from processors.alerts.notify.channels.waiting import retry_after
from processors.alerts.notify.hidden import Address
from sensors.instants import to_datetime

UID_HEADER = "X-Cityflux-Notice"
"""Under which mail and webhooks have the uid, beside the text."""

# DingTalk, WeCom: errcode; Feishu, Lark: code. 0 says that it was taken. A gateway of somebody else may have a `code` that says
# so with 1: only these two are asked for theirs.
_ERRCODE, _CODE = "errcode", "code"
_WITH_CODE = ("feishu://", "lark://")
# Answers of robots are a hundred bytes; of a page of HTML only its status matters.
_MOST_ANSWER = 4_096

_TYPES = {
    "notice": apprise.NotifyType.INFO,
    "warning": apprise.NotifyType.WARNING,
    "serious": apprise.NotifyType.WARNING,
    "critical": apprise.NotifyType.FAILURE,
}


class Service:
    """A receiver behind one URL. Raises ValueError where Apprise cannot read it."""

    def __init__(self, address: Address, clock: Callable[[], int]) -> None:
        """`clock` gives the time [ms], by which a date that a server asks to wait for is so far away."""
        self.shown = address.shown
        self._address = address
        self._clock = clock
        _quieten()
        if self._plugin() is None:
            raise ValueError(
                f"{address.shown}: Apprise knows no such URL; its list: https://github.com/caronc/apprise/wiki"
            )

    def send(self, message: Message, timeout_s: float) -> None:
        """As `Receiver.send`."""
        plugin = self._plugin()
        if plugin is None:
            raise NotSentError(f"{self.shown}: Apprise does not read its URL any more")
        plugin.socket_connect_timeout = plugin.socket_read_timeout = timeout_s
        if isinstance(getattr(plugin, "headers", None), dict):
            plugin.headers[UID_HEADER] = message.uid
        _heard.forget()
        _heard.refusals = (_ERRCODE, _CODE) if self._address.url.lower().startswith(_WITH_CODE) else (_ERRCODE,)
        taken = self._try(plugin, message)
        if _heard.why or not taken:
            why = _heard.why or _heard.logged or "it was not taken"
            asked = retry_after(_heard.retry_after, to_datetime(self._clock()))
            raise NotSentError(self._address.masked(f"{self.shown}: {why}"), asked)

    def _try(self, plugin: Any, message: Message) -> bool:
        try:
            return bool(
                plugin.notify(
                    body=message.body,
                    title=message.title,
                    notify_type=_TYPES[message.severity],
                    body_format=apprise.NotifyFormat.TEXT,
                )
            )
        except Exception as error:  # noqa: BLE001 - a hundred plugins of others: whatever one raises, it did not send
            raise NotSentError(self._address.masked(f"{self.shown}: {type(error).__name__}: {error}")) from None

    def _plugin(self) -> Any:
        return apprise.Apprise.instantiate(self._address.url, suppress_exceptions=True)


class _Heard(threading.local):
    """What this thread's requests were answered, and what Apprise said of them."""

    def __init__(self) -> None:
        self.why = self.logged = ""
        self.retry_after: str | None = None
        self.refusals: Sequence[str] = ()

    def forget(self) -> None:
        """Of what was before."""
        self.why, self.logged, self.retry_after = "", "", None


_heard = _Heard()


class _Log(logging.Handler):
    """Keeps what Apprise last said in this thread."""

    def emit(self, record: logging.LogRecord) -> None:
        _heard.logged = record.getMessage()


@cache
def _quieten() -> None:
    """Once: Apprise's log is ours, and the answers to its requests are heard."""
    logger = logging.getLogger("apprise")
    logger.handlers, logger.propagate = [_Log()], False
    logger.setLevel(logging.WARNING)
    # It names the paths of what failed, tokens in them.
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    send = requests.Session.send

    def heard(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        answer = send(session, request, **options)
        _hear(answer)
        return answer

    # Apprise gives no other way to see an answer: its plugins call requests.post themselves.
    requests.Session.send = heard  # type: ignore[assignment, method-assign]


def _hear(answer: requests.Response) -> None:
    if not answer.ok:
        _heard.why = f"HTTP {answer.status_code}"
        _heard.retry_after = answer.headers.get("Retry-After")
        return
    try:
        said = json.loads(answer.content[:_MOST_ANSWER])
    except ValueError:
        return
    for name in _heard.refusals:
        if isinstance(said, dict) and isinstance(said.get(name), int) and said[name] not in {0, 200}:
            _heard.why = f"it refuses: {name} {said[name]}: {said.get('errmsg') or said.get('msg') or ''}"[:200]
