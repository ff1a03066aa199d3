"""InfluxDB when it will not: what is tried again, what waits for a person, what is refused, and what a crash leaves behind.

Answers that a real server gives only in trouble come from a small HTTP server; the others from the real influxd.
"""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from ingest.journal import Journal
from sensors.instants import HOUR_MS
from sensors.reading import Doubt
from store.influx import InfluxStore
from store.port import Rejected, StoreError, StoreMisconfigured, StoreUnavailable
from tests.servers import free_port
from tests.servers.influx import Influx
from tests.store.conftest import rows
from tests.store.test_contract import NOON, RECEIVED, reading

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
WITHDRAWN = Doubt("withdrawn", None)


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """The URL of an HTTP server that answers everything with `handler`."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return await handler(request)

    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def opened(url: str, bucket: str = "bucket", **more: Any) -> AsyncIterator[InfluxStore]:
    store = InfluxStore(url, more.pop("org", "org"), bucket, more.pop("token", "token"), **more)
    try:
        yield store
    finally:
        await store.close()


def empty() -> web.Response:
    """`/query` without any series."""
    return web.json_response({"results": [{"statement_id": 0}]})


def said(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}


# Answers

ANSWERS: dict[str, tuple[int, dict[str, str], Any, type[StoreError], str, float | None]] = {
    "500": (500, {}, said("internal error", "disk gone"), StoreUnavailable, "disk gone", None),
    "503 and when to come again": (503, {"Retry-After": "7"}, said("unavailable", "busy"), StoreUnavailable, "busy", 7),
    "503 with a date": (503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, "x", StoreUnavailable, "x", None),
    "429": (429, {"Retry-After": "3"}, said("too many requests", "slower"), StoreUnavailable, "slower", 3),
    "401": (401, {}, said("unauthorized", "unauthorized access"), StoreMisconfigured, "set a token", None),
    "403": (403, {}, said("forbidden", "insufficient permissions"), StoreMisconfigured, "insufficient", None),
    "404": (404, {}, said("not found", "bucket not found"), StoreMisconfigured, "make the bucket", None),
    "404 of something else": (404, {}, "<html>404 page</html>", StoreMisconfigured, "<html>404 page", None),
    "400 of something else": (400, {}, "Client sent an HTTP request to an HTTPS server.", StoreMisconfigured, "HTTPS", None),
    "a redirect": (302, {"Location": "/login"}, "", StoreMisconfigured, "influx_url", None),
}  # fmt: skip


@pytest.mark.parametrize(("status", "headers", "body", "kind", "words", "wait_s"), ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize("path", ["/api/v2/write", "/query"])
async def test_answers_are_named_for_who_must_act(
    path: str, status: int, headers: dict[str, str], body: Any, kind: type[StoreError], words: str, wait_s: float | None
) -> None:
    async def handler(request: web.Request) -> web.Response:
        if request.path != path:
            return empty()
        return web.Response(status=status, headers=headers, text=body if isinstance(body, str) else json.dumps(body))

    async with serving(handler) as url, opened(url, "the-bucket") as store:
        with pytest.raises(kind, match=words) as raised:
            await store.write([reading(pm2_5=1.0)])
        assert type(raised.value) is kind
        assert getattr(raised.value, "retry_after_s", None) == wait_s
        assert url in str(raised.value)
        assert "the-bucket" in str(raised.value)


async def test_nobody_listens() -> None:
    async with opened(f"http://127.0.0.1:{free_port()}") as store:
        with pytest.raises(StoreUnavailable):
            await store.write([reading(pm2_5=1.0)])
        with pytest.raises(StoreUnavailable):
            store.readings("air", "hour", 0, NOON)
        with pytest.raises(StoreUnavailable):
            await store.check()


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://"])
async def test_an_address_that_is_none(url: str) -> None:
    async with opened(url) as store:
        with pytest.raises(StoreMisconfigured, match="influx_url"):
            await store.write([reading(pm2_5=1.0)])


@pytest.mark.parametrize("path", ["/api/v2/write", "/query"])
async def test_no_answer_in_time(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.influx.TIMEOUT_S", 0.2)
    over = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        if request.path == path:
            await over.wait()
        return empty()

    async with serving(handler) as url, opened(url) as store:
        with pytest.raises(StoreUnavailable, match=r"[Tt]ime"):
            await store.write([reading(pm2_5=1.0)])
        over.set()


async def test_an_answer_that_breaks_off() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "1000"})
        await answer.prepare(request)
        await answer.write(b'{"results":[{"statement_id":0}]}\n{"resu')
        assert request.transport is not None
        request.transport.abort()
        return answer

    async with serving(handler) as url, opened(url) as store:
        with pytest.raises(StoreUnavailable):
            await asyncio.to_thread(store.readings, "air", "hour", 0, NOON)


async def test_an_error_in_the_middle_of_an_answer() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text='{"results":[{"statement_id":0,"error":"query interrupted"}]}\n')

    async with serving(handler) as url, opened(url) as store:
        with pytest.raises(StoreUnavailable, match="query interrupted"):
            await asyncio.to_thread(store.readings, "air", "hour", 0, NOON)


# Lines that the server refuses


class Picky:
    """Refuses lines that hold a 13; of the others in the same body it takes all (422) or none (400)."""

    def __init__(self, status: int) -> None:
        self._status = status
        self.taken: set[bytes] = set()
        self.posts = 0

    async def __call__(self, request: web.Request) -> web.Response:
        if request.path == "/query":
            return empty()
        self.posts += 1
        lines = (await request.read()).split(b"\n")
        good = [line for line in lines if b"=13.0," not in line]
        if len(good) == len(lines):
            self.taken.update(lines)
            return web.Response(status=204)
        if self._status == 422:
            self.taken.update(good)
        return web.json_response(said("invalid", f"13 is unlucky, status {self._status}"), status=self._status)


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("bad", [{0}, {3, 500, 4_999}, {7, 8, 9}, {4_000}])
async def test_refused_lines_are_found_by_halves(status: int, bad: set[int]) -> None:
    batch = [reading(NOON + n * HOUR_MS, pm2_5=13.0 if n in bad else 1.0) for n in range(5_000)]
    server = Picky(status)
    async with serving(server) as url, opened(url) as store:
        rejected = await store.write(batch)
    assert rejected == [Rejected(n, f"13 is unlucky, status {status}") for n in sorted(bad)]
    assert len(server.taken) == len(batch) - len(bad)
    assert server.posts <= 2 + 2 * len(bad) * math.ceil(math.log2(len(batch)))


async def test_refused_among_merged_ones() -> None:
    """Indices are those of the batch, whichever way a reading goes, and every reading of a refused point is refused."""
    values = [1.0, 13.0, 2.0, 5.0, 13.0]
    batch = [reading(station=f"s-{n // 2}", received_at=RECEIVED + n, pm2_5=v) for n, v in enumerate(values)]
    async with serving(Picky(400)) as url, opened(url) as store:
        rejected = await store.write(batch)
    assert sorted(r.index for r in rejected) == [1, 4], "0 was written before 1 was merged onto it, 2 and 3 are good"


async def test_a_body_too_large_is_halved_and_one_line_too_large_is_refused() -> None:
    taken: list[bytes] = []

    async def handler(request: web.Request) -> web.Response:
        body = await request.read()
        if request.path == "/query":
            return empty()
        if len(body) > 1_000:
            return web.Response(status=413, text="<html>413 Request Entity Too Large</html>")
        taken.extend(body.split(b"\n"))
        return web.Response(status=204)

    batch = [reading(NOON + n * HOUR_MS, pm2_5=1.0) for n in range(100)]
    batch[50] = batch[50]._replace(station="x" * 2_000)
    async with serving(handler) as url, opened(url) as store:
        (rejected,) = await store.write(batch)
    assert rejected.index == 50
    assert "413" in rejected.why
    assert len(taken) == 99


# The real server


async def test_a_type_conflict_refuses_the_readings_concerned(influx: Influx) -> None:
    bucket = influx.new_bucket()
    await post(influx, bucket, f"air_hour,station=other co=5i {NOON}")
    batch = [reading(NOON + n * 1000, pm2_5=1.0) for n in range(20)]
    for n in (4, 9):
        batch[n] = reading(NOON + n * 1000, pm2_5=1.0, co=0.5)
    async with opened(influx.url, bucket, org=influx.org, token=influx.token) as store:
        rejected = await store.write(batch)
        assert [r.index for r in rejected] == [4, 9]
        assert all("field type conflict" in r.why for r in rejected)
        assert len(store.readings("air", "hour", 0, 2**50)) == 18
        assert [r.index for r in await store.write(batch)] == [4, 9], "the second time as the first"


async def test_a_refused_correction_leaves_the_stored_point_as_it_was(influx: Influx) -> None:
    bucket = influx.new_bucket()
    await post(influx, bucket, f"air_hour,station=other co=5i {NOON}")
    async with opened(influx.url, bucket, org=influx.org, token=influx.token) as store:
        await store.write([reading(pm2_5=1.0, o3=80.0)])
        before = rows(store.readings("air", "hour", 0, NOON, detail=True))
        (rejected,) = await store.write([reading(received_at=RECEIVED + 1, pm2_5=WITHDRAWN, co=0.5)])
        assert "type conflict" in rejected.why
        assert rows(store.readings("air", "hour", 0, NOON, detail=True)) == before


async def test_what_is_past_the_retention_is_refused(influx: Influx) -> None:
    bucket = influx.new_bucket(keep_s=3600)
    async with opened(influx.url, bucket, org=influx.org, token=influx.token) as store:
        (rejected,) = await store.write([reading(at=HOUR_MS, pm2_5=1.0)])
    assert rejected.index == 0
    assert "retention" in rejected.why


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"token": "wrong"}, "set a token"),
        ({"bucket": "none-such"}, "none-such"),
        ({"org": "none-such"}, "none-such"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
async def test_a_wrong_setting_waits_for_a_person(influx: Influx, wrong: dict[str, str], words: str) -> None:
    right = {"bucket": influx.new_bucket(), "org": influx.org, "token": influx.token}
    async with opened(influx.url, **{**right, **wrong}) as store:
        with pytest.raises(StoreMisconfigured, match=words):
            await store.check()
        with pytest.raises(StoreMisconfigured, match=words):
            await store.write([reading(pm2_5=1.0)])


async def test_points_of_others_in_the_bucket_are_not_seen(influx: Influx) -> None:
    bucket = influx.new_bucket()
    await post(
        influx, bucket, f"air_hour,station=hx-01 pm2_5=9.0 {NOON - 1000}\nair_hour,station=hx-02 pm2_5=9.0 {NOON}"
    )
    async with opened(influx.url, bucket, org=influx.org, token=influx.token) as store:
        await store.write([reading(pm2_5=1.0), reading(at=NOON - 2000, pm2_5=2.0)])
        found = rows(store.readings("air", "hour", 0, NOON))
        assert [(row["observed_at"], row["pm2_5"]) for row in found] == [(NOON - 2000, 2.0), (NOON, 1.0)]


async def post(influx: Influx, bucket: str, lines: str) -> None:
    """What somebody else writes."""
    headers = {"Authorization": f"Token {influx.token}"}
    query = {"org": influx.org, "bucket": bucket, "precision": "ms"}
    async with aiohttp.ClientSession(headers=headers) as session:
        (await session.post(f"{influx.url}/api/v2/write", params=query, data=lines)).raise_for_status()


# Crashes


@pytest.fixture(scope="module")
def mortal() -> Iterator[Influx]:
    """A server that tests may kill."""
    with Influx() as server:
        yield server


async def test_the_server_stops_and_comes_back(mortal: Influx) -> None:
    async with opened(mortal.url, mortal.new_bucket(), org=mortal.org, token=mortal.token) as store:
        await store.write([reading(pm2_5=1.0)])
        mortal.stop()
        with pytest.raises(StoreUnavailable):
            await store.write([reading(at=NOON + HOUR_MS, pm2_5=2.0)])
        with pytest.raises(StoreUnavailable):
            store.latest("air", "hour")
        mortal.restart()
        assert await store.write([reading(at=NOON + HOUR_MS, pm2_5=2.0)]) == []
        assert [row["pm2_5"] for row in rows(store.readings("air", "hour", 0, 2**50))] == [1.0, 2.0]


async def test_a_displaced_value_does_not_come_back_after_the_server_is_killed(mortal: Influx) -> None:
    async with opened(mortal.url, mortal.new_bucket(), org=mortal.org, token=mortal.token) as store:
        await store.write([reading(pm2_5=1.0, co=0.7)])
        await store.write([reading(received_at=RECEIVED + 1, pm2_5=WITHDRAWN)])
        before = rows(store.readings("air", "hour", 0, NOON, detail=True))
        mortal.kill()
        mortal.restart()
        assert rows(store.readings("air", "hour", 0, NOON, detail=True)) == before
        assert before[0]["doubtful"] == {"pm2_5": WITHDRAWN}


class Failing:
    """Stands before a real server and breaks the connection at request `at`, `seen` by the server or not, and ever after."""

    def __init__(self, server: Influx, at: int, *, seen: bool) -> None:
        self._server = server
        self._left = at
        self._seen = seen
        self.failed_at: str | None = None

    async def __call__(self, request: web.Request) -> web.Response:
        body = await request.read()
        self._left -= 1
        if self._left >= 0 or (self._left == -1 and self._seen):
            answer = await self._forward(request, body)
            if self._left >= 0:
                return answer
        self.failed_at = self.failed_at or request.path
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    def mend(self) -> None:
        """Let everything through from here on."""
        self._left = 1_000_000

    async def _forward(self, request: web.Request, body: bytes) -> web.Response:
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type")}
        url = f"{self._server.url}{request.path_qs}"
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, url, data=body, headers=headers) as answer,
        ):
            return web.Response(status=answer.status, body=await answer.read())


# Requests of a displacing write by a new process: newest time, stored points, write, delete, write again.
STEPS = ["/query", "/query", "/api/v2/write", "/api/v2/delete", "/api/v2/write"]


@pytest.mark.parametrize("seen", [False, True], ids=["before the server saw it", "after"])
@pytest.mark.parametrize("step", range(len(STEPS)))
@pytest.mark.parametrize("repeated", [True, False], ids=["the batch comes again", "another batch comes"])
async def test_a_crash_at_any_step_loses_nothing(
    influx: Influx, tmp_path: Path, step: int, seen: bool, repeated: bool
) -> None:
    bucket = influx.new_bucket()
    withdrawal = reading(received_at=RECEIVED + 1, pm2_5=WITHDRAWN)
    known = {"org": influx.org, "token": influx.token}
    async with opened(influx.url, bucket, **known) as store:
        await store.write([reading(pm2_5=1.0, co=0.7)])
    failing = Failing(influx, step, seen=seen)
    with Journal(tmp_path) as journal:
        async with serving(failing) as url, opened(url, bucket, keepsake=journal, **known) as store:
            with pytest.raises(StoreUnavailable):
                await store.write([withdrawal])
    assert failing.failed_at == STEPS[step]
    with Journal(tmp_path) as journal:
        async with opened(influx.url, bucket, keepsake=journal, **known) as store:
            await store.write([withdrawal] if repeated else [reading(station="another", pm2_5=5.0)])
            (row,) = rows(store.readings("air", "hour", 0, NOON, ["hx-01"], detail=True))
            assert journal.pending() == []
    assert row["co"] == 0.7, "a quantity that the withdrawal does not name is never lost"
    assert ("pm2_5" in row) != ("pm2_5" in row["doubtful"])
    if repeated or step >= STEPS.index("/api/v2/delete"):
        assert row["doubtful"] == {"pm2_5": WITHDRAWN}
    if repeated:
        assert await raw_field(influx, bucket, "pm2_5") == [], "whoever reads without us finds no good value either"


async def test_without_a_keepsake_the_same_store_still_has_the_point(influx: Influx) -> None:
    bucket = influx.new_bucket()
    # The first write is two requests (newest time, write); the second need not ask for the newest time, and fails at its last.
    failing = Failing(influx, 2 + len(STEPS) - 2, seen=False)
    async with serving(failing) as url, opened(url, bucket, org=influx.org, token=influx.token) as store:
        await store.write([reading(pm2_5=1.0, co=0.7)])
        with pytest.raises(StoreUnavailable):
            await store.write([reading(received_at=RECEIVED + 1, pm2_5=WITHDRAWN)])
        assert await raw_field(influx, bucket, "co") == [], "deleted, and not written again"
        failing.mend()
        await store.write([reading(received_at=RECEIVED + 1, pm2_5=WITHDRAWN)])
        (row,) = await asyncio.to_thread(lambda: rows(store.readings("air", "hour", 0, NOON, detail=True)))
    assert (row["co"], row["doubtful"]) == (0.7, {"pm2_5": WITHDRAWN})


async def raw_field(influx: Influx, bucket: str, field: str) -> list[Any]:
    """The values of a field as Grafana would read them."""
    query = {"q": f'SELECT "{field}" FROM "air_hour" WHERE "station" = \'hx-01\'', "db": bucket}  # noqa: S608 - our own names
    headers = {"Authorization": f"Token {influx.token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{influx.url}/query", data=query) as answer,
    ):
        (result,) = (await answer.json())["results"]
    return [value for series in result.get("series", ()) for _, value in series["values"]]
