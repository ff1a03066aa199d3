"""Grafana over its HTTP API: folder, permissions, data source, dashboards; and whether a person has changed one by hand.

What we push carries a message with the SHA-256 of what was pushed. Where the newest version of a dashboard has no such message,
or one of other content, somebody has saved it since: it is told, and overwritten only on purpose.

Of a library for it, the maintained one (grafana-client 5) brings an HTTP client that takes the place of urllib3 in the whole
environment, which InfluxDB is read with: seven requests are less to carry.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import urllib3

from dashboards.asked import SOURCE_UID, Language

Json = dict[str, Any]
How = Literal["made", "there", "changed", "left"]

_TIMEOUT_S = 30.0
_MESSAGE = "cityflux "
# What the server itself puts into a dashboard.
_ITS_OWN = ("id", "version", "iteration")
# Permissions of a folder: 1 is to view. Chosen: who edits makes a copy; ours are made by the code.
_VIEW = [{"role": "Viewer", "permission": 1}, {"role": "Editor", "permission": 1}]
_FOLDERS: Mapping[Language, str] = {"zh": "cityflux 中文", "en": "cityflux English"}


class GrafanaError(Exception):
    """Grafana cannot be reached, or will not: the message says which request, and what it said."""


class Done(NamedTuple):
    """What was done about one thing: `left` where a person has changed it."""

    what: str
    name: str
    how: How
    note: str = ""


class Difference(NamedTuple):
    """Where a dashboard in Grafana is other than ours: the place in it, and both as JSON; None where it is not there."""

    board: str
    where: str
    ours: str | None
    theirs: str | None


class Source(NamedTuple):
    """The data source: InfluxDB's address as Grafana reaches it, the database, and the token that may read."""

    url: str
    database: str
    token: str


