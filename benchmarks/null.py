"""A subscriber that does nothing but acknowledge: what Mosquitto delivers to anybody, at most. For comparison only.

    python -m benchmarks.null --port 1883 --count 200000

MQTT 5 on a blocking socket, QoS 1, persistent session; of each PUBLISH it reads where the packet id stands and no more.
"""

import argparse
import resource
import socket
import time

import mqtt5

CLIENT = "null"
_RECEIVE_BYTES = 1 << 20
_PUBLISH = 3


def main(port: int, count: int) -> None:
    """Acknowledge `count` messages of a session that exists, and say what they cost from the first one on."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connect = mqtt5.ConnectPacket(CLIENT, clean_start=False, session_expiry_interval=3600, receive_max=20_000)
    connection.sendall(connect.write())
    data, seen = connection.recv(_RECEIVE_BYTES), 0
    before, started = _cpu_s(), time.monotonic()
    while seen < count:
        acknowledgements, used = acknowledge(data)
        if acknowledgements:
            connection.sendall(acknowledgements)
            seen += len(acknowledgements) // 4
        received = connection.recv(_RECEIVE_BYTES) if seen < count else b""
        data = data[used:] + received
    took, cost = time.monotonic() - started, (_cpu_s() - before) / seen * 1e6
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{CLIENT}: {seen} messages, {seen / took:.0f} msg/s, {cost:.2f} µs CPU/message, {memory} MB")


def acknowledge(data: bytes) -> tuple[bytes, int]:
    """The PUBACKs of the whole packets at the front of `data`, and how many bytes those packets are."""
    answers: list[bytes] = []
    at, end = 0, len(data)
    while at + 2 <= end:
        length, shift, body = data[at + 1] & 0x7F, 7, at + 2
        while data[body - 1] & 0x80:
            if body == end:
                return b"".join(answers), at
            length |= (data[body] & 0x7F) << shift
            shift += 7
            body += 1
        if body + length > end:
            break
        if data[at] >> 4 == _PUBLISH:
            packet_id = body + 2 + (data[body] << 8 | data[body + 1])
            answers.append(b"\x40\x02" + data[packet_id : packet_id + 2])
        at = body + length
    return b"".join(answers), at


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--count", type=int, required=True)
    options = parser.parse_args()
    main(options.port, options.count)
