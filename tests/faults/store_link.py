"""The link between ingest and InfluxDB: passes requests on, and answers as a database in trouble does.

Two things it always does, because a real InfluxDB does them for good: a write with a line of station `never-400` is refused
whole, and one with a line of `never-422` is written without that line and answered 422, which does not say which line it was.
"""

import asyncio
from collections import Counter
from typing import Literal

import aiohttp
from aiohttp import web

from tests.servers.processes import HOST

Mode = Literal["500", "503", "429", "401", "404", "413", "400 of a proxy", "hang", "answer late"]
"""413: a body over `_MOST_BYTES` is too large. hang: take the request and never answer. answer late: pass it on, and answer
after the client has given up."""

MODES: tuple[Mode, ...] = ("500", "503", "429", "401", "404", "413", "400 of a proxy", "hang", "answer late")
_MOST_BYTES = 1_000
_CLIENT_GIVES_UP_S = 32.0


class StoreLink:
    """Listens on `port` in front of the InfluxDB at `url`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.port = 0
        self.mode: Mode | None = None
        self.answered: Counter[str] = Counter()
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None
        self._healed = asyncio.Event()

    async def open(self) -> None:
        """Listen on a free port."""
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._http = aiohttp.ClientSession(auto_decompress=False)

    async def close(self) -> None:
        """Stop answering."""
        if self._http is not None:
            await self._http.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        mode, is_write = self.mode, request.path.endswith("/write")
        if mode is not None:
            self.answered[mode] += 1
        match mode:
            case "500":
                return _said(500, "internal error", "the disk is gone")
            case "503":
                return _said(503, "unavailable", "busy", {"Retry-After": "1"})
            case "429":
                return _said(429, "too many requests", "slower", {"Retry-After": "1"})
            case "401":
                return _said(401, "unauthorized", "unauthorized access")
            case "404":
                return _said(404, "not found", "bucket not found")
            case "400 of a proxy":
                return web.Response(status=400, text="<html>Bad Request</html>")
            case "413" if is_write and len(body) > _MOST_BYTES and b"\n" in body:
                return _said(413, "request too large", "body over the limit")
            case "hang":
                await asyncio.sleep(_CLIENT_GIVES_UP_S)
                return _said(500, "internal error", "nobody reads this")
        if is_write and b"station=never-" in body:
            return await self._refuse_some(request, body)
        answer = await self._pass_on(request, body)
        if mode == "answer late":
            await asyncio.sleep(_CLIENT_GIVES_UP_S)
        return answer

    async def _refuse_some(self, request: web.Request, body: bytes) -> web.StreamResponse:
        lines = body.split(b"\n")
        if any(b"station=never-400" in line for line in lines):
            self.answered["400 of a line"] += 1
            return _said(400, "invalid", "unable to parse a line")
        self.answered["422 of a line"] += 1
        good = b"\n".join(line for line in lines if b"station=never-" not in line)
        if good:
            answer = await self._pass_on(request, good)
            if answer.status >= 300:
                return answer
        return _said(422, "unprocessable entity", "partial write: field type conflict dropped=1")

    async def _pass_on(self, request: web.Request, body: bytes) -> web.Response:
        assert self._http is not None
        headers = {name: value for name, value in request.headers.items() if name not in {"Host", "Content-Length"}}
        try:
            async with self._http.request(
                request.method, f"{self._url}{request.raw_path}", data=body, headers=headers
            ) as answer:
                content = await answer.read()
                kept = {n: v for n, v in answer.headers.items() if n in {"Content-Type", "Content-Encoding"}}
                return web.Response(status=answer.status, body=content, headers=kept)
        except aiohttp.ClientError as error:
            return web.Response(status=502, text=f"no database behind the link: {error}")


def _said(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status, headers=headers)
