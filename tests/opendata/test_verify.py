"""`cityflux verify FOLDER`: everything that can have happened to an export on its way is said by name."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cityflux.main import app
from cityflux.opendata.manifest import MOST_MANIFEST_BYTES
from cityflux.opendata.signing import PrivateKey, make_key, private_key, public_key
from cityflux.opendata.verifying import verify_folder
from tests.opendata.conftest import Exported
from tests.programs import ROOT, cityflux


def problems(folder: Path, public: Path | None = None) -> dict[str, str]:
    """What is wrong, by file."""
    found = verify_folder(folder, None if public is None else public_key(public))
    said: dict[str, str] = {}
    for one in found.problems:
        said[one.path] = f"{said[one.path]}; {one.why}" if one.path in said else one.why
    return said


def edit(folder: Path, change: Callable[[dict[str, Any]], object], key: PrivateKey | None = None) -> None:
    """Change the manifest as data, keeping its form; sign it again where a key is given."""
    said = json.loads((folder / "manifest.json").read_bytes())
    change(said)
    (folder / "manifest.json").write_bytes(json.dumps(said, ensure_ascii=False).encode())
    if key is not None:
        (folder / "manifest.json.sig").write_bytes(key.sign((folder / "manifest.json").read_bytes()))


def account_for(folder: Path, path: str, key: PrivateKey | None = None) -> None:
    """Make the manifest say what a file is now, as somebody would who wants to hide that it was changed."""
    content = (folder / path).read_bytes()

    def change(said: dict[str, Any]) -> None:
        [its] = [one for one in said["files"] if one["path"] == path]
        its["sha256"], its["bytes"] = sha256(content).hexdigest(), len(content)

    edit(folder, change, key)


def test_what_is_whole_and_signed_is_said_to_be(exported: Exported) -> None:
    said = cityflux("verify", str(exported.folder), "--key", str(exported.public), environment={})
    assert "2026-03, made 20" in said
    assert "all as published" in said
    assert "signed by sha256:" in said
    assert "closed; " in said


def test_without_a_key_only_wholeness_is_said_and_the_exit_code_differs(exported: Exported) -> None:
    said = cityflux("verify", str(exported.folder), environment={}, expect=4)
    assert "all as published" in said
    assert "not by whom: give the publisher's public key with --key" in " ".join(said.split())
    assert "signed by" not in said


def test_a_recipient_needs_no_settings_and_leaves_no_trace(exported: Exported, tmp_path: Path) -> None:
    environment = {"CITYFLUX_CONFIG": "/nothing", "CITYFLUX_NONSENSE": "1", "CITYFLUX_DATA_DIR": str(tmp_path / "data")}
    cityflux("verify", str(exported.folder), "--key", str(exported.public), environment=environment, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_openssl_and_sha256sum_alone_come_to_the_same(exported: Exported, received: Path) -> None:
    """The very commands that README and documentation give."""
    readme = (received / "README.md").read_text("utf-8")
    commands = [line.strip() for line in readme.splitlines() if line.startswith(("    openssl", "    sed"))]
    assert commands[:2] == commands[2:], "in both languages the same"
    documented = (ROOT / "docs" / "OPENDATA.md").read_text("utf-8")
    assert all(f"    {command}\n" in documented for command in commands)

    def run(command: str) -> subprocess.CompletedProcess[str]:
        filled = f"set -o pipefail; {command.replace('PUBLISHER.pub.pem', str(exported.public))}"
        return subprocess.run(["bash", "-c", filled], cwd=received, capture_output=True, text=True, check=False)

    for command in commands[:2]:
        assert run(command).returncode == 0, run(command)
    checked = run(commands[1]).stdout.splitlines()
    assert len(checked) == len(json.loads((received / "manifest.json").read_bytes())["files"])
    with (received / "days/air.csv").open("ab") as opened:
        opened.write(b"x")
    assert run(commands[1]).returncode != 0
    with (received / "manifest.json").open("ab") as opened:
        opened.write(b" ")
    assert run(commands[0]).returncode != 0
    known_by = f"openssl pkey -pubin -in {exported.public} -outform DER | sha256sum"
    fingerprint = json.loads((exported.folder / "manifest.json").read_bytes())["key"]["fingerprint"]
    assert f"sha256:{run(known_by).stdout.split()[0]}" == fingerprint
    assert known_by.replace(str(exported.public), "PUBLISHER.pub.pem") in documented


def flip(file: Path) -> None:
    """Change one bit in the middle."""
    before = file.read_bytes()
    middle = len(before) // 2
    file.write_bytes(before[:middle] + bytes([before[middle] ^ 1]) + before[middle + 1 :])


@pytest.mark.parametrize("path", ["days/air.csv", "stations.geojson", "readings/air-hour.parquet", "README.md"])
def test_one_changed_bit_is_found_where_it_is(exported: Exported, received: Path, path: str) -> None:
    flip(received / path)
    found = problems(received, exported.public)
    assert list(found) == [path]
    assert "has other bytes" in found[path]


@pytest.mark.parametrize("path", ["manifest.json", "manifest.json.sig"])
def test_a_changed_bit_of_manifest_or_signature_breaks_the_signature(
    exported: Exported, received: Path, path: str
) -> None:
    flip(received / path)
    assert "is not the signature over manifest.json" in problems(received, exported.public)["manifest.json.sig"]


def test_a_changed_bit_in_every_file_is_found_in_every_file(exported: Exported, received: Path) -> None:
    files = {one.relative_to(received).as_posix() for one in received.rglob("*") if one.is_file()}
    changed = files - {"manifest.json", "manifest.json.sig"}
    for path in changed:
        flip(received / path)
    assert problems(received, exported.public).keys() == changed


def test_files_added_removed_and_swapped(exported: Exported, received: Path) -> None:
    (received / "days" / "extra.csv").write_text("x")
    (received / ".hidden").write_text("x")
    (received / "rules.csv").unlink()
    shutil.move(received / "days/air.csv", received / "air")
    shutil.move(received / "days/water.csv", received / "days/air.csv")
    shutil.move(received / "air", received / "days/water.csv")
    found = problems(received, exported.public)
    assert {path: why.split(",")[0] for path, why in found.items()} == {
        "days/extra.csv": "is not in the manifest",
        ".hidden": "is not in the manifest",
        "rules.csv": "is missing",
        "days/air.csv": f"has {(received / 'days/air.csv').stat().st_size} bytes",
        "days/water.csv": f"has {(received / 'days/water.csv').stat().st_size} bytes",
    }
    said = cityflux("verify", str(received), "--key", str(exported.public), environment={}, expect=1)
    assert "rules.csv: is missing" in said
    assert "5 things are wrong" in said


def test_a_changed_file_with_a_changed_manifest_is_betrayed_by_the_signature_alone(
    exported: Exported, received: Path, tmp_path: Path
) -> None:
    for ending in ("csv", "parquet"):
        shutil.copy(received / f"days/air.{ending}", tmp_path)
    table = pq.read_table(received / "days/air.parquet")
    column = table.schema.get_field_index("state")
    forged = table.set_column(column, table.schema.field(column), pa.array(["good"] * len(table)))
    pq.write_table(forged, received / "days/air.parquet")
    text = (received / "days/air.csv").read_text("utf-8")
    (received / "days/air.csv").write_text(
        text.replace(",polluted,", ",good,").replace(",not_assessable,", ",good,"), "utf-8", newline=""
    )
    for ending in ("csv", "parquet"):
        account_for(received, f"days/air.{ending}")
    assert problems(received) == {}, "nothing but the signature can tell"
    assert list(problems(received, exported.public)) == ["manifest.json.sig"]
    make_key(tmp_path / "other.pem")
    other = private_key(tmp_path / "other.pem")
    account_for(received, "days/air.csv", other)
    assert list(problems(received, exported.public)) == ["manifest.json.sig"]
    # Who is given the forger's key believes the forger, but sees that the manifest names another.
    assert "names another key" in problems(received, tmp_path / "other.pub.pem")["manifest.json"]
    said = cityflux("verify", str(received), "--key", str(exported.public), environment={}, expect=1)
    assert "is not the signature" in said


def test_an_unsigned_export_is_not_taken_for_a_signed_one(exported: Exported, received: Path) -> None:
    (received / "manifest.json.sig").unlink()
    assert problems(received, exported.public) == {"manifest.json.sig": "is not there: nobody has signed this"}
    (received / "manifest.json.sig").write_bytes(b"")
    assert "is not the signature" in problems(received, exported.public)["manifest.json.sig"]


@pytest.mark.parametrize(
    ("path", "before", "after", "says"),
    [
        ("days/air.csv", ",polluted,", ",good,", "state: 'polluted' is not the 'good'"),
        ("readings/air-hour.csv", "T01:00:00+08:00,", "T01:00:00+09:00,", "observed_at: "),
        ("readings/water-raw.csv", ",1.6,", ",1.60000001,", "nh3_n: 1.6 is not the '1.60000001'"),
        ("readings/water-raw.csv", ",1.6,", ",,", "nh3_n: 1.6 is not the ''"),
        ("readings/water-raw.csv", ",1.6,", ",nan,", "nh3_n: 1.6 is not the 'nan'"),
        ("stations.csv", "'=HYPER", "''=HYPER", "name_zh: "),
        ("stations.csv", "'=HYPER", "=HYPER", "is not written so that no spreadsheet runs it"),
        ("stations.csv", "latitude", "latitudes", "has other columns than stations.csv"),
        ("classes/water-sections.csv", ",true,", ",yes,", "cannot be read"),
        ("days/air.csv", ",false,", ",perhaps,", "cannot be read"),
        ("rules.csv", "2026-03-01", "1 March", "cannot be read"),
        ("rules.csv", "HJ633-2012", 'HJ"633-2012', "name: 'HJ633-2012' is not the"),
    ],
)
def test_csv_and_parquet_that_differ_are_found_though_the_manifest_has_both(
    received: Path, path: str, before: str, after: str, says: str
) -> None:
    text = (received / path).read_bytes().decode()
    assert before in text
    (received / path).write_bytes(text.replace(before, after, 1).encode())
    account_for(received, path)
    found = problems(received)
    assert list(found) == [path.replace(".csv", ".parquet")]
    assert says in found[path.replace(".csv", ".parquet")]


def test_rows_that_lack_or_are_counted_wrong(received: Path) -> None:
    lines = (received / "days/air.csv").read_bytes().splitlines(keepends=True)
    (received / "days/air.csv").write_bytes(b"".join(lines[:-1]))
    account_for(received, "days/air.csv")
    assert "has other rows than air.csv: from row 218" in problems(received)["days/air.parquet"]
    (received / "days/air.csv").write_bytes(b"".join(lines))
    account_for(received, "days/air.csv")
    edit(received, lambda said: [one.update(rows=217) for one in said["files"] if one["path"] == "days/air.csv"])
    assert problems(received) == {"days/air.parquet": "has 218 rows; the manifest says 218, and 217 of air.csv"}


@pytest.mark.parametrize(
    "path",
    [
        "../x.csv", "/etc/passwd", "days/../../x", "days//air.csv", "days\\air.csv", "", ".", "a/.b", "a\nb", "C:x",
        "manifest.json", "x" * 300,
    ],
)  # fmt: skip
def test_a_path_that_leads_out_of_the_folder_is_refused(received: Path, path: str) -> None:
    outside = received.parent / "x.csv"
    outside.write_bytes(b"secret")
    edit(
        received, lambda said: said["files"].append({"path": path, "sha256": sha256(b"secret").hexdigest(), "bytes": 6})
    )
    found = problems(received)
    assert list(found) == ["manifest.json"]
    assert "files." in found["manifest.json"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda said: said["files"].append(said["files"][0]), "manifest: LICENCE.txt is there twice"),
        (lambda said: said["files"][0].update(bytes=2**63), "less than or equal to"),
        (lambda said: said["files"][0].update(bytes=-1), "greater than or equal to 0"),
        (lambda said: said["files"][0].update(bytes="9"), "valid integer"),
        (lambda said: said["files"][0].update(rows=10**400), "files.0.rows"),
        (lambda said: said["files"][0].update(sha256="0" * 63), "files.0.sha256"),
        (lambda said: said.update(format="cityflux-opendata/2"), "format"),
        (lambda said: said.pop("closed"), "closed: Field required"),
        (lambda said: said.update(more=1), "more: Extra inputs"),
        (lambda said: said.update(key={"algorithm": "none", "fingerprint": "sha256:" + "0" * 64}), "key.algorithm"),
    ],
)  # fmt: skip
def test_a_manifest_that_makes_no_sense_is_refused(
    received: Path, change: Callable[[dict[str, Any]], object], says: str
) -> None:
    edit(received, change)
    found = problems(received)
    assert list(found) == ["manifest.json"]
    assert says in found["manifest.json"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe{", "is not JSON"),
        (b"[" * 200_000, "is not JSON"),
        (b"[]", "manifest: Input should be an object"),
        (b"{" + b" " * MOST_MANIFEST_BYTES + b"}", "has more than 4194304 bytes"),
    ],
)
def test_what_is_no_manifest_is_refused(received: Path, content: bytes, says: str) -> None:
    (received / "manifest.json").write_bytes(content)
    assert says in problems(received)["manifest.json"]


def test_a_size_that_is_absurd_is_not_read(received: Path) -> None:
    with (received / "days/air.csv").open("r+b") as opened:
        opened.truncate(1 << 39)  # takes no room on the disk; to hash it would take an hour
    assert "has 549755813888 bytes, not" in problems(received)["days/air.csv"]


def test_a_row_group_that_is_absurd_is_not_read(received: Path) -> None:
    rows = 70_000
    pq.write_table(pa.table({"name": pa.array(["x"] * rows)}), received / "rules.parquet", row_group_size=rows)
    (received / "rules.csv").write_text("name\r\n" + "x\r\n" * rows, "utf-8", newline="")
    account_for(received, "rules.parquet")
    account_for(received, "rules.csv")
    assert "larger than any that is written" in problems(received)["rules.parquet"]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\xff" * 64 + b"PAR1"])
def test_a_parquet_that_is_none_is_said_so(received: Path, content: bytes) -> None:
    (received / "rules.parquet").write_bytes(content)
    account_for(received, "rules.parquet")
    assert "cannot be read" in problems(received)["rules.parquet"]


def test_links_and_devices_are_not_followed(exported: Exported, received: Path) -> None:
    elsewhere = received.parent / "elsewhere"
    shutil.copytree(received / "days", elsewhere)
    shutil.rmtree(received / "days")
    (received / "days").symlink_to(elsewhere)
    original = received.parent / "rules.csv"
    shutil.move(received / "rules.csv", original)
    (received / "rules.csv").symlink_to(original)
    os.mkfifo(received / "pipe")
    found = {(one.path, one.why) for one in verify_folder(received, public_key(exported.public)).problems}
    link = "is a link or a device, and no file"
    assert found == {
        ("days", link),
        ("rules.csv", link),
        ("pipe", link),
        ("rules.csv", "is missing"),
        *((f"days/{name}", "is missing") for name in ("air.csv", "air.parquet", "water.csv", "water.parquet")),
    }


def test_a_name_does_not_speak_to_the_terminal(exported: Exported, received: Path) -> None:
    (received / "\x1b[2Jall is well").write_bytes(b"")
    (received / os.fsdecode(b"\xff\xfe")).write_bytes(b"")
    edit(received, lambda said: said.update(made_by="\x1b]0;owned\x07"))
    said = cityflux("verify", str(received), "--key", str(exported.public), environment={}, expect=1)
    assert "\x1b" not in said
    assert "\ufffd[2Jall is well: is not in the manifest" in said
    for extra in (received / "\x1b[2Jall is well", received / os.fsdecode(b"\xff\xfe")):
        extra.unlink()
    said = cityflux("verify", str(received), environment={}, expect=4)
    assert "\x1b" not in said
    assert "by \ufffd]0;owned\ufffd: " in said


def test_a_manifest_that_is_a_link_is_none(exported: Exported, received: Path) -> None:
    shutil.move(received / "manifest.json", received.parent / "m.json")
    (received / "manifest.json").symlink_to(received.parent / "m.json")
    said = cityflux("verify", str(received), "--key", str(exported.public), environment={}, expect=1)
    assert "this is no export, or not a whole one" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("FOLDER", "--source", "cnemc-air"), "are of a file"),
        (("FOLDER", "--least", "90"), "are of a file"),
        (("FOLDER", "--key", "nothing.pem"), "nothing.pem: No such file or directory; give the publisher's public key"),
        (("FOLDER", "--key", "PRIVATE"), "is no public key in PEM"),
        (("hours.csv", "--key", "PUBLIC"), "--key is of a folder of open data"),
    ],
)
def test_wrong_use_is_said(exported: Exported, arguments: tuple[str, ...], says: str) -> None:
    names = {"FOLDER": str(exported.folder), "PRIVATE": str(exported.private), "PUBLIC": str(exported.public)}
    ended = CliRunner().invoke(app, ["verify", *(names.get(argument, argument) for argument in arguments)])
    assert ended.exit_code == 2
    assert says in " ".join(ended.stderr.split())


def test_an_empty_folder_is_no_export(tmp_path: Path) -> None:
    assert "is not there: this is no export" in cityflux("verify", str(tmp_path), environment={}, expect=1)
