"""A station as the standard describes it (HJ 212-2017), on a plain socket: framing and checksum are written out here, from the
text, and share nothing with ours."""

import re
import socket
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

WAIT_S = 30.0
MN = "010000A8900016F000169DC0"
PW = "100000"
# 6.3.2 and annex A.
_PACKET = re.compile(rb"##([0-9]{4})(.*?)([0-9A-F]{4})\r\n", re.DOTALL)


def checksum(segment: bytes) -> int:
    """Annex A, byte by byte and bit by bit."""
    register = 0xFFFF
    for byte in segment:
        register = (register >> 8) ^ byte
        for _ in range(8):
            carry = register & 1
            register >>= 1
            if carry:
                register ^= 0xA001
    return register


def checksum_of_modbus(segment: bytes) -> int:
    """The usual CRC-16, which one firmware takes for the standard's."""
    register = 0xFFFF
    for byte in segment:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0xA001 if register & 1 else 0)
    return register


def packet(segment: str, checksum_of: Callable[[bytes], int] = checksum) -> bytes:
    """The communication packet of a data segment."""
    data = segment.encode()
    return b"##" + str(len(data)).zfill(4).encode() + data + f"{checksum_of(data):04X}".encode() + b"\r\n"


def segment(
    cp: str = "DataTime=20260701080000;a34004-Rtd=35.0,a34004-Flag=N",
    *,
    qn: str = "20260701080001000",
    cn: str = "2011",
    flag: int = 5,
    mn: str = MN,
    pw: str = PW,
    st: str = "22",
    numbers: str = "",
) -> str:
    """A data segment; `numbers` is `PNUM=…;PNO=…;` of a message in several packets."""
    return f"QN={qn};ST={st};CN={cn};PW={pw};MN={mn};Flag={flag};{numbers}CP=&&{cp}&&"


class Answer(NamedTuple):
    """The fields of an answer's data segment."""

    fields: dict[str, str]
    cp: str

    @property
    def cn(self) -> str:
        return self.fields["CN"]

    @property
    def qn(self) -> str:
        return self.fields["QN"]


class Station:
    """One connection, made at once."""

    def __init__(self, address: tuple[str, int], *, receive_bytes: int | None = None) -> None:
        self._socket = socket.socket()
        if receive_bytes is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self._socket.settimeout(WAIT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.connect(address)
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def send_byte_by_byte(self, data: bytes) -> None:
        for place in range(len(data)):
            self._socket.sendall(data[place : place + 1])

    def end(self) -> None:
        """Nothing more is sent; answers are still read."""
        self._socket.shutdown(socket.SHUT_WR)

    def answer(self, checksum_of: Callable[[bytes], int] = checksum) -> Answer:
        """The next answer; its length and its checksum are right."""
        while (found := _PACKET.match(self._received)) is None:
            more = self._socket.recv(4096)
            assert more, f"the connection was closed, with {self._received!r} received"
            self._received += more
        self._received = self._received[found.end() :]
        data = found[2]
        assert (int(found[1]), int(found[3], 16)) == (len(data), checksum_of(data))
        head, _, cp = data.decode().partition("CP=&&")
        assert cp.endswith("&&")
        return Answer(dict(part.split("=", 1) for part in head.split(";") if part), cp[:-2])

    def is_closed(self) -> bool:
        """Wait until the other side has closed; False where an answer comes instead."""
        try:
            more = self._socket.recv(4096)
        except ConnectionError:
            return True
        return not more


def takes(address: tuple[str, int]) -> bool:
    """Whether a station is answered there."""
    with Station(address) as station:
        try:
            station.send(packet(segment()))
            return station.answer().cn == "9014"
        except (ConnectionError, AssertionError):
            return False