class Grafana:
    """The server at `url`, with the token of a service account that may administer. Calls raise GrafanaError."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._http = urllib3.PoolManager(retries=False, timeout=_TIMEOUT_S)

    def push(self, boards: Mapping[Language, Sequence[Json]], source: Source | None, *, force: bool) -> list[Done]:
        """Bring everything there; `source` None leaves the data source as it is. Twice the same."""
        done = [] if source is None else [self._source(source)]
        for language, several in boards.items():
            done.append(self._folder(language))
            done += [self._dashboard(board, f"cityflux-{language}", force=force) for board in several]
        return done

    def differences(self, boards: Sequence[Json]) -> list[Difference]:
        """What is other there than we would push, whoever made it so."""
        found = []
        for board in boards:
            theirs = self._stored(board["uid"])
            if theirs is None:
                found.append(Difference(board["uid"], "", "a dashboard", None))
            else:
                found += [Difference(board["uid"], *one) for one in different(_bare(board), _bare(theirs))]
        return found

    def close(self) -> None:
        """Release connections."""
        self._http.clear()

    def _source(self, source: Source) -> Done:
        body = {
            "uid": SOURCE_UID, "name": "cityflux", "type": "influxdb", "access": "proxy", "url": source.url,
            "jsonData": {
                "version": "InfluxQL", "dbName": source.database, "httpMode": "POST", "httpHeaderName1": "Authorization",
            },
        }  # fmt: skip
        secret = {"secureJsonData": {"httpHeaderValue1": f"Token {source.token}"}}
        there = self._ask("GET", f"/api/datasources/uid/{SOURCE_UID}", may_be_none=True)
        if there is None:
            self._ask("POST", "/api/datasources", body | secret)
            return Done("data source", "cityflux", "made")
        # The token is never shown again, so whether it is the same cannot be known: it is sent each time.
        self._ask("PUT", f"/api/datasources/uid/{SOURCE_UID}", body | secret)
        same = all(there.get(name) == value for name, value in body.items())
        return Done("data source", "cityflux", "there" if same else "changed")

    def _folder(self, language: Language) -> Done:
        uid, title = f"cityflux-{language}", _FOLDERS[language]
        there = self._ask("GET", f"/api/folders/{uid}", may_be_none=True)
        if there is None:
            self._ask("POST", "/api/folders", {"uid": uid, "title": title})
        permissions = f"/api/folders/{uid}/permissions"
        has = [{name: one.get(name) for name in ("role", "permission")} for one in self._list(permissions)]
        if not all(one in has for one in _VIEW) or len(has) != len(_VIEW):
            self._ask("POST", permissions, {"items": _VIEW})
            return Done("folder", title, "made" if there is None else "changed", "viewers and editors may look")
        return Done("folder", title, "there" if there is not None else "made")

    def _dashboard(self, board: Json, folder: str, *, force: bool) -> Done:
        uid, theirs = board["uid"], self._stored(board["uid"])
        if theirs is not None:
            count = len(different(_bare(board), _bare(theirs)))
            if not count:
                return Done("dashboard", uid, "there")
            if not force and self._is_by_hand(theirs):
                return Done("dashboard", uid, "left", f"changed by hand in {count} places; see `diff`, or push --force")
        message = f"{_MESSAGE}{_digest(board)}"
        self._ask(
            "POST",
            "/api/dashboards/db",
            {"dashboard": board, "folderUid": folder, "overwrite": True, "message": message},
        )
        return Done("dashboard", uid, "made" if theirs is None else "changed")

    def _is_by_hand(self, theirs: Json) -> bool:
        """Whether what is there is not what we pushed last."""
        newest = self._list(f"/api/dashboards/uid/{theirs['uid']}/versions?limit=1", "versions")
        message = newest[0].get("message", "") if newest else ""
        return bool(message != f"{_MESSAGE}{_digest(theirs)}")

    def _stored(self, uid: str) -> Json | None:
        found = self._ask("GET", f"/api/dashboards/uid/{uid}", may_be_none=True)
        return None if found is None else dict(found["dashboard"])

    def _list(self, path: str, key: str = "") -> list[Json]:
        """A listing, which newer versions of some answers have under a key."""
        found = self._ask("GET", path)
        return list(found.get(key, ()) if isinstance(found, dict) else found)

    def _ask(self, method: str, path: str, body: object = None, *, may_be_none: bool = False) -> Any:
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        try:
            answer = self._http.request(method, f"{self._url}{path}", body=data, headers=self._headers)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise GrafanaError(f"{self._url}: {error}; set grafana_url to where Grafana answers") from error
        if answer.status == 404 and may_be_none:
            return None
        try:
            said = json.loads(answer.data)
        except ValueError as error:
            raise GrafanaError(f"{self._url}{path}: HTTP {answer.status}, no JSON: is this Grafana?") from error
        if answer.status >= 300:
            why = said.get("message", "") if isinstance(said, dict) else ""
            fix = (
                "; give grafana_token_file a service account's token of role Admin"
                if answer.status in {401, 403}
                else ""
            )
            raise GrafanaError(f"{self._url}: {method} {path}: HTTP {answer.status}, {why}{fix}")
        return said


def different(ours: Any, theirs: Any, where: str = "") -> list[tuple[str, str | None, str | None]]:
    """Where two JSON values are not the same: the place, and both."""
    if isinstance(ours, list) and isinstance(theirs, list):
        ours, theirs = _by_name(ours), _by_name(theirs)
    if not (isinstance(ours, dict) and isinstance(theirs, dict)):
        same = ours == theirs and isinstance(ours, bool) == isinstance(theirs, bool)
        return [] if same else [(where, _short(ours), _short(theirs))]
    found: list[tuple[str, str | None, str | None]] = []
    for key in sorted({*ours, *theirs}):
        place = f"{where}.{key}" if where else key
        if key not in ours:
            found.append((place, None, _short(theirs[key])))
        elif key not in theirs:
            found.append((place, _short(ours[key]), None))
        else:
            found += different(ours[key], theirs[key], place)
    return found


def _by_name(items: list[Any]) -> Json:
    """A list as people speak of it: panels by number and title, all else by place."""
    named: Json = {}
    for place, one in enumerate(items):
        titled = isinstance(one, dict) and {"id", "title"} <= set(one)
        named[f"[{one['id']} {one['title']}]" if titled else f"[{place}]"] = one
    return named


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= 100 else f"{text[:97]}…"


def _bare(board: Json) -> Json:
    return {name: value for name, value in board.items() if name not in _ITS_OWN}


def _digest(board: Json) -> str:
    text = json.dumps(_bare(board), ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
