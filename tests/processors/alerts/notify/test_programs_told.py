"""Programs that are told: a topic of a real Mosquitto, and annotations of a server that keeps them as Grafana does."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from aiohttp import web

from processors.alerts.notify.channels import Message, NotSentError
from processors.alerts.notify.channels.grafana import Annotations
from processors.alerts.notify.channels.mqtt import Server, Topic
from processors.alerts.notify.hidden import address
from tests.servers import free_port
from tests.servers.mosquitto import Mosquitto
from tests.servers.receivers import HttpReceiver

TOKEN = "glsa_sesame-4711-open"
FACTS: dict[str, Any] = {
    "incident": 17, "rule": "air_aqi_city", "severity": "warning", "since_ms": 1_000, "until_ms": None, "phase": "firing",
}  # fmt: skip
OVER = {**FACTS, "phase": "resolved", "until_ms": 9_000}


def message(facts: dict[str, Any], uid: str = "a1") -> Message:
    return Message(uid, "opened", "warning", facts.get("incident", 0), "title", "body", facts)


def server(port: int, **who: Any) -> Server:
    of = {"username": None, "password": None, "version": 5, **who}
    return Server("127.0.0.1", port, of["username"], of["password"], False, None, None, None, of["version"])


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as running:
        yield running


async def heard(port: int, work: Callable[[], None], most: int) -> list[tuple[str, bytes, bool]]:
    """What comes under alerts/# while something is done: (topic, payload, retained)."""
    found = []
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("alerts/#", qos=1)
        await asyncio.to_thread(work)
        async with asyncio.timeout(60):
            async for one in client.messages:
                found.append((str(one.topic), bytes(one.payload), one.retain))
                if len(found) == most:
                    break
    return found


@pytest.mark.parametrize("version", [5, 3])
async def test_what_happens_is_an_event_and_what_holds_is_retained(broker: Mosquitto, version: int) -> None:
    topic = Topic(server(broker.port, version=version), "alerts")
    found = await heard(broker.port, lambda: topic.send(message(FACTS), 10), 2)
    assert [(where, retained) for where, _, retained in found] == [("alerts/state/17", False), ("alerts/events", False)]
    data = json.loads(found[1][1])
    assert (data["id"], data["incident"], data["phase"], data["text"]) == ("a1", 17, "firing", "body")
    # Who comes later finds what holds; and nothing of it once it is over.
    assert await heard(broker.port, lambda: None, 1) == [("alerts/state/17", found[0][1], True)]
    topic.send(message(OVER, "b2"), 10)
    (only, *_) = await heard(broker.port, lambda: topic.send(message({**FACTS, "incident": 18}, "c3"), 10), 2)
    assert (only[0], only[2]) == ("alerts/state/18", False)


async def test_a_test_message_is_an_event_and_no_state(broker: Mosquitto) -> None:
    topic = Topic(server(broker.port), "alerts")
    assert [where for where, _, _ in await heard(broker.port, lambda: topic.send(message({}), 10), 1)] == [
        "alerts/events"
    ]


def test_a_broker_that_refuses_us_or_the_message_or_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "acl").write_text("user reader\ntopic read #\n")
    with Mosquitto(tmp_path, f"acl_file {tmp_path / 'acl'}", users={"reader": "right"}) as broker:
        with pytest.raises(NotSentError, match="it refuses us: Not authorized"):
            Topic(server(broker.port, username="reader", password="wrong"), "alerts").send(message(FACTS), 10)
        # aiomqtt would call this published.
        with pytest.raises(NotSentError, match="it refuses the message: Not authorized"):
            Topic(server(broker.port, username="reader", password="right"), "alerts").send(message(FACTS), 10)
    with pytest.raises(NotSentError, match="refused"):
        Topic(server(free_port()), "alerts").send(message(FACTS), 10)


