"""Both transports against real brokers: what is delivered, acknowledged, held back and refused."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import mqtt5
import pytest
from paho.mqtt.publish import multiple

from ingest.mqtt3 import open_connection as connect_mqtt3
from ingest.mqtt5 import open_connection as connect_mqtt5
from ingest.transport import (
    KIBI,
    Batch,
    Broker,
    Connect,
    Connection,
    ConnectionClosed,
    ConnectionLost,
    ConnectionRefused,
    Message,
    Oversized,
    Session,
    SessionTaken,
)
from tests.servers import free_port, missing
from tests.servers.amqtt_broker import amqtt_broker
from tests.servers.mosquitto import Mosquitto, Tls
from tests.servers.processes import HOST

WAIT_S = 30.0
QUIET_S = 0.3  # how long nothing must come where nothing may
SESSION = Session("test", ("city/#",), batch_cap=1_000)
PAYLOAD_CAP = SESSION.payload_cap
QOS = {0: mqtt5.QoS.AT_MOST_ONCE, 1: mqtt5.QoS.AT_LEAST_ONCE}


@pytest.fixture(params=[connect_mqtt5, connect_mqtt3], ids=["mqtt5", "mqtt3"])
def connect(request: pytest.FixtureRequest) -> Connect:
    transport: Connect = request.param
    return transport


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that sends more at once than the in-flight bounds of these tests, as Mosquitto does to MQTT 5."""
    with Mosquitto(tmp_path, "max_inflight_messages 5000") as broker:
        yield broker


def at(port: int) -> Broker:
    return Broker(HOST, port)


def numbers(count: int, first: int = 0) -> list[bytes]:
    return [b"%d" % number for number in range(first, first + count)]


async def publish(port: int, payloads: Iterable[bytes], topic: str = "city/a", qos: int = 1) -> None:
    """Publish; returns when the broker has taken everything: PINGRESP comes after what was sent before PINGREQ."""
    reader, writer = await asyncio.open_connection(HOST, port)
    drained = asyncio.create_task(_until_pingresp(reader))
    writer.write(mqtt5.ConnectPacket("publisher", clean_start=True).write())
    for number, payload in enumerate(payloads):
        packet_id = number % 65_535 + 1 if qos else None
        writer.write(mqtt5.PublishPacket(topic, payload, qos=QOS[qos], packet_id=packet_id).write())
        await writer.drain()
    writer.write(mqtt5.PingReqPacket().write())
    await asyncio.wait_for(drained, WAIT_S)
    writer.write(mqtt5.DisconnectPacket().write())
    writer.close()


async def _until_pingresp(reader: asyncio.StreamReader) -> None:
    data = b""
    while True:
        try:
            packet, size = mqtt5.read(memoryview(data))
        except IndexError:
            more = await reader.read(1 << 20)
            assert more, "the broker closed the publisher's connection"
            data += more
            continue
        data = data[size:]
        if isinstance(packet, mqtt5.PingRespPacket):
            return


async def subscribe_once(connect: Connect, port: int, session: Session = SESSION) -> None:
    """Leave a session behind, so that the broker keeps what is published from now on."""
    async with connect(at(port), session):
        pass


async def take(connection: Connection, count: int, *, acknowledge: bool = True) -> list[Message]:
    """Exactly `count` messages, in batches."""
    messages: list[Message] = []
    async with asyncio.timeout(WAIT_S):
        while len(messages) < count:
            batch = await anext(aiter(connection))
            messages += batch.messages
            if acknowledge:
                connection.acknowledge(batch)
    assert len(messages) == count
    return messages


async def next_batch(connection: Connection) -> Batch:
    return await asyncio.wait_for(anext(aiter(connection)), WAIT_S)


async def nothing_comes(connection: Connection) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(aiter(connection)), QUIET_S)


def payloads_of(messages: Iterable[Message]) -> list[bytes | Oversized]:
    return [message.payload for message in messages]


# Delivery


async def test_messages_come_in_order_with_their_topics(connect: Connect, mosquitto: Mosquitto) -> None:
    async with connect(at(mosquitto.port), SESSION) as connection:
        await publish(mosquitto.port, numbers(2_000), "city/高新区/air")
        messages = await take(connection, 2_000)
    assert payloads_of(messages) == numbers(2_000)
    assert {message.topic for message in messages} == {"city/高新区/air"}


async def test_several_filters_with_wildcards_select_topics(connect: Connect, mosquitto: Mosquitto) -> None:
    session = replace(SESSION, topics=("city/+/air", "town/#"))
    async with connect(at(mosquitto.port), session) as connection:
        for topic in ("city/a/air", "city/a/water", "town", "town/b/c"):
            await publish(mosquitto.port, [b""], topic)
        messages = await take(connection, 3)
    assert [message.topic for message in messages] == ["city/a/air", "town", "town/b/c"]


