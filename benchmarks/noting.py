"""A sink for line protocol that notes when each line arrived, as a process of its own.

    python -m benchmarks.noting --port 8086

Takes what InfluxDB 2 takes on /api/v2/write and answers 204; a query it answers as an empty database does. A message is known by
its time, which `benchmarks.load` makes unique. The work on lines is done when they are asked for, so that the sink costs little
while it is measured with.
"""

import argparse
import array
import time

from aiohttp import web

_MOST_BYTES = 1 << 28
_NANOSECONDS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}


class Noting:
    """What has arrived: bodies as they came, with the moment at which they were answered."""

    def __init__(self) -> None:
        self._bodies: list[tuple[int, int, bytes]] = []
        self._lines = 0

    async def write(self, request: web.Request) -> web.Response:
        """Take lines; aiohttp has unpacked them where they came packed."""
        body = (await request.read()).rstrip(b"\n")
        if body:
            self._lines += body.count(b"\n") + 1
            unit = _NANOSECONDS[request.query.get("precision", "ns")]
            self._bodies.append((time.monotonic_ns(), unit, body))
        return web.Response(status=204)

    async def count(self, request: web.Request) -> web.Response:
        """Lines so far."""
        return web.Response(text=str(self._lines))

    async def arrivals(self, request: web.Request) -> web.Response:
        """Of each line its time [ms] and the monotonic moment [ns] it arrived at: pairs of 64-bit numbers."""
        pairs = array.array("q")
        for moment, unit, body in self._bodies:
            for line in body.split(b"\n"):
                pairs.append(int(line[line.rindex(b" ") + 1 :]) * unit // 1_000_000)
                pairs.append(moment)
        return web.Response(body=pairs.tobytes())


async def _nothing(request: web.Request) -> web.Response:
    return web.json_response({"results": [{"statement_id": 0}]})


async def _pong(request: web.Request) -> web.Response:
    return web.Response(status=204, headers={"X-Influxdb-Version": "noting"})


def application() -> web.Application:
    """The sink's pages."""
    noting, pages = Noting(), web.Application(client_max_size=_MOST_BYTES)
    pages.router.add_post("/api/v2/write", noting.write)
    pages.router.add_post("/query", _nothing)
    pages.router.add_get("/ping", _pong)
    pages.router.add_get("/count", noting.count)
    pages.router.add_get("/arrivals", noting.arrivals)
    return pages


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    web.run_app(application(), host="127.0.0.1", port=parser.parse_args().port, print=None, access_log=None)
