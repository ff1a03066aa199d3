"""An export of a month, as a folder: everything is written into a hidden folder beside it, the manifest last, and that is
renamed. So a folder of the name that was asked for is whole.

The same store and books give the same bytes, but for the manifest's `made_at`, and the signature over it.
"""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from errno import EEXIST
from hashlib import file_digest
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cityflux.opendata.content import Month
from cityflux.opendata.dictionary import About, write_descriptions
from cityflux.opendata.manifest import MANIFEST, SIGNATURE, File, Key, Manifest, PlanNamed
from cityflux.opendata.signing import PrivateKey, fingerprint
from processors.computation import CODE_VERSION
from processors.plans import Plan
from processors.windows import period_bounds
from sensors.instants import HOUR_MS, iso
from sensors.quantities import Family
from store.books import Books
from store.judgements import Claims
from store.port import ReadingsStore

LICENCE = "LICENCE.txt"


class Asked(NamedTuple):
    """What is to be exported: a month (2026-03) of families and the rows of a plan; by whom, under which licence (its text), and
    who signs it (None: nobody)."""

    month: str
    families: Sequence[Family]
    plan: Plan
    zone: ZoneInfo
    grace_hours: int
    publisher: str | None
    licence: str | None
    key: PrivateKey | None


def export(folder: Path, asked: Asked, store: ReadingsStore, books: Books, now: int) -> Manifest:
    """Make `folder`, which must not be there; its manifest. Raises OSError, StoreUnavailable, StoreMisconfigured,
    BooksUnavailable: then there is no such folder."""
    if folder.exists() or folder.is_symlink():
        raise FileExistsError(EEXIST, "is there already, and is not written over; choose another name", str(folder))
    hidden = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        manifest = _fill(hidden, asked, store, books, now)
        hidden.chmod(0o755)
        hidden.rename(folder)
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        raise
    return manifest


def _fill(folder: Path, asked: Asked, store: ReadingsStore, books: Books, now: int) -> Manifest:
    claims = Claims(books)
    waiting = claims.waiting()
    month = Month(folder, asked.month, asked.families, asked.plan, asked.zone, store, books)
    month.write(now)
    # What came while this was made may be in the readings, and not yet in what is made of them.
    waiting = max(waiting, claims.waiting())
    if asked.licence is not None:
        (folder / LICENCE).write_text(asked.licence, "utf-8")
    start, end = period_bounds(asked.month, asked.zone)
    about = About(
        asked.month, asked.zone.key, iso(start, asked.zone), iso(end, asked.zone), asked.publisher,
        None if asked.licence is None else LICENCE,
    )  # fmt: skip
    write_descriptions(folder, about, [table for table, _ in month.written])
    manifest = Manifest(
        format="cityflux-opendata/1", month=asked.month, zone=about.zone, after=about.after, until=about.until,
        made_at=iso(now, asked.zone), made_by=f"cityflux {CODE_VERSION}", publisher=asked.publisher, licence=about.licence,
        families=tuple(asked.families), plan=PlanNamed(code=asked.plan.code, zh=asked.plan.zh, en=asked.plan.en),
        standards=month.standards(), closed=now >= end + asked.grace_hours * HOUR_MS, windows_waiting=waiting,
        judgements=month.judgements, running=month.running, provisional=month.provisional,
        key=_key(asked.key),
        files=_files(folder, {table.path: rows for table, rows in month.written}),
    )  # fmt: skip
    content = manifest.to_bytes()
    (folder / MANIFEST).write_bytes(content)
    if asked.key is not None:
        (folder / SIGNATURE).write_bytes(asked.key.sign(content))
    return manifest


def _key(signs: PrivateKey | None) -> Key | None:
    return None if signs is None else Key(algorithm="Ed25519", fingerprint=fingerprint(signs.public_key()))


def _files(folder: Path, rows: Mapping[str, int]) -> tuple[File, ...]:
    """The files of a folder by path; `rows` are those of its tables, by path without ending."""
    found = []
    for file in sorted(one for one in folder.rglob("*") if one.is_file()):
        path = file.relative_to(folder).as_posix()
        with file.open("rb") as opened:
            digest = file_digest(opened, "sha256").hexdigest()
        stem, _, ending = path.rpartition(".")
        count = rows.get(stem) if ending in {"csv", "parquet"} else None
        found.append(File(path=path, sha256=digest, bytes=file.stat().st_size, rows=count))
    return tuple(found)