async def test_what_is_acknowledged_does_not_come_again_and_the_rest_does(
    connect: Connect, mosquitto: Mosquitto
) -> None:
    session = replace(SESSION, batch_cap=4)
    await subscribe_once(connect, mosquitto.port)
    await publish(mosquitto.port, numbers(10))
    async with connect(at(mosquitto.port), session) as connection:
        batch = await next_batch(connection)
        connection.acknowledge(batch)
        done = len(batch.messages)
        await take(connection, 10 - done, acknowledge=False)
    async with connect(at(mosquitto.port), session) as connection:
        assert payloads_of(await take(connection, 10 - done)) == numbers(10 - done, first=done)
    async with connect(at(mosquitto.port), session) as connection:
        await publish(mosquitto.port, [b"marker"])
        assert payloads_of(await take(connection, 1)) == [b"marker"]


async def test_an_acknowledgement_after_the_connection_is_nothing(connect: Connect, mosquitto: Mosquitto) -> None:
    await subscribe_once(connect, mosquitto.port)
    await publish(mosquitto.port, numbers(3))
    async with connect(at(mosquitto.port), SESSION) as connection:
        batch = await next_batch(connection)
    connection.acknowledge(batch)
    async with connect(at(mosquitto.port), SESSION) as connection:
        assert payloads_of(await take(connection, 3)) == numbers(3)


async def test_qos_0_has_no_packet_id_and_needs_no_acknowledgement(connect: Connect, mosquitto: Mosquitto) -> None:
    async with connect(at(mosquitto.port), SESSION) as connection:
        await publish(mosquitto.port, [b"none"], qos=0)
        batch = await next_batch(connection)
        assert (payloads_of(batch.messages), list(batch.packet_ids)) == ([b"none"], [0])
        connection.acknowledge(batch)
        await publish(mosquitto.port, [b"once"])
        batch = await next_batch(connection)
        assert payloads_of(batch.messages) == [b"once"]
        assert batch.packet_ids[0] > 0
        connection.acknowledge(batch)


async def test_what_a_connection_publishes_comes_back_to_its_own_subscription(
    connect: Connect, mosquitto: Mosquitto
) -> None:
    async with connect(at(mosquitto.port), SESSION) as connection:
        connection.publish("city/me", b"")
        batch = await next_batch(connection)
        assert (batch.messages, batch.packet_ids) == ([Message("city/me", b"")], [0])


async def test_a_dropped_connection_is_lost_for_the_reason_given(connect: Connect, mosquitto: Mosquitto) -> None:
    async with connect(at(mosquitto.port), SESSION) as connection:
        waiting = asyncio.create_task(next_batch(connection))
        await asyncio.sleep(0)
        connection.drop("nothing comes")
        with pytest.raises(ConnectionLost, match="nothing comes"):
            await waiting
        connection.publish("city/me", b"")
    async with connect(at(mosquitto.port), SESSION) as connection:
        assert connection.session_present


async def test_session_present_tells_whether_the_broker_still_had_it(connect: Connect, mosquitto: Mosquitto) -> None:
    async with connect(at(mosquitto.port), SESSION) as connection:
        assert not connection.session_present
    async with connect(at(mosquitto.port), SESSION) as connection:
        assert connection.session_present
    mosquitto.restart()
    async with connect(at(mosquitto.port), SESSION) as connection:
        assert connection.session_present
    async with connect(at(mosquitto.port), replace(SESSION, client_id="other")) as connection:
        assert not connection.session_present


async def test_a_filter_that_is_no_longer_wanted_is_given_up_and_what_waits_is_not(
    connect: Connect, mosquitto: Mosquitto
) -> None:
    before, now = replace(SESSION, topics=("old/#",)), replace(SESSION, unwanted=("old/#", "never/#"))
    await subscribe_once(connect, mosquitto.port, before)
    await publish(mosquitto.port, numbers(3), topic="old/a")
    async with connect(at(mosquitto.port), now) as connection:
        assert payloads_of(await take(connection, 3)) == numbers(3), "what waited in the session"
        await publish(mosquitto.port, [b"old"], topic="old/a")
        await publish(mosquitto.port, [b"new"], topic="city/a")
        assert payloads_of(await take(connection, 1)) == [b"new"]


