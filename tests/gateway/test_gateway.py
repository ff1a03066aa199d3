"""`cityflux gateway hj212` as it is run, before a real broker, with stations that know only the standard."""

import json
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3

from gateway.counts import MEANINGS
from tests.gateway.conftest import OTHER_MN, Subscriber, set_passwords
from tests.gateway.station import MN, Station, checksum_of_modbus, packet, segment, takes
from tests.programs import Program, cityflux, wait_for
from tests.servers.mosquitto import Mosquitto

TOPIC = f"hj212/22/{MN}"
# A request with a wrong password is answered at once and published never: what was due before it has come by then.
STRANGERS_REQUEST = packet(segment("RtdInterval=30", cn="1062", pw="wrong", qn="20260701080009999"))


def bare(segment: str) -> bytes:
    """The packet of a segment as it is published: without CR LF."""
    return packet(segment)[:-2]


@contextmanager
def running(mosquitto: Mosquitto, folder: Path) -> Iterator[tuple[Program, tuple[str, int]]]:
    """The program and its address, with passwords in `folder`."""
    set_passwords(folder)
    environment = {
        "CITYFLUX_MQTT_URL": f"mqtt://{mosquitto.host}:{mosquitto.port}",
        "CITYFLUX_DATA_DIR": str(folder),
    }
    command = ("gateway", "hj212", "--listen", "127.0.0.1:0")
    with Program(*command, environment=environment, log=folder / "log") as program:
        found = wait_for("its address", lambda: re.search(r"address=127\.0\.0\.1:(\d+)", program.log()), program)
        yield program, ("127.0.0.1", int(found[1]))


@pytest.fixture(scope="module")
def gateway(
    mosquitto: Mosquitto, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Program, tuple[str, int]]]:
    with running(mosquitto, tmp_path_factory.mktemp("data")) as gateway:
        yield gateway


@pytest.fixture
def address(gateway: tuple[Program, tuple[str, int]]) -> tuple[str, int]:
    return gateway[1]


def test_the_checksum_is_that_of_the_standards_example() -> None:
    example = "QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&"
    assert packet(example) == b"##0101" + example.encode() + b"1C80\r\n"


def test_a_frame_is_published_as_it_came_and_answered(address: tuple[str, int], subscriber: Subscriber) -> None:
    with Station(address) as station:
        station.send(packet(segment(qn="20260701080001123")))
        answer = station.answer()
    assert subscriber.next() == (TOPIC, bare(segment(qn="20260701080001123")))
    assert (answer.cn, answer.qn, answer.cp) == ("9014", "20260701080001123", "")
    assert (answer.fields["ST"], answer.fields["MN"], answer.fields["Flag"]) == ("91", MN, "4")


def test_each_kind_of_frame_has_its_answer_or_none(address: tuple[str, int], subscriber: Subscriber) -> None:
    with Station(address) as station:
        station.send(packet(segment(flag=4, qn="20260701080000001")))  # does not ask
        station.send(packet(segment("QnRtn=1", cn="9011", flag=5, qn="20260701080000002")))  # is an answer
        station.send(packet(segment("PolId=a34004", cn="1013", qn="20260701080000003")))
        station.send(packet(segment("", cn="9015", flag=9, qn="20260701080000004")))
        station.send(packet(segment("RtdInterval=30", cn="1062", qn="20260701080000005")))
        station.send(packet(segment(cn="2061", qn="20260701080000006")))
        answers = [station.answer() for _ in range(4)]
    told = sorted((answer.qn[-1], answer.cn, answer.cp) for answer in answers)
    assert told == [("3", "9013", ""), ("4", "9013", ""), ("5", "9011", "QnRtn=2"), ("6", "9014", "")]
    assert {subscriber.next()[0] for _ in range(6)} == {TOPIC}


def test_a_station_of_2005_is_answered_in_its_own_way(address: tuple[str, int], subscriber: Subscriber) -> None:
    old = f"QN=20260701080001000;ST=22;CN=2011;PW=100000;MN={MN};Flag=1;CP=&&DataTime=20260701080000;SO2-Rtd=19.0&&"
    silent = f"ST=22;CN=2011;PW=100000;MN={MN};CP=&&DataTime=20260701080000;SO2-Rtd=19.0&&"
    with Station(address) as station:
        station.send(packet(silent) + packet(old))
        answer = station.answer()
    assert (answer.cn, answer.cp) == ("9014", "QN=20260701080001000")
    assert [subscriber.next()[1] for _ in range(2)] == [bare(silent), bare(old)]


def test_a_firmware_with_modbuss_checksum_is_answered_with_it(address: tuple[str, int], subscriber: Subscriber) -> None:
    with Station(address) as station:
        station.send(packet(segment(), checksum_of_modbus))
        assert station.answer(checksum_of_modbus).cn == "9014"
    assert subscriber.next() == (TOPIC, packet(segment(), checksum_of_modbus)[:-2])


