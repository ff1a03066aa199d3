"""InfluxDB over HTTP: what its answers mean as errors of the port, and the few requests of set-up and projection, one at a time.

`store/influx.py` has its own way to write and to read readings, which is the hot path; errors are the same.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import aiohttp
import urllib3

from store.influx_text import words_of
from store.port import StoreError, StoreMisconfigured, StoreUnavailable

# Chosen: long enough for a busy server, short enough that a dead one is noticed before the journal has grown much.
TIMEOUT_S = 30.0


@contextmanager
def translated(place: str) -> Iterator[None]:
    """The clients' exceptions as the port's."""
    try:
        yield
    except (aiohttp.InvalidURL, urllib3.exceptions.LocationValueError) as error:
        raise StoreMisconfigured(f"{place}: {error}; set influx_url to http(s)://host:port") from error
    except (aiohttp.ClientSSLError, urllib3.exceptions.SSLError) as error:
        raise StoreMisconfigured(f"{place}: {error}; mend the server's certificate or influx_url") from error
    except (aiohttp.ClientError, urllib3.exceptions.HTTPError, OSError) as error:
        raise StoreUnavailable(f"{place}: {str(error) or type(error).__name__}") from error


def failure(place: str, status: int, retry_after: str | None, body: bytes) -> StoreError:
    """What an answer other than success means, in the server's words. A Retry-After in the form of a date is not used."""
    said = f"{place}: HTTP {status}, {words_of(body)}"
    if status in {408, 429} or status >= 500:
        return StoreUnavailable(said, float(retry_after) if retry_after and retry_after.isdecimal() else None)
    if status in {401, 403}:
        return StoreMisconfigured(f"{said}; set a token that may read and write the bucket")
    if status == 404:
        return StoreMisconfigured(f"{said}; make the bucket, or set influx_org and influx_bucket to what is there")
    return StoreMisconfigured(f"{said}; check that influx_url is InfluxDB's")


class InfluxHttp:
    """The server at `url`, spoken to with a token (None: without one). Every call raises StoreUnavailable, StoreMisconfigured."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url.rstrip("/")
        self._headers = {} if token is None else {"Authorization": f"Token {token}"}
        self._http = urllib3.PoolManager(retries=False, timeout=TIMEOUT_S)

    def api(
        self, method: str, path: str, parameters: Mapping[str, str] | None = None, body: object = None
    ) -> dict[str, Any]:
        """The JSON answer to a request, whose `body` is bytes or becomes JSON; empty where there is none."""
        answer = self._request(method, path, parameters, body)
        if answer.status >= 300:
            raise failure(f"{self.url}{path}", answer.status, answer.headers.get("Retry-After"), answer.data)
        return dict(json.loads(answer.data)) if answer.data.strip() else {}

    def status(self, method: str, path: str, parameters: Mapping[str, str] | None = None) -> int:
        """The status of a request, whatever it is."""
        return self._request(method, path, parameters, None).status

    def ask(self, database: str, statements: Sequence[str]) -> list[list[dict[str, Any]]]:
        """The series that each InfluxQL statement gives: tags, columns and values; times in nanoseconds."""
        fields = {"q": "; ".join(statements), "db": database, "epoch": "ns"}
        with translated(self.url):
            answer = self._http.request(
                "POST", f"{self.url}/query", fields=fields, encode_multipart=False, headers=self._headers
            )
        if answer.status != 200:
            raise failure(f"{self.url}/query", answer.status, answer.headers.get("Retry-After"), answer.data)
        found = json.loads(answer.data)["results"]
        for statement, result in zip(statements, found, strict=True):
            if "error" in result:
                raise StoreMisconfigured(f"{self.url}/query of {database}: {result['error']}, of: {statement}")
        return [list(result.get("series", ())) for result in found]

    def close(self) -> None:
        """Release connections."""
        self._http.clear()

    def _request(
        self, method: str, path: str, parameters: Mapping[str, str] | None, body: object
    ) -> urllib3.BaseHTTPResponse:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        asked = f"?{urlencode(parameters)}" if parameters else ""
        headers = {**self._headers, **({"Content-Type": "application/json"} if data is not body else {})}
        with translated(self.url):
            return self._http.request(method, f"{self.url}{path}{asked}", body=data, headers=headers)
