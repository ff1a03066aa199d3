"""Real receivers of notices that can be told to fail: an HTTP server and a mail server, each in a thread of its own."""

import asyncio
import email
import email.policy
import json
import threading
from collections import deque
from collections.abc import Mapping
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self, cast

from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.servers import free_port
from tests.servers.processes import HOST

Behaviour = Literal["take", "fail", "busy", "hang", "cut", "take and cut", "refuse politely"]
"""Take it (200); answer 500; 429 with Retry-After; nothing at all; close without an answer, before or after it was taken; 200
with an errcode, as robots of DingTalk and WeCom do."""


class Request(NamedTuple):
    """A request as received; `taken`: whether the receiver keeps it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    taken: bool


class HttpReceiver:
    """An HTTP server; `script` says how it treats the next requests, `otherwise` all further ones."""

    def __init__(self, *script: Behaviour, otherwise: Behaviour = "take", retry_after_s: int = 1) -> None:
        self.script: deque[Behaviour] = deque(script)
        self.otherwise: Behaviour = otherwise
        self.requests: list[Request] = []
        self.port = 0
        self._retry_after_s = retry_after_s
        self._loop = asyncio.new_event_loop()
        self._released = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    @property
    def taken(self) -> list[Request]:
        """What it has kept, in order; what came twice is there twice."""
        return [one for one in list(self.requests) if one.taken]

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        self._released.set()
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        behaviour = self.script.popleft() if self.script else self.otherwise
        text = await request.text()
        body = json.loads(text) if text.startswith(("{", "[")) else text
        taken = behaviour in {"take", "take and cut"}
        self.requests.append(Request(request.method, request.path_qs, dict(request.headers), body, taken))
        match behaviour:
            case "fail":
                return web.Response(status=500)
            case "busy":
                return web.Response(status=429, headers={"Retry-After": str(self._retry_after_s)})
            case "refuse politely":
                return web.json_response({"errcode": 310000, "errmsg": "keywords not in content"})
            case "hang":
                await self._released.wait()
            case "cut" | "take and cut":
                cast("asyncio.Transport", request.transport).abort()
        return await self.reply(request, body)

    async def reply(self, request: web.Request, body: Any) -> web.StreamResponse:
        """What it answers to what it takes."""
        return web.json_response({"errcode": 0})


class MailReceiver:
    """A mail server that keeps what comes; `script` gives replies other than 250 to the next mails."""

    def __init__(self, *script: str) -> None:
        self.script = deque(script)
        self.mails: list[EmailMessage] = []
        self._controller = Controller(self, hostname=HOST, port=0)
        self.port = 0

    def __enter__(self) -> Self:
        self._controller.port = free_port()
        self._controller.start()
        self.port = self._controller.port
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """One mail."""
        if self.script:
            return self.script.popleft()
        content = envelope.content
        if not isinstance(content, bytes):
            return "500 not bytes"
        self.mails.append(email.message_from_bytes(content, policy=email.policy.default))
        return "250 kept"