def test_a_heartbeat_counts_where_the_stations_data_are_and_is_answered_though_nobody_takes_it(
    address: tuple[str, int], mosquitto: Mosquitto
) -> None:
    heartbeat = packet(segment("", cn="9015", st="91", flag=9))
    with Station(address) as station:
        station.send(heartbeat)
        assert station.answer().cn == "9013"
        subscriber = Subscriber(mosquitto.host, mosquitto.port, "hj212/22/+")
        for frame in (packet(segment()), heartbeat):
            station.send(frame)
            station.answer()
            assert subscriber.next() == (TOPIC, frame[:-2])
        subscriber.close()


def test_packets_of_one_message_are_answered_one_by_one_and_readable_one_by_one(
    address: tuple[str, int], subscriber: Subscriber
) -> None:
    first = packet(segment("DataTime=20260701080000;a34004-Rtd=35.0", flag=7, numbers="PNUM=2;PNO=1;"))
    second = packet(segment("a34002-Rtd=70.0,a34002-Flag=N", flag=7, numbers="PNUM=2;PNO=2;"))
    with Station(address) as station:
        station.send(first)
        assert station.answer().fields["PNO"] == "1"
    with Station(address) as station:  # the line was lost between them
        station.send(second)
        assert station.answer().fields["PNO"] == "2"
    assert [subscriber.next()[1] for _ in range(2)] == [first[:-2], first + second[:-2]]


def test_a_broken_frame_is_kept_unanswered_and_comes_again(address: tuple[str, int], subscriber: Subscriber) -> None:
    before, after = packet(segment(qn="20260701080000001")), packet(segment(qn="20260701080000002"))
    broken = after.replace(b"35.0", b"85.0")
    with Station(address) as station:
        station.send(before)
        assert station.answer().qn[-1] == "1"
        station.send(broken + STRANGERS_REQUEST)
        assert station.answer().cn == "9011"
        station.send(after)
        assert station.answer().qn[-1] == "2"
    assert [subscriber.next() for _ in range(3)] == [(TOPIC, each[:-2]) for each in (before, broken, after)]


def test_a_frame_that_comes_again_is_published_and_answered_again(
    address: tuple[str, int], subscriber: Subscriber
) -> None:
    with Station(address) as station:
        for _ in range(2):
            station.send(packet(segment()))
            assert station.answer().cn == "9014"
    assert [subscriber.next()[1] for _ in range(2)] == [bare(segment())] * 2


def test_noise_and_a_slow_line_cost_no_frame(address: tuple[str, int], subscriber: Subscriber) -> None:
    with Station(address) as station:
        station.send_byte_by_byte(b"\x00\xff#AT+CSQ\r\n##" + packet(segment()))
        assert station.answer().cn == "9014"
        station.send(b"#" * 5000 + b"##0123" * 500 + packet(segment()))
        assert station.answer().cn == "9014"
    assert [subscriber.next()[1] for _ in range(2)] == [bare(segment())] * 2


def test_who_has_said_its_last_word_is_still_answered_and_what_was_cut_off_is_kept(
    address: tuple[str, int], subscriber: Subscriber
) -> None:
    with Station(address) as station:
        station.send(packet(segment()) + packet(segment())[:-20])
        station.end()
        assert station.answer().cn == "9014"
        assert station.is_closed()
    assert [subscriber.next() for _ in range(2)] == [(TOPIC, bare(segment())), (TOPIC, packet(segment())[:-20])]


def test_hostile_bytes_bring_out_no_fault_of_ours(
    gateway: tuple[Program, tuple[str, int]], subscriber: Subscriber
) -> None:
    program, address = gateway
    chance = random.Random(212)
    seeds = [
        packet(segment()),
        packet(segment(flag=7, numbers="PNUM=2;PNO=1;")),
        packet(segment(cn="1062", pw="wrong")),
    ]
    for _ in range(300):
        data = bytearray(chance.choice(seeds) * 2)
        for _ in range(chance.randrange(12)):
            place = chance.randrange(len(data))
            data[place : place + chance.randrange(4)] = chance.choice(
                [b"", b"##", b"&&", b";", b"=", b"\xff", b"9", b"\r\n"]
            )
        # With a checksum that is right, so that it is looked at.
        length = chance.randrange(2, len(data))
        with Station(address) as station:
            station.send(bytes(data) + packet(bytes(data[:length]).decode("latin-1") + "CP=&&&&"))
    wait_for("a station to be let in among them", lambda: takes(address), program)
    assert "a connection failed" not in program.log()


