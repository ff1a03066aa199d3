"""Who may import whom (docs/ARCHITECTURE.md): read from the source with `ast`, so that a wrong import fails with its line."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

ALLOWED = {
    "sensors": set(),
    "store": {"sensors"},
    "ingest": {"sensors", "store"},
    # Of ingest only how a broker is named and connected to, and how a program is watched: one fact, in one place.
    "gateway": {"sensors", "store", "ingest"},
    "processors": {"sensors", "store"},
    "simulators": {"sensors"},
    "wall": {"sensors", "store", "processors"},
    "dashboards": {"sensors", "store", "processors"},
    "cityflux": {"sensors", "store", "ingest", "gateway", "processors", "dashboards", "simulators", "wall"},
}

# Of these a folder may import the tables alone: what is drawn is what they say, and nothing is computed.
ONLY = {
    "dashboards": {
        "store": ("store.measurements",),
        "processors": ("processors.plans", "processors.standards", "processors.alerts.rules"),
    },
}

# A client library is named only by its adapter.
ADAPTERS = {
    "mqtt5": {"gateway/publisher.py", "ingest/mqtt5.py"},
    "apprise": {"processors/alerts/notify/channels/services.py"},
    "paho": {"ingest/mqtt3.py", "processors/alerts/notify/channels/mqtt.py", "simulators/publisher.py"},
    "requests": {"processors/alerts/notify/channels/services.py"},
    "aiomqtt": {"simulators/publisher.py"},
    "amqtt": {"cityflux/broker.py"},
    "aiohttp": {"store/influx.py", "store/influx_http.py"},
    "urllib3": {
        "cityflux/grafana.py",
        "processors/alerts/notify/channels/grafana.py",
        "store/influx.py",
        "store/influx_http.py",
    },
    "sqlalchemy": {
        "store/alert_schema.py",
        "store/books.py",
        "store/conditions.py",
        "store/devices.py",
        "store/drifts.py",
        "store/events.py",
        "store/hearing.py",
        "store/incident_writes.py",
        "store/incidents.py",
        "store/intervals.py",
        "store/judgements.py",
        "store/letters.py",
        "store/notice_tries.py",
        "store/notices.py",
        "store/records.py",
        "store/replays.py",
        "store/schema.py",
        "store/sharing.py",
        "store/sightings.py",
        "store/silences.py",
        "store/standings.py",
        "store/transaction.py",
        "store/upgrade.py",
    },
    "cryptography": {"cityflux/opendata/signing.py"},
    "fastapi": {"wall/app.py"},
    "prometheus_client": {"gateway/watch.py", "ingest/metrics.py"},
    "typst": {"cityflux/printed_pdf.py"},
    "uvicorn": {"cityflux/programs.py"},
}

# pandas is slow to load and ingest never needs it: at the top of a module only in processors; in store only inside functions.
PANDAS_AT_TOP = {"processors", "cityflux"}

SOURCES = sorted(path for package in ALLOWED for path in (ROOT / package).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, str, int, bool]]:
    """(top-level name, module, line, whether it runs when the module is loaded) of each import."""
    tree = ast.parse(path.read_text("utf-8"))
    late = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.split(".")[0], alias.name, node.lineno, id(node) not in late
        elif isinstance(node, ast.ImportFrom):
            module = (node.module or ".") if node.level == 0 else "."
            yield module.split(".")[0] or ".", module, node.lineno, id(node) not in late


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_its_folder_may(path: Path) -> None:
    relative = path.relative_to(ROOT).as_posix()
    package = relative.split("/")[0]
    wrong = []
    for name, module, line, at_load in imports(path):
        where = f"{relative}:{line}: imports {name}"
        if name == ".":
            wrong.append(f"{relative}:{line}: a relative import; write the whole name")
        elif name in ALLOWED and name != package and name not in ALLOWED[package]:
            wrong.append(f"{where}; {package} may import {', '.join(sorted(ALLOWED[package])) or 'none of ours'}")
        elif name in ONLY.get(package, {}) and not module.startswith(ONLY[package][name]):
            wrong.append(f"{where} ({module}); {package} may import {', '.join(ONLY[package][name])} alone")
        elif name in ADAPTERS and relative not in ADAPTERS[name]:
            wrong.append(f"{where}; only {', '.join(sorted(ADAPTERS[name]))} may")
        elif name in {"pandas", "numpy", "pyarrow"} and at_load and package not in PANDAS_AT_TOP:
            wrong.append(f"{where} when loaded; only {', '.join(sorted(PANDAS_AT_TOP))} may")
        elif package == "sensors" and name in {"asyncio", "socket", "sqlite3", "pandas"}:
            wrong.append(f"{where}; sensors is pure")
    assert not wrong, "\n".join(wrong)


def test_the_rule_reads_real_files() -> None:
    assert len(SOURCES) > 30
    assert any(name == "sensors" for name, *_ in imports(ROOT / "ingest" / "intake.py"))
