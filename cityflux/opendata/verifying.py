"""What a recipient can know of a folder that says it is an export: whether its signature is by a key, and whether every file is
what the manifest says. Needs no settings and no store.

Nothing is opened by a name from the manifest alone: only regular files that a walk of the folder finds, which follows no link. A
table is read only where its bytes are the manifest's, nothing is wrong with the signature, and its row groups say that they are
no larger than we write them.
"""

import csv
import os
import stat
from collections.abc import Iterator, Mapping
from datetime import date
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from cityflux.opendata.cells import string_of
from cityflux.opendata.manifest import (
    MANIFEST,
    MOST_MANIFEST_BYTES,
    SIGNATURE,
    File,
    Manifest,
    ManifestError,
    parse,
)
from cityflux.opendata.signing import SIGNATURE_BYTES, PublicKey, fingerprint, is_signed_by
from sensors.instants import parse_instant

# Of a row group: as many rows as are written into one, and what they may be unpacked. Chosen: ten times the widest table.
_MOST_ROWS = 65_536
_MOST_UNPACKED = 512 << 20
_AT_ONCE = 8_192
_CHUNK = 1 << 20


class Problem(NamedTuple):
    """What is wrong with a file."""

    path: str
    why: str


class Verdict(NamedTuple):
    """What was found: the manifest where there is one, whether `key` signed it (None: no key was given), and what is wrong."""

    manifest: Manifest | None
    signed: bool | None
    problems: tuple[Problem, ...]


def verify_folder(folder: Path, key: PublicKey | None) -> Verdict:
    """Check an export. Raises OSError where the folder cannot be read."""
    found, problems = _walk(folder)
    content = _small(folder, MANIFEST, found, MOST_MANIFEST_BYTES + 1)
    if content is None:
        problems.append(Problem(MANIFEST, "is not there: this is no export, or not a whole one"))
        return Verdict(None, None, tuple(problems))
    signed, wrong = _signature(folder, found, content, key)
    problems += wrong
    try:
        manifest = parse(content)
    except ManifestError as error:
        problems.append(Problem(MANIFEST, str(error)))
        return Verdict(None, signed, tuple(problems))
    if signed and manifest.key is not None and key is not None and manifest.key.fingerprint != fingerprint(key):
        problems.append(Problem(MANIFEST, "names another key than the one that signed it"))
    listed = {one.path: one for one in manifest.files}
    problems += [
        Problem(path, "is not in the manifest") for path in sorted(found.keys() - listed.keys() - {MANIFEST, SIGNATURE})
    ]
    whole = set()
    for path, one in sorted(listed.items()):
        if path not in found:
            problems.append(Problem(path, "is missing"))
        elif why := _other_bytes(folder / path, one):
            problems.append(Problem(path, why))
        else:
            whole.add(path)
    if signed is not False:
        problems += _tables(folder, listed, whole)
    return Verdict(manifest, signed, tuple(problems))


def _walk(folder: Path) -> tuple[dict[str, os.stat_result], list[Problem]]:
    """The regular files of a folder, by their path in it; and what is no file."""
    found, problems = {}, []
    waiting = [folder]
    while waiting:
        for entry in sorted(os.scandir(waiting.pop()), key=lambda one: one.name):
            path = Path(entry.path).relative_to(folder).as_posix()
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                waiting.append(Path(entry.path))
            elif stat.S_ISREG(status.st_mode):
                found[path] = status
            else:
                problems.append(Problem(path, "is a link or a device, and no file"))
    return found, problems


def _small(folder: Path, name: str, found: Mapping[str, os.stat_result], most: int) -> bytes | None:
    if name not in found:
        return None
    with (folder / name).open("rb") as opened:
        return opened.read(most)


def _signature(
    folder: Path, found: Mapping[str, os.stat_result], content: bytes, key: PublicKey | None
) -> tuple[bool | None, list[Problem]]:
    if key is None:
        return None, []
    signature = _small(folder, SIGNATURE, found, SIGNATURE_BYTES + 1)
    if signature is None:
        return False, [Problem(SIGNATURE, "is not there: nobody has signed this")]
    if not is_signed_by(key, signature, content):
        return False, [Problem(SIGNATURE, f"is not the signature over {MANIFEST} by the key {fingerprint(key)}")]
    return True, []


def _other_bytes(file: Path, said: File) -> str:
    """How a file differs from what the manifest says of its bytes; empty where it does not."""
    size = file.stat().st_size
    if size != said.bytes:
        return f"has {size} bytes, not {said.bytes}"
    digest = sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            digest.update(chunk)
    is_other = digest.hexdigest() != said.sha256
    return f"has other bytes: SHA-256 {digest.hexdigest()}, not {said.sha256}" if is_other else ""


def _tables(folder: Path, listed: Mapping[str, File], whole: set[str]) -> Iterator[Problem]:
    """What is wrong within tables whose bytes are right: rows, and whether both files hold the same."""
    for path in sorted(listed):
        stem, _, ending = path.rpartition(".")
        if ending != "parquet":
            continue
        other = f"{stem}.csv"
        if other not in listed:
            yield Problem(path, f"stands without {other}")
        elif {path, other} <= whole:
            try:
                why = _compared(folder / path, folder / other, listed[path].rows, listed[other].rows)
            except (pa.ArrowException, csv.Error, OSError, ValueError, KeyError, OverflowError) as error:
                why = f"cannot be read: {error}"
            if why:
                yield Problem(path, why)


def _compared(parquet: Path, text: Path, rows: int | None, of_text: int | None) -> str:
    """Where a table's two files differ, or differ from the manifest; empty where they do not."""
    with pq.ParquetFile(parquet) as opened, text.open(encoding="utf-8", newline="") as lines:
        groups = [opened.metadata.row_group(number) for number in range(opened.metadata.num_row_groups)]
        if any(of.num_rows > _MOST_ROWS or of.total_byte_size > _MOST_UNPACKED for of in groups):
            return "has a row group that is larger than any that is written: it was not read"
        schema = opened.schema_arrow
        table = csv.reader(lines, strict=True)
        if next(table, None) != schema.names:
            return f"has other columns than {text.name}"
        count = 0
        for cells, values in zip_longest(table, _rows(opened, schema)):
            count += 1
            if cells is None or values is None or len(cells) != len(values):
                return f"has other rows than {text.name}: from row {count}"
            for field, cell, value in zip(schema, cells, values, strict=True):
                if _value(field.type, cell) != value:
                    return f"row {count}, {field.name}: {value!r} is not the {cell!r} of {text.name}"
        if not count == rows == of_text:
            return f"has {count} rows; the manifest says {rows}, and {of_text} of {text.name}"
    return ""


def _rows(opened: pq.ParquetFile, schema: pa.Schema) -> Iterator[tuple[Any, ...]]:
    for batch in opened.iter_batches(_AT_ONCE):
        columns = [
            (column.cast(pa.int64()) if pa.types.is_timestamp(field.type) else column).to_pylist()
            for field, column in zip(schema, batch.columns, strict=True)
        ]
        yield from zip(*columns, strict=True)


def _value(kind: pa.DataType, cell: str) -> object:
    """What a cell means in a column of that type."""
    if cell == "":
        return None
    if pa.types.is_floating(kind):
        return float(cell)
    if pa.types.is_integer(kind):
        return int(cell)
    if pa.types.is_boolean(kind):
        return {"true": True, "false": False}[cell]
    if pa.types.is_timestamp(kind):
        return parse_instant(cell)
    if pa.types.is_date(kind):
        return date.fromisoformat(cell)
    return string_of(cell)
