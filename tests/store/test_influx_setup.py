"""InfluxDB made ready, on a server that nobody has set up and on one that somebody has: twice the same, secrets that fit, least
rights."""

import json
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

import pytest
import urllib3

from cityflux.secret_files import SecretFiles
from store.influx_http import InfluxHttp
from store.influx_setup import ADMIN, TOKENS, Setup, Step
from store.measurements import Policy
from store.port import StoreMisconfigured
from tests.servers.influx import Influx

USUAL: Mapping[Policy, int] = {"autogen": 0, "books": 0, "samples": 90}
AS_IT_IS: Mapping[Policy, int | None] = dict.fromkeys(USUAL)
ALL = ("city", "city/books", "city/samples")


@pytest.fixture
def empty_server() -> Iterator[Influx]:
    with Influx(set_up=False) as server:
        yield server


@pytest.fixture
def secrets(tmp_path: Path) -> SecretFiles:
    return SecretFiles(tmp_path / "secrets")


def how(steps: list[Step]) -> dict[str, str]:
    return {f"{step.what} {step.name}": step.how for step in steps}


def writes(server: Influx, token: str, bucket: str) -> bool:
    query = urlencode({"org": "gaoxin", "bucket": bucket})
    answer = urllib3.request(
        "POST", f"{server.url}/api/v2/write?{query}", body=b"m f=1i", headers={"Authorization": f"Token {token}"}
    )
    assert answer.status in {204, 401, 403, 404}, answer.data
    return answer.status == 204


def reads(server: Influx, token: str, policy: str) -> bool:
    answer = urllib3.PoolManager().request(
        "POST", f"{server.url}/query", fields={"db": "city", "q": f'SELECT f FROM "{policy}"."m"'},  # noqa: S608 - a test's
        encode_multipart=False, headers={"Authorization": f"Token {token}"},
    )  # fmt: skip
    return answer.status == 200 and "series" in json.loads(answer.data)["results"][0]


def test_an_empty_server_is_made_ready_once_and_for_all(empty_server: Influx, secrets: SecretFiles) -> None:
    setup = Setup(empty_server.url, "gaoxin", "city", secrets)
    made = how(setup.run(AS_IT_IS, USUAL))
    # The server's own set-up has made organisation and readings bucket.
    there = {"organisation gaoxin": "there", "bucket city": "there"}
    assert made == dict.fromkeys(made, "made") | there
    assert set(made) >= {"bucket city/books", "mapping city.autogen", "mapping city.samples", "token grafana"}
    before = {path.name: path.read_text() for path in secrets.folder.iterdir()}
    assert set(how(setup.run(AS_IT_IS, USUAL)).values()) == {"there"}
    assert {path.name: path.read_text() for path in secrets.folder.iterdir()} == before
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets.folder.iterdir()} == {0o600}
    assert stat.S_IMODE(secrets.folder.stat().st_mode) == 0o700

    tokens = {access.name: secrets.read(access.secret) or "" for access in TOKENS}
    admin = secrets.read(ADMIN) or ""
    assert all(writes(empty_server, admin, bucket) for bucket in ALL)
    rights = {
        name: ([b for b in ALL if writes(empty_server, token, b)],
               [p for p in ("autogen", "books", "samples") if reads(empty_server, token, p)])
        for name, token in tokens.items()
    }  # fmt: skip
    everywhere = ["autogen", "books", "samples"]
    assert rights == {
        "ingest": (["city"], ["autogen"]),
        "process": ([*ALL], everywhere),
        "read": ([], ["autogen"]),
        "grafana": ([], everywhere),
    }


def test_a_lost_secret_is_replaced_and_the_old_token_ends(empty_server: Influx, secrets: SecretFiles) -> None:
    setup = _ready(empty_server, secrets)
    old = secrets.read("influx-grafana-token") or ""
    secrets.path("influx-grafana-token").unlink()
    steps = how(setup.run(AS_IT_IS, USUAL))
    assert {name for name, done in steps.items() if done != "there"} == {"token grafana"}
    new = secrets.read("influx-grafana-token") or ""
    assert new != old
    assert InfluxHttp(empty_server.url, old).status("GET", "/api/v2/buckets") == 401
    assert InfluxHttp(empty_server.url, new).status("GET", "/api/v2/buckets") == 200


def test_a_secret_that_the_server_does_not_take_is_replaced(empty_server: Influx, secrets: SecretFiles) -> None:
    setup = _ready(empty_server, secrets)
    secrets.write("influx-read-token", "of another server")
    steps = how(setup.run(AS_IT_IS, USUAL))
    assert {name for name, done in steps.items() if done != "there"} == {"token read"}


def test_a_retention_is_changed_only_where_it_is_asked_for(empty_server: Influx, secrets: SecretFiles) -> None:
    setup = _ready(empty_server, secrets)
    steps = setup.run({**AS_IT_IS, "samples": 30}, USUAL)
    assert Step("bucket", "city/samples", "changed", "keeps 30 days, before keeps 90 days") in steps
    assert Step("bucket", "city/samples", "left", "keeps 30 days") in setup.run(AS_IT_IS, USUAL)
    assert how(setup.run({**AS_IT_IS, "samples": 90}, USUAL))["bucket city/samples"] == "changed"


def test_a_server_that_others_have_set_up_needs_their_token(influx: Influx, secrets: SecretFiles) -> None:
    name = influx.new_bucket()
    setup = Setup(influx.url, influx.org, name, secrets)
    with pytest.raises(StoreMisconfigured, match=r"no influx-admin-token among the secrets.*auth create"):
        setup.run(AS_IT_IS, USUAL)
    secrets.write(ADMIN, influx.token)
    steps = how(setup.run(AS_IT_IS, USUAL))
    assert (steps[f"bucket {name}"], steps[f"bucket {name}/books"]) == ("there", "made")


def test_a_mapping_to_another_bucket_is_refused(influx: Influx, secrets: SecretFiles) -> None:
    secrets.write(ADMIN, influx.token)
    name, other = influx.new_bucket(), influx.new_bucket()
    buckets = influx.api("GET", f"/api/v2/buckets?name={other}", {})["buckets"]
    mapping = {
        "orgID": buckets[0]["orgID"],
        "bucketID": buckets[0]["id"],
        "database": name,
        "retention_policy": "books",
    }
    influx.api("POST", "/api/v2/dbrps", mapping)
    with pytest.raises(StoreMisconfigured, match=rf"{name}.books is mapped to another bucket"):
        Setup(influx.url, influx.org, name, secrets).run(AS_IT_IS, USUAL)


def _ready(server: Influx, secrets: SecretFiles) -> Setup:
    setup = Setup(server.url, "gaoxin", "city", secrets)
    setup.run(AS_IT_IS, USUAL)
    return setup
