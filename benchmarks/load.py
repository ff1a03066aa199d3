"""A publisher with a steady pace, in a process of its own: every packet is encoded before the first one goes out.

    python -m benchmarks.load --port 1883 --rate 10000 --warm-up 3 --seconds 20 --first-at 1767225600000 --sent FILE

Message n is observed at `first-at` + n [ms], by which a sink knows it. Says `measuring` when the warm-up is over and `done` when
the broker has acknowledged everything. FILE then has, for each slice, its first message and the monotonic moment [ns] at which it
was handed to the socket: pairs of 64-bit numbers. The pace does not wait for anybody: what comes late stays late.
"""

import argparse
import array
import asyncio
import gc
import random
import time
from pathlib import Path

import mqtt5

from benchmarks.backlog import PUBACK_BYTES, packet, packet_of

_SLICE_S = 0.002


async def publish(port: int, packets: list[bytes], rate: int, warm_up: int) -> bytes:
    """`rate` messages a second, the first `warm_up` of them not measured; what FILE is to have."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(mqtt5.ConnectPacket("bench-publisher", clean_start=True, keep_alive=0).write())
    await packet_of(reader, mqtt5.ConnAckPacket)
    acknowledging = asyncio.create_task(_read(reader, PUBACK_BYTES * len(packets)))
    slices = array.array("q")
    handed, begun, warm = 0, time.monotonic(), False
    while handed < len(packets):
        due = min(int((time.monotonic() - begun) * rate), len(packets))
        if due > handed:
            slices.extend((handed, time.monotonic_ns()))
            writer.write(b"".join(packets[handed:due]))
            handed = due
        if handed >= warm_up and not warm:
            warm = True
            print("measuring", flush=True)
        await asyncio.sleep(_SLICE_S)
    await acknowledging
    writer.close()
    return slices.tobytes()


async def _read(reader: asyncio.StreamReader, size: int) -> None:
    while size > 0:
        received = await reader.read(1 << 16)
        if not received:
            raise ConnectionError("the broker has closed the connection")
        size -= len(received)


def main() -> None:
    """Encode, publish, note."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=int, required=True, help="messages per second")
    parser.add_argument("--warm-up", type=int, default=3, help="seconds")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--first-at", type=int, required=True, help="time of the first message [ms]")
    parser.add_argument("--sent", type=Path, required=True)
    options = parser.parse_args()
    dice = random.Random(options.rate)
    count = options.rate * (options.warm_up + options.seconds)
    packets = [packet(number, options.first_at + number, dice) for number in range(count)]
    gc.disable()
    slices = asyncio.run(publish(options.port, packets, options.rate, options.rate * options.warm_up))
    options.sent.write_bytes(slices)
    print("done", flush=True)


if __name__ == "__main__":
    main()
