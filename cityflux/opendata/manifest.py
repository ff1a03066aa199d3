"""The manifest of an export: what month it is, when and from what it was made, and of every other file its SHA-256, size and
rows.

Each file is one line, so that `sed` makes of it what `sha256sum -c` reads. The signature is over the exact bytes.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"

# Chosen: a file is some 200 bytes of the manifest, and an export has about fifty; and no table of a month is a tebibyte.
MOST_MANIFEST_BYTES = 4 << 20
_MOST = 1 << 40

_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


class ManifestError(ValueError):
    """The text is no manifest: the message says why."""


def _is_inside(path: str) -> str:
    parts = path.split("/")
    if len(path) > 200 or any(not part or part.startswith(".") or set(part) - _ALLOWED for part in parts):
        raise ValueError("is no plain path inside the folder")
    if path in {MANIFEST, SIGNATURE}:
        raise ValueError("is not listed in itself")
    return path


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class File(_Strict):
    """A file: its path within the folder, the SHA-256 of its bytes, how many they are, and of a table its rows."""

    path: Annotated[str, AfterValidator(_is_inside)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0, le=_MOST)]
    rows: Annotated[int, Field(ge=0, le=_MOST)] | None = None


class Key(_Strict):
    """The key that signs it, by the SHA-256 of its public part as DER."""

    algorithm: Literal["Ed25519"]
    fingerprint: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class PlanNamed(_Strict):
    """The plan whose indicators it has."""

    code: str
    zh: str
    en: str


class Manifest(_Strict):
    """Times are ISO 8601. What ends after `after` and not after `until` is of the month.

    `closed`: the month was over, and the time in which its late data are waited for. `windows_waiting`: windows that had changed
    and were not computed again yet, of any month. `judgements`: of the days, the month and the year; of them `running`: their
    period is open; and `provisional`: it is over, and they are not final.
    """

    format: Literal["cityflux-opendata/1"]
    month: Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")]
    zone: str
    after: str
    until: str
    made_at: str
    made_by: str
    publisher: str | None
    licence: str | None
    families: tuple[str, ...]
    plan: PlanNamed
    standards: tuple[str, ...]
    closed: bool
    windows_waiting: Annotated[int, Field(ge=0)]
    judgements: Annotated[int, Field(ge=0)]
    running: Annotated[int, Field(ge=0)]
    provisional: Annotated[int, Field(ge=0)]
    key: Key | None
    files: tuple[File, ...]

    @model_validator(mode="after")
    def _names_each_once(self) -> "Manifest":
        paths = [one.path for one in self.files]
        if twice := {path for path in paths if paths.count(path) > 1}:
            raise ValueError(f"{min(twice)} is there twice")
        return self

    def to_bytes(self) -> bytes:
        """The bytes that are signed."""
        said = self.model_dump(mode="json", exclude={"files"})
        lines = [f"  {_json(name)}: {_json(value)}," for name, value in said.items()]
        return ("{\n" + "\n".join(lines) + '\n  "files": [\n' + _lines(self.files) + "\n  ]\n}\n").encode()


def parse(content: bytes) -> Manifest:
    """A manifest from its bytes. Raises ManifestError."""
    if len(content) > MOST_MANIFEST_BYTES:
        raise ManifestError(f"has more than {MOST_MANIFEST_BYTES} bytes")
    try:
        json.loads(content)  # says in words where it is no JSON
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "manifest"
        raise ManifestError(
            f"{where}: {first['msg'].removeprefix('Value error, ')} ({first['input']!r:.100})"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"is not JSON: {error}") from error


def _lines(files: Sequence[File]) -> str:
    return ",\n".join(f"    {_json(one.model_dump(exclude_none=True))}" for one in files)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