async def test_a_killed_broker_that_saved_each_change_gives_everything_again(connect: Connect, tmp_path: Path) -> None:
    with Mosquitto(tmp_path, autosave_on_changes=True, autosave_interval=1) as mosquitto:
        await subscribe_once(connect, mosquitto.port)
        await publish(mosquitto.port, numbers(20))
        mosquitto.kill()
        mosquitto.restart()
        async with connect(at(mosquitto.port), SESSION) as connection:
            assert connection.session_present
            assert payloads_of(await take(connection, 20)) == numbers(20)


# Bounds


async def test_the_in_flight_bound_holds_with_a_backlog(connect: Connect, mosquitto: Mosquitto) -> None:
    session = replace(SESSION, in_flight=2_500)
    await subscribe_once(connect, mosquitto.port)
    await publish(mosquitto.port, numbers(60_000))
    async with connect(at(mosquitto.port), session) as connection:
        given: list[Batch] = []
        received: list[Message] = []
        while len(received) < session.in_flight:
            given.append(await next_batch(connection))
            assert 1 <= len(given[-1].messages) <= session.batch_cap
            received += given[-1].messages
        assert len(received) == session.in_flight
        await nothing_comes(connection)
        for batch in given:
            connection.acknowledge(batch)
        received += await take(connection, 60_000 - session.in_flight)
    assert payloads_of(received) == numbers(60_000)


@pytest.mark.parametrize("why", ["paused", "in-flight bound", "consumer busy"])
async def test_not_reading_for_longer_than_the_keep_alive_keeps_the_connection(
    connect: Connect, mosquitto: Mosquitto, why: str
) -> None:
    session = replace(SESSION, keep_alive_s=1, in_flight=5)
    await subscribe_once(connect, mosquitto.port)
    await publish(mosquitto.port, numbers(20))
    async with connect(at(mosquitto.port), session) as connection:
        batch = await next_batch(connection)
        received = list(batch.messages)
        if why == "paused":
            connection.pause()
        elif why == "in-flight bound":
            while len(received) < session.in_flight:
                more = await next_batch(connection)
                received += more.messages
                batch = Batch(
                    [*batch.messages, *more.messages],
                    [*batch.packet_ids, *more.packet_ids],
                )
        await asyncio.sleep(4 * session.keep_alive_s)  # the broker ends a connection after 1.5 keep-alives of silence
        connection.acknowledge(batch)
        connection.resume()
        received += await take(connection, 20 - len(received))
        assert payloads_of(received) == numbers(20)
        await asyncio.sleep(2 * session.keep_alive_s)
        await publish(mosquitto.port, [b"still here"])
        assert payloads_of(await take(connection, 1)) == [b"still here"]


async def test_while_paused_nothing_is_read_although_there_is_room(connect: Connect, mosquitto: Mosquitto) -> None:
    async with connect(at(mosquitto.port), SESSION) as connection:
        connection.pause()
        await publish(mosquitto.port, numbers(3))
        await nothing_comes(connection)
        connection.resume()
        assert payloads_of(await take(connection, 3)) == numbers(3)


