"""How notices reach their receivers: one small interface, an adapter for each kind.

services.py   everything that Apprise knows by its URL: DingTalk, WeCom, Feishu, mail, webhooks, SMS gateways
mqtt.py       a topic of the city's broker: events, and the retained state of what holds
grafana.py    annotations of dashboards
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol


class Message(NamedTuple):
    """What is delivered: `uid` is the same however often it is tried; `title` and `body` are what people read, the body with the
    uid; `facts` the same for programs."""

    uid: str
    what: str
    severity: str
    incident: int
    title: str
    body: str
    facts: Mapping[str, Any]


class NotSentError(Exception):
    """The receiver did not take it, or nobody knows: it may be tried again. The text names no secret; `retry_after_s` is what the
    receiver asked for."""

    def __init__(self, why: str, retry_after_s: float | None = None) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


class Receiver(Protocol):
    """One channel."""

    shown: str
    """Where it goes, without secrets."""

    def send(self, message: Message, timeout_s: float) -> None:
        """Deliver once; returns when the receiver has taken it. Called in a thread of its own, which may be given up when the
        time is over. Raises NotSentError."""
        ...


def deliver(receiver: Receiver, message: Message, timeout_s: float) -> None:
    """Deliver once. Raises NotSentError, whatever the receiver raised: of an error that it did not foresee only the name is said,
    for its text may hold a header or an address."""
    try:
        receiver.send(message, timeout_s)
    except NotSentError:
        raise
    except Exception as error:  # noqa: BLE001 - a certificate that is not there, an answer of another shape: it did not send
        raise NotSentError(f"{receiver.shown}: {type(error).__name__}") from None
