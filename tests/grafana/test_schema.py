"""The dashboards are what Grafana's own TypeScript schema has: of its oldest and its newest version that they are for. Each is a
typed literal, as are the options and the field settings of its panels; an unknown key, a missing one or a wrong type does not
compile.

Queries and transformations have no type there, and what Grafana makes of a right type is its own. Version 11 has no types of
panels that a compiler finds from outside, so there only the dashboards are compiled.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.grafana.drawn_boards import ALL, Json
from tests.servers import missing

_PLACE = Path(os.environ.get("CITYFLUX_TEST_SCHEMA", "~/.cache/cityflux/grafana-schema")).expanduser()
_VERSIONS = ("grafana-11", "grafana-13")
_NAMES = {
    "stat": "Stat", "timeseries": "TimeSeries", "table": "Table", "status-history": "StatusHistory", "geomap": "Geomap",
}  # fmt: skip
_CUSTOM = ("timeseries", "table", "status-history")
# Enums of the schema as the strings that JSON has.
_PLAIN = """
type Plain<T> = T extends string ? `${T}` : T extends (infer E)[] ? Plain<E>[]
  : T extends object ? {[K in keyof T]: Plain<T[K]>} : T;
"""


@pytest.fixture(scope="module")
def tsc() -> Path:
    program = _PLACE / "node_modules" / ".bin" / "tsc"
    if not program.exists():
        missing("Grafana's schema", f"{program} is not there; run tests/servers/schema/build.sh (needs npm)")
    return program


def source(version: str, boards: list[Json]) -> str:
    """A module of typed literals."""
    lines = [f"import type {{ Dashboard }} from '{version}';", _PLAIN]
    of_panels = version != "grafana-11"
    for name in _NAMES.values() if of_panels else ():
        place = f"{version}/dist/esm/raw/composable/{name.lower()}/panelcfg/x/{name}PanelCfg_types.gen"
        lines.append(f"import type * as {name} from '{place}';")
    for number, board in enumerate(boards):
        # The query of an annotation is its data source's own, and has no type.
        bare = [
            {name: value for name, value in one.items() if name != "target"} for one in board["annotations"]["list"]
        ]
        text = json.dumps({**board, "annotations": {"list": bare}}, ensure_ascii=False, indent=1)
        lines.append(f"export const board{number}: Plain<Dashboard> = {text};")
        for panel in board["panels"] if of_panels else ():
            name, kind = f"of{number}_{panel['id']}", panel["type"]
            options = json.dumps(panel["options"], ensure_ascii=False)
            lines.append(f"export const {name}: Plain<{_NAMES[kind]}.Options> = {options};")
            if kind in _CUSTOM:
                custom = json.dumps(panel["fieldConfig"]["defaults"]["custom"])
                lines.append(f"export const {name}c: Partial<Plain<{_NAMES[kind]}.FieldConfig>> = {custom};")
    return "\n".join(lines)


def compiled(tsc: Path, folder: Path, version: str, boards: list[Json]) -> str:
    """What the compiler says; empty where all is right."""
    (folder / "node_modules").symlink_to(_PLACE / "node_modules")
    (folder / "boards.ts").write_text(source(version, boards), "utf-8")
    flags = ("--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler")
    ended = subprocess.run([tsc, *flags, "boards.ts"], cwd=folder, capture_output=True, text=True, check=False)
    return ended.stdout


@pytest.mark.parametrize("version", _VERSIONS)
def test_every_dashboard_compiles(tsc: Path, tmp_path: Path, version: str) -> None:
    assert compiled(tsc, tmp_path, version, ALL) == ""


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("panels", 0, "gridPos", "w"), "wide", "Type 'string' is not assignable to type 'number'"),
        (("panels", 0, "colour"), "red", "'\"colour\"' does not exist"),
        (("panels", 1, "options", "textMode"), "loud", "Type '\"loud\"' is not assignable"),
        (("panels", 1, "options", "loudness"), 1, "'\"loudness\"' does not exist"),
    ],
)
def test_what_is_wrong_does_not_compile(
    tsc: Path, tmp_path: Path, path: tuple[Any, ...], value: Any, said: str
) -> None:
    board = json.loads(json.dumps(ALL[0]))
    place = board
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert said in compiled(tsc, tmp_path, "grafana-13", [board])
