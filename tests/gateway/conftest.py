"""A broker, somebody who has subscribed to everything of the gateway, and passwords of stations."""

import queue
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from store.books import Books
from store.devices import DeviceKeys
from tests.gateway.station import MN, PW, WAIT_S
from tests.servers.mosquitto import Mosquitto

OTHER_MN = "88888880000002"


class Subscriber:
    """What comes under `hj212/#`, from a session of its own that outlives the broker's restarts."""

    def __init__(self, host: str, port: int, topic: str = "hj212/#") -> None:
        self._messages: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._subscribed: queue.Queue[None] = queue.Queue()
        self._unsubscribed: queue.Queue[None] = queue.Queue()
        self._topic = topic
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, "subscriber", protocol=MQTTProtocolVersion.MQTTv311, clean_session=False
        )
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.put(None)
        self._client.on_unsubscribe = lambda *_: self._unsubscribed.put(None)
        self._client.on_message = lambda _c, _u, message: self._messages.put((message.topic, bytes(message.payload)))
        self._client.reconnect_delay_set(1, 1)
        self._client.connect(host, port)
        self._client.loop_start()
        self._subscribed.get(timeout=WAIT_S)

    def next(self) -> tuple[str, bytes]:
        """The next message: topic and payload."""
        return self._messages.get(timeout=WAIT_S)

    def all_so_far(self) -> list[tuple[str, bytes]]:
        return list(self._messages.queue)

    def close(self) -> None:
        """Subscribed to nothing any more."""
        self._client.unsubscribe(self._topic)
        self._unsubscribed.get(timeout=WAIT_S)
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture
def subscriber(mosquitto: Mosquitto) -> Iterator[Subscriber]:
    subscriber = Subscriber(mosquitto.host, mosquitto.port)
    yield subscriber
    subscriber.close()


def set_passwords(data_dir: Path) -> None:
    """Give both stations their password, in the books of a data folder."""
    books = Books(f"sqlite:///{data_dir / 'books.sqlite'}")
    books.prepare()
    for mn in (MN, OTHER_MN):
        DeviceKeys(books).set(mn, PW, who="test", now=1)
    books.close()