@pytest.mark.parametrize("length", [PAYLOAD_CAP + 1, 300 * KIBI, 400 * KIBI, 1536 * KIBI])
async def test_a_payload_over_the_cap_keeps_its_length_hash_and_head(
    connect: Connect, mosquitto: Mosquitto, length: int
) -> None:
    large = bytes(range(251)) * (length // 251) + b"." * (length % 251)
    just = large[:PAYLOAD_CAP]
    await subscribe_once(connect, mosquitto.port)
    await publish(mosquitto.port, [b"before", large, *numbers(50), just, large, b"after"])
    async with connect(at(mosquitto.port), SESSION) as connection:
        messages = await take(connection, 55)
    kept = Oversized(length, sha256(large).hexdigest(), large[: SESSION.head_cap])
    assert payloads_of(messages) == [b"before", kept, *numbers(50), just, kept, b"after"]
    async with connect(at(mosquitto.port), SESSION) as connection:
        await nothing_comes(connection)


# Ends and refusals


async def test_a_killed_broker_is_a_lost_connection(connect: Connect, mosquitto: Mosquitto) -> None:
    async with connect(at(mosquitto.port), SESSION) as connection:
        waiting = asyncio.create_task(next_batch(connection))
        await asyncio.sleep(0)
        mosquitto.kill()
        with pytest.raises(ConnectionLost):
            await waiting
        with pytest.raises(ConnectionLost):
            await next_batch(connection)


async def test_a_successor_with_our_client_id_ends_our_connection(connect: Connect, mosquitto: Mosquitto) -> None:
    async with connect(at(mosquitto.port), SESSION) as first, connect(at(mosquitto.port), SESSION) as second:
        with pytest.raises((ConnectionClosed, SessionTaken)):  # Mosquitto says which from 2.0.15 on, and to MQTT 5 only
            await next_batch(first)
        await publish(mosquitto.port, [b"for the second"])
        assert payloads_of(await take(second, 1)) == [b"for the second"]


async def test_nobody_listening_is_a_lost_connection(connect: Connect) -> None:
    with pytest.raises(ConnectionLost, match=r"127\.0\.0\.1"):
        async with connect(at(free_port()), SESSION):
            pytest.fail("there is no broker")


@pytest.mark.parametrize("password", ["wrong", None])
async def test_a_wrong_password_is_refused(connect: Connect, tmp_path: Path, password: str | None) -> None:
    with Mosquitto(tmp_path, users={"ops": "right"}) as mosquitto:
        broker = replace(at(mosquitto.port), username="ops", password=password)
        with pytest.raises(ConnectionRefused, match=r"not authori[sz]ed"):
            async with connect(broker, SESSION):
                pytest.fail("the password is wrong")
        async with connect(replace(broker, password="right"), SESSION) as connection:
            assert not connection.session_present


# A broker that says what the test wants said: what Mosquitto cannot be brought to say.

CONNACK: dict[Connect, str] = {connect_mqtt5: "20 03 00 00 00", connect_mqtt3: "20 02 00 00"}
SUBACK: dict[Connect, str] = {connect_mqtt5: "90 04 00 01 00 01", connect_mqtt3: "90 03 00 01 01"}
SUBACK_REFUSING: dict[Connect, str] = {connect_mqtt5: "90 04 00 01 00 87", connect_mqtt3: "90 03 00 01 80"}
MALFORMED = "36 02 61 62"


@asynccontextmanager
async def scripted(*answers: str) -> AsyncIterator[int]:
    """The port of a broker that answers the first packet with the first text (hex), and so on; then it is silent."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for text in answers:
            await reader.read(1 << 16)
            writer.write(bytes.fromhex(text))
        while await reader.read(1 << 16):
            pass
        writer.close()

    async with await asyncio.start_server(answer, HOST, 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_broker_that_does_not_answer_is_a_lost_connection(connect: Connect) -> None:
    async with scripted() as port:
        with pytest.raises(ConnectionLost, match=r"does not answer within 0\.2 s"):
            async with connect(at(port), replace(SESSION, connect_timeout_s=0.2)):
                pytest.fail("nothing was answered")


async def test_a_silent_broker_is_a_lost_connection(connect: Connect) -> None:
    session = replace(SESSION, keep_alive_s=1)
    async with scripted(CONNACK[connect], SUBACK[connect]) as port, connect(at(port), session) as connection:
        with pytest.raises(ConnectionLost, match="silent for"):
            await next_batch(connection)


async def test_a_filter_that_is_not_granted_is_named(connect: Connect) -> None:
    async with scripted(CONNACK[connect], SUBACK_REFUSING[connect]) as port:
        with pytest.raises(ConnectionRefused, match="'city/#'"):
            async with connect(at(port), SESSION):
                pytest.fail("the filter was not granted")


async def test_malformed_bytes_are_a_lost_connection(connect: Connect) -> None:
    async with (
        scripted(CONNACK[connect], SUBACK[connect] + MALFORMED) as port,
        connect(at(port), SESSION) as connection,
    ):
        with pytest.raises(ConnectionLost, match="malformed"):
            await next_batch(connection)


async def test_a_broker_without_our_version_is_refused(connect: Connect) -> None:
    async with scripted("20 02 00 01") as port:
        with pytest.raises(ConnectionRefused, match="does not speak MQTT"):
            async with connect(at(port), SESSION):
                pytest.fail("the version was refused")


async def test_the_keep_alive_that_the_server_names_is_kept() -> None:
    one_second = "20 06 00 00 03 13 00 01"
    async with scripted(one_second, SUBACK[connect_mqtt5]) as port, connect_mqtt5(at(port), SESSION) as connection:
        with pytest.raises(ConnectionLost, match="silent for"):
            await next_batch(connection)


# TLS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a throw-away CA, and keys and certificates signed by it for the broker and a client."""
    openssl = shutil.which("openssl")
    if openssl is None:
        missing("openssl", "apt-get install openssl")
    folder = tmp_path_factory.mktemp("certificates")
    extensions = folder / "extensions"
    extensions.write_text(f"subjectAltName=IP:{HOST}\n")

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=folder, check=True, capture_output=True)

    new_key = ("req", "-newkey", "rsa:2048", "-nodes", "-days", "2")
    run(*new_key, "-x509", "-subj", "/CN=test CA", "-keyout", "ca.key", "-out", "ca.crt")
    for name in ("broker", "client"):
        run(*new_key[:4], "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        signing = ("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial")
        run(*signing, "-days", "2", "-extfile", "extensions", "-out", f"{name}.crt")
    return folder


def tls_broker(certificates: Path, mosquitto: Mosquitto) -> Broker:
    return replace(at(mosquitto.port), tls=True, ca_file=certificates / "ca.crt")


def server_tls(certificates: Path, *, require_certificate: bool = False) -> Tls:
    return Tls(certificates / "ca.crt", certificates / "broker.crt", certificates / "broker.key", require_certificate)


async def test_over_tls_everything_comes_and_pausing_works(
    connect: Connect, certificates: Path, tmp_path: Path
) -> None:
    plain = free_port()
    settings = ("max_inflight_messages 5000", f"listener {plain} {HOST}", "allow_anonymous true")
    with Mosquitto(tmp_path, *settings, tls=server_tls(certificates)) as mosquitto:
        broker, session = tls_broker(certificates, mosquitto), replace(SESSION, in_flight=700)
        large = bytes(900 * KIBI)
        async with connect(broker, session):
            pass
        await publish(plain, [*numbers(3_000), large, b"after"])
        async with connect(broker, session) as connection:
            assert connection.session_present
            first = await next_batch(connection)
            connection.pause()
            connection.acknowledge(first)
            connection.resume()
            received = [*first.messages, *await take(connection, 3_002 - len(first.messages))]
    kept = Oversized(len(large), sha256(large).hexdigest(), large[: SESSION.head_cap])
    assert payloads_of(received) == [*numbers(3_000), kept, b"after"]


async def test_a_certificate_of_an_unknown_authority_is_refused(
    connect: Connect, certificates: Path, tmp_path: Path
) -> None:
    with Mosquitto(tmp_path, tls=server_tls(certificates)) as mosquitto:
        broker = replace(tls_broker(certificates, mosquitto), ca_file=None)
        with pytest.raises(ConnectionRefused, match="not trusted"):
            async with connect(broker, SESSION):
                pytest.fail("the authority is unknown")


async def test_a_client_certificate_opens_a_broker_that_asks_for_one(
    connect: Connect, certificates: Path, tmp_path: Path
) -> None:
    with Mosquitto(tmp_path, tls=server_tls(certificates, require_certificate=True)) as mosquitto:
        nobody = tls_broker(certificates, mosquitto)
        with pytest.raises(ConnectionLost):
            async with connect(nobody, SESSION):
                pytest.fail("no certificate was shown")
        known = replace(nobody, cert_file=certificates / "client.crt", key_file=certificates / "client.key")
        async with connect(known, SESSION) as connection:
            assert not connection.session_present


async def test_tls_files_that_cannot_be_read_are_refused_by_name(connect: Connect, tmp_path: Path) -> None:
    broker = replace(at(free_port()), tls=True, ca_file=tmp_path / "nowhere.crt")
    with pytest.raises(ConnectionRefused, match=r"nowhere\.crt"):
        async with connect(broker, SESSION):
            pytest.fail("there is no such file")


# amqtt, MQTT 3.1.1: it does not keep what is published while we are away, so only the basic cases.


@pytest.fixture(scope="module")
def amqtt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with amqtt_broker(tmp_path_factory.mktemp("amqtt")) as port:
        yield port


async def publish_mqtt3(port: int, payloads: Iterable[bytes]) -> None:
    def blocking() -> None:
        multiple([("city/a/air", payload, 1, False) for payload in payloads], HOST, port)

    await asyncio.to_thread(blocking)


async def test_amqtt_delivers_in_order_connection_after_connection(amqtt: int) -> None:
    session = replace(SESSION, topics=("city/+/air",))
    for connection_number in range(3):
        expected = numbers(200, first=1_000 * connection_number)
        async with connect_mqtt3(at(amqtt), session) as connection:
            await publish_mqtt3(amqtt, expected)
            assert payloads_of(await take(connection, 200)) == expected


async def test_amqtt_keeps_a_connection_that_is_paused_for_longer_than_the_keep_alive(amqtt: int) -> None:
    session = replace(SESSION, client_id="paused", keep_alive_s=1)
    async with connect_mqtt3(at(amqtt), session) as connection:
        connection.pause()
        await asyncio.sleep(3 * session.keep_alive_s)
        connection.resume()
        await publish_mqtt3(amqtt, [b"still here"])
        assert payloads_of(await take(connection, 1)) == [b"still here"]
