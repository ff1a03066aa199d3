"""Annotations of Grafana's dashboards, by its HTTP API: one region for each incident, from its beginning to its end.

An annotation is found again by a tag with the incident's number: what is sent twice changes it twice, to the same.
"""

from collections.abc import Callable
from typing import Any

import urllib3

from processors.alerts.notify.channels import Message, NotSentError
from processors.alerts.notify.channels.waiting import retry_after
from processors.alerts.notify.hidden import Address
from sensors.instants import to_datetime

_GONE = frozenset({"withdrawn", "joined"})


class Annotations:
    """A receiver at Grafana's address."""

    def __init__(self, address: Address, token: str, clock: Callable[[], int]) -> None:
        """`clock` gives the time [ms], by which a date that a server asks to wait for is so far away."""
        self.shown = address.shown
        self._address = address
        self._token = token
        self._clock = clock
        self._http = urllib3.PoolManager(retries=False)

    def send(self, message: Message, timeout_s: float) -> None:
        """As `Receiver.send`. News of no incident (a test) is an annotation of its own."""
        facts, tag = message.facts, f"cityflux-incident-{message.incident}"
        if not message.incident:
            self._ask("POST", "/api/annotations", timeout_s, {"tags": ["cityflux", "test"], "text": message.body})
            return
        found = self._ask("GET", "/api/annotations", timeout_s, fields={"tags": tag, "limit": "10"})
        number = (
            next((one["id"] for one in found if tag in one.get("tags", ())), None) if isinstance(found, list) else None
        )
        if facts["phase"] in _GONE:
            if number is not None:
                self._ask("DELETE", f"/api/annotations/{number}", timeout_s)
            return
        body = {
            "time": facts["since_ms"],
            "timeEnd": facts["until_ms"] or facts["since_ms"],
            "tags": ["cityflux", tag, facts["rule"], facts["severity"]],
            "text": f"{message.title}\n{message.body}",
        }
        if number is None:
            self._ask("POST", "/api/annotations", timeout_s, body)
        else:
            self._ask("PATCH", f"/api/annotations/{number}", timeout_s, body)

    def _ask(
        self, method: str, path: str, timeout_s: float, body: dict[str, Any] | None = None, fields: Any = None
    ) -> Any:
        url = f"{self._address.url.rstrip('/')}{path}"
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            if body is not None:
                answer = self._http.request(method, url, json=body, headers=headers, timeout=timeout_s)
            else:
                answer = self._http.request(method, url, fields=fields, headers=headers, timeout=timeout_s)
        except urllib3.exceptions.HTTPError as error:
            raise NotSentError(f"{self.shown}: {type(error).__name__}") from None
        if answer.status >= 300:
            asked = retry_after(answer.headers.get("Retry-After"), to_datetime(self._clock()))
            raise NotSentError(f"{self.shown}: HTTP {answer.status}", asked)
        try:
            return answer.json()
        except ValueError as error:
            raise NotSentError(f"{self.shown}: its answer is no JSON; is it Grafana's address?") from error
