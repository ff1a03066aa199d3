"""A small HTTP server that answers as Grafana's documented API does (folders, permissions, data sources, dashboards, versions):
no Grafana can be had where these tests run."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]
TOKEN = "glsa_of-a-service-account"


class GrafanaServer:
    """What it has been told; `requests` are those that change something."""

    def __init__(self) -> None:
        self.url = ""
        self.folders: dict[str, Json] = {}
        self.permissions: dict[str, list[Json]] = {}
        self.sources: dict[str, Json] = {}
        self.secrets: dict[str, Json] = {}
        self.boards: dict[str, Json] = {}
        self.versions: dict[str, list[str]] = {}
        self.changes: list[str] = []

    def save_by_hand(self, uid: str, board: Json) -> None:
        """As a person does in the browser."""
        self._save({**board, "uid": uid}, "")

    def answer(self, method: str, path: str, body: Json) -> tuple[int, Any]:
        """Status and JSON."""
        match method, path.strip("/").split("/")[1:]:
            case "GET", ["folders", uid]:
                return self._found(self.folders, uid, "folder not found")
            case "POST", ["folders"]:
                self.folders[body["uid"]] = body
                # A new folder is everybody's as Grafana makes it.
                self.permissions[body["uid"]] = [
                    {"role": "Viewer", "permission": 1},
                    {"role": "Editor", "permission": 2},
                ]
                return 200, body
            case "GET", ["folders", uid, "permissions"]:
                return 200, [{**one, "uid": uid, "permissionName": "x"} for one in self.permissions[uid]]
            case "POST", ["folders", uid, "permissions"]:
                self.permissions[uid] = body["items"]
                return 200, {"message": "Dashboard permissions updated"}
            case "GET", ["datasources", "uid", uid]:
                return self._found(self.sources, uid, "Data source not found")
            case "POST", ["datasources"]:
                return 200, self._keep_source(body)
            case "PUT", ["datasources", "uid", _]:
                return 200, self._keep_source(body)
            case "GET", ["dashboards", "uid", uid]:
                if uid not in self.boards:
                    return 404, {"message": "Dashboard not found"}
                return 200, {"dashboard": self.boards[uid], "meta": {"folderUid": "x"}}
            case "GET", ["dashboards", "uid", uid, "versions"]:
                return 200, {"versions": [{"message": message} for message in reversed(self.versions[uid])][:1]}
            case "POST", ["dashboards", "db"]:
                self._save(body["dashboard"], body["message"])
                return 200, {"status": "success", "uid": body["dashboard"]["uid"]}
        return 404, {"message": "Not found"}

    def _found(self, where: dict[str, Json], uid: str, otherwise: str) -> tuple[int, Json]:
        return (200, where[uid]) if uid in where else (404, {"message": otherwise})

    def _keep_source(self, body: Json) -> Json:
        self.secrets[body["uid"]] = body.pop("secureJsonData")
        self.sources[body["uid"]] = {**body, "id": 1, "readOnly": False}
        return {"message": "Datasource updated"}

    def _save(self, board: Json, message: str) -> None:
        version = len(self.versions.setdefault(board["uid"], [])) + 1
        self.boards[board["uid"]] = {**board, "id": 7, "version": version}
        self.versions[board["uid"]].append(message)


@contextmanager
def grafana_server() -> Iterator[GrafanaServer]:
    """One that answers on a port of its own."""
    state = GrafanaServer()

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            path = urlsplit(self.path).path
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, said = 401, {"message": "Invalid API key"}
            else:
                status, said = state.answer(self.command, path, body)
                if self.command != "GET" and status == 200:
                    state.changes.append(f"{self.command} {path}")
            data = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = _any  # noqa: N815 - the names that http.server asks for

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