async def test_a_try_whose_time_is_over_says_nothing_more(broker: Mosquitto) -> None:
    """It is tried again by then: what it would retain now is older than what was told since."""
    moments = iter((0.0, 0.0))
    late = Topic(server(broker.port), "alerts", clock=lambda: next(moments, 10.0))
    with pytest.raises(NotSentError, match="it answered too late, after 10 s"):
        late.send(message(FACTS), 10)
    Topic(server(broker.port), "alerts").send(message({**FACTS, "incident": 18}), 10)
    assert [where for where, _, _ in await heard(broker.port, lambda: None, 1)] == ["alerts/state/18"]


class Grafana(HttpReceiver):
    """Keeps annotations by the part of Grafana's HTTP API that we use, behind its token."""

    def __init__(self) -> None:
        super().__init__()
        self.annotations: dict[int, dict[str, Any]] = {}

    async def reply(self, request: web.Request, body: Any) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"message": "Unauthorized"}, status=401)
        number = int(request.path.rpartition("/")[2]) if request.path[-1].isdigit() else None
        match request.method:
            case "GET":
                tags = set(request.query.getall("tags"))
                found = [{"id": n, **of} for n, of in self.annotations.items() if tags <= set(of["tags"])]
                return web.json_response(found)
            case "POST":
                number = len(self.annotations) + 1
                self.annotations[number] = body
            case "PATCH":
                self.annotations[number or 0].update(body)
            case "DELETE":
                del self.annotations[number or 0]
        return web.json_response({"message": "done", "id": number})


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    with Grafana() as running:
        yield running


def annotations(grafana: Grafana, token: str = TOKEN) -> Annotations:
    return Annotations(address(f"http://127.0.0.1:{grafana.port}/", {}), token, lambda: 0)


def test_an_incident_is_one_region_however_often_it_is_told(grafana: Grafana) -> None:
    channel = annotations(grafana)
    for facts in (FACTS, FACTS, {**FACTS, "severity": "serious"}, {**FACTS, "incident": 18}, OVER, OVER):
        channel.send(message(facts), 10)
    assert [(of["time"], of["timeEnd"], of["tags"][1]) for of in grafana.annotations.values()] == [
        (1_000, 9_000, "cityflux-incident-17"),
        (1_000, 1_000, "cityflux-incident-18"),
    ]


def test_one_that_was_told_and_then_lost_the_answer_is_there_once(grafana: Grafana) -> None:
    channel = annotations(grafana)
    grafana.script.extend(["take", "take and cut"])
    with pytest.raises(NotSentError):
        channel.send(message(FACTS), 10)
    channel.send(message(FACTS), 10)
    assert len(grafana.annotations) == 1


def test_what_is_withdrawn_is_taken_away(grafana: Grafana) -> None:
    channel = annotations(grafana)
    for phase in ("firing", "withdrawn", "withdrawn"):
        channel.send(message({**FACTS, "phase": phase}), 10)
    assert grafana.annotations == {}


def test_a_test_message_is_an_annotation_of_its_own(grafana: Grafana) -> None:
    annotations(grafana).send(message({}), 10)
    assert [of["tags"] for of in grafana.annotations.values()] == [["cityflux", "test"]]


@pytest.mark.parametrize(("behaviour", "said"), [("fail", "HTTP 500"), ("busy", "HTTP 429"), ("cut", ""), ("hang", "")])
def test_what_grafana_does_not_take_is_an_error_without_the_token(grafana: Grafana, behaviour: Any, said: str) -> None:
    grafana.script.append(behaviour)
    with pytest.raises(NotSentError) as raised:
        annotations(grafana).send(message(FACTS), 0.5)
    assert said in str(raised.value)
    assert TOKEN not in str(raised.value)


def test_a_wrong_token_is_an_error(grafana: Grafana) -> None:
    with pytest.raises(NotSentError, match="HTTP 401"):
        annotations(grafana, "wrong").send(message(FACTS), 10)
