"""A file of somebody else's readings, row by row: file → CSV rows → replay profile → native messages.

CSV, gzipped or not (told by content), UTF-8 with or without a byte order mark, first line the names of the columns.
A bad row or cell is counted with its line and reason and costs nothing else; a file that cannot be read stops with
ProfileError, after what came before the fault was given out.
"""

import csv
import gzip
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from io import BufferedReader, TextIOWrapper
from pathlib import Path

from sensors.formats.native import encode
from sensors.profiles import ProfileError, ReplayProfile, Row, load_profile, parse_profile
from sensors.refusals import Refusal, Refused
from sensors.stations import Station
from sensors.topics import topic_of
from simulators.message import OutMessage

_GZIP = b"\x1f\x8b"
_REFUSALS_KEPT = 1_000  # chosen: enough to see what is wrong with a file; the counts go on


@dataclass
class Tally:
    """What became of a file: rows read, rows passed over as the profile says, rows refused whole, cells refused from rows that
    were kept, first reasons."""

    rows: int = 0
    skipped_rows: int = 0
    refused_rows: int = 0
    refused_cells: int = 0
    refusals: list[Refusal] = field(default_factory=list)

    def note(self, refusals: Iterable[Refusal]) -> None:
        """Keep the reasons, up to a bound."""
        self.refusals.extend(list(refusals)[: _REFUSALS_KEPT - len(self.refusals)])


def replay_profile(name_or_path: str) -> ReplayProfile:
    """The shipped profile of that name, or the one in the file where it ends in .toml. Raises ProfileError."""
    if not name_or_path.endswith(".toml"):
        return load_profile(name_or_path)
    try:
        return parse_profile(Path(name_or_path).read_text("utf-8"), name_or_path)
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{name_or_path}: {error}") from error


def messages(path: Path, profile: ReplayProfile, tally: Tally) -> Iterator[OutMessage]:
    """The file's rows as native messages, one reading each, in the order of the file. Raises ProfileError."""
    for row in rows(path, profile, tally):
        yield OutMessage(topic_of(row.address), encode([row.record]))


def rows(path: Path, profile: ReplayProfile, tally: Tally) -> Iterator[Row]:
    """The file's rows, converted; what is refused is in `tally`. Raises ProfileError."""
    counts: Counter[tuple[str, int]] = Counter()
    for line_number, cells in _table(path, profile, tally):
        if profile.skips(cells):
            tally.skipped_rows += 1
            continue
        try:
            row = profile.convert(cells, line_number)
        except Refused as refused:
            tally.refused_rows += 1
            tally.note([refused.refusal])
            continue
        tally.refused_cells += len(row.refusals)
        tally.note(row.refusals)
        if profile.events:
            event = row.address.station, row.record["at"]
            if counts[event]:
                row.record["seq"] = counts[event]
            counts[event] += 1
        yield row


def rows_and_published(path: Path, profile: ReplayProfile, tally: Tally) -> Iterator[tuple[Row, dict[str, float]]]:
    """The file's rows, each with what it says was published. Raises ProfileError."""
    for line_number, cells in _table(path, profile, tally):
        try:
            yield profile.convert(cells, line_number), profile.published_values(cells, line_number)
        except Refused as refused:
            tally.refused_rows += 1
            tally.note([refused.refusal])


def stations(path: Path, profile: ReplayProfile) -> list[Station]:
    """The registry entries of the stations in the file, by id. Raises ProfileError, Refused at the first bad row."""
    return profile.registry_entries(_table(path, profile, Tally()))


def _table(path: Path, profile: ReplayProfile, tally: Tally) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, text by column) of each row that has as many cells as the header."""
    line_number = 1
    try:
        with path.open("rb") as raw, _text(raw) as file:
            reader = csv.reader(file, delimiter=profile.delimiter)
            header = [name.strip() for name in next(reader, [])]
            _refuse_header(path, header, profile)
            for cells in reader:
                line_number = reader.line_num
                if not cells:
                    continue
                tally.rows += 1
                if len(cells) == len(header):
                    yield line_number, dict(zip(header, cells, strict=True))
                    continue
                tally.refused_rows += 1
                detail = f"has {len(cells)} cells, the header {len(header)}"
                tally.note([Refusal("invalid_shape", f"line {line_number}", detail, "complete the row")])
    except UnicodeDecodeError as error:
        raise ProfileError(
            f"{path}: after line {line_number}: not UTF-8 ({error.reason}); "
            "convert it, for example with iconv -f gb18030 -t utf-8"
        ) from error
    except (OSError, EOFError, zlib.error, csv.Error) as error:  # gzip.BadGzipFile is an OSError
        raise ProfileError(f"{path}: after line {line_number}: {error}") from error


def _text(raw: BufferedReader) -> TextIOWrapper:
    zipped = raw.peek(len(_GZIP)).startswith(_GZIP)
    return TextIOWrapper(gzip.GzipFile(fileobj=raw) if zipped else raw, encoding="utf-8-sig", newline="")


def _refuse_header(path: Path, header: list[str], profile: ReplayProfile) -> None:
    if twice := sorted({name for name in header if header.count(name) > 1} & profile.columns):
        raise ProfileError(f"{path}: column {twice[0]!r} is there twice; name each column once")
    for column in sorted(profile.columns.difference(header)):
        near = get_close_matches(column, header, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(header) or 'nothing'}"
        raise ProfileError(f"{path}: no column {column!r}, which source {profile.name} reads; {hint}")