def test_two_stations_at_once_do_not_mix(address: tuple[str, int], subscriber: Subscriber) -> None:
    one, two = packet(segment(qn="20260701080000001")), packet(segment(qn="20260701080000002", mn=OTHER_MN, st="21"))
    with Station(address) as first, Station(address) as second:
        first.send(one[:50])
        second.send(two[:70])
        first.send(one[50:])
        assert first.answer().fields["MN"] == MN
        second.send(two[70:])
        assert second.answer().fields["MN"] == OTHER_MN
    assert [subscriber.next() for _ in range(2)] == [(TOPIC, one[:-2]), (f"hj212/21/{OTHER_MN}", two[:-2])]


@pytest.mark.parametrize(
    ("mn", "pw"), [(MN, "100001"), ("UNKNOWN0000001", "100000"), ("a/b", "100000"), ("#", "100000")]
)
def test_strangers_are_neither_published_nor_answered(
    address: tuple[str, int], subscriber: Subscriber, mn: str, pw: str
) -> None:
    with Station(address) as station:
        for _ in range(3):
            station.send(packet(segment(mn=mn, pw=pw)))
        assert station.is_closed()
    with Station(address) as station:
        station.send(packet(segment()))
        assert station.answer().cn == "9014"
    assert subscriber.next() == (TOPIC, bare(segment()))
    assert not subscriber.all_so_far()


def test_a_strangers_request_is_told_that_the_password_is_wrong(address: tuple[str, int]) -> None:
    with Station(address) as station:
        station.send(STRANGERS_REQUEST)
        answer = station.answer()
    assert (answer.cn, answer.cp) == ("9011", "QnRtn=3")


def test_nothing_is_answered_before_the_broker_has_it(
    address: tuple[str, int], mosquitto: Mosquitto, subscriber: Subscriber
) -> None:
    with Station(address) as station:
        station.send(packet(segment(qn="20260701080000001")))
        assert station.answer().cn == "9014"
        subscriber.next()
        mosquitto.stop()
        station.send(packet(segment(qn="20260701080000002")) * 2 + STRANGERS_REQUEST)
        assert station.answer().cn == "9011"
        mosquitto.restart()
        assert [station.answer().qn[-1] for _ in range(2)] == ["2", "2"]
    assert subscriber.next() == (TOPIC, bare(segment(qn="20260701080000002")))


def test_what_nobody_takes_is_not_answered(gateway: tuple[Program, tuple[str, int]], mosquitto: Mosquitto) -> None:
    program, address = gateway
    with Station(address) as station:
        station.send(packet(segment(qn="20260701080000001")))
        wait_for("the line about it", lambda: "nobody has subscribed" in program.log(), program)
        subscriber = Subscriber(mosquitto.host, mosquitto.port)
        station.send(packet(segment(qn="20260701080000002")))
        assert station.answer().qn[-1] == "2"
        subscriber.close()


def test_health_and_metrics_say_how_it_is(
    gateway: tuple[Program, tuple[str, int]], mosquitto: Mosquitto, subscriber: Subscriber
) -> None:
    program, address = gateway
    found = re.search(r"url=(http://\S+)/health", program.log())
    assert found is not None

    def asked(path: str) -> tuple[int, bytes]:
        answer = urllib3.request("GET", f"{found[1]}{path}")
        return answer.status, answer.data

    assert takes(address)
    wait_for("what was answered to be shown", lambda: json.loads(asked("/health")[1])["answered"], program)
    status, body = asked("/metrics")
    assert status == 200
    for name in (*(f"{name}_total" for name in MEANINGS), "connected", "open_connections", "pending_frames"):
        assert f"\ncityflux_gateway_{name} ".encode() in body
    mosquitto.stop()
    wait_for("it to be red", lambda: asked("/health")[0] == 503, program)
    assert "no broker" in json.loads(asked("/health")[1])["causes"][0]
    mosquitto.restart()
    wait_for("it to be green", lambda: asked("/health")[0] == 200, program)


def test_it_stops_at_once(mosquitto: Mosquitto, subscriber: Subscriber, tmp_path: Path) -> None:
    with running(mosquitto, tmp_path) as (program, address), Station(address) as station:
        station.send(packet(segment()))
        assert station.answer().cn == "9014"
        assert program.stop() == 0
        assert station.is_closed()
        assert "Traceback" not in program.log()


def test_a_wrong_address_is_wrong_use(mosquitto: Mosquitto, tmp_path: Path) -> None:
    environment = {"CITYFLUX_DATA_DIR": str(tmp_path)}
    assert "host:port" in cityflux("gateway", "hj212", "--listen", "9212", environment=environment, expect=2)
    taken = f"{mosquitto.host}:{mosquitto.port}"
    assert "another --listen" in cityflux("gateway", "hj212", "--listen", taken, environment=environment, expect=2)
    old = environment | {"CITYFLUX_MQTT_URL": "mqtt://127.0.0.1:1883?version=3"}
    assert "MQTT 5" in cityflux("gateway", "hj212", "--listen", "127.0.0.1:0", environment=old, expect=2)
