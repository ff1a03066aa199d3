"""CSV (RFC 4180; format `csv`): each row is a sample, and the source says what the columns are.

    [source.options]                                           2026-03-01 14:00:00,hx-01,35.5,
    columns = ["time", "station", "pm25", "o3"]                2026-03-01 14:00:00,hx-02,36.0,61
    time = "time"
    time_format = "%Y-%m-%d %H:%M:%S"
    device = "station"

With `header = true` the first row names the columns. Fields are the columns of `fields`, or all but time and device. A cell that
is a finite decimal number is one; an empty cell is a missing value; every other cell is a text. Spaces around cells do not count.
A row with more or fewer cells than there are columns is refused; empty rows are passed over.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO

from pydantic import model_validator

from sensors.formats.options import Clock, FormatOptions, TimeFormat, clock, read_options
from sensors.formats.parsing import number_or_text, shown, text_of
from sensors.formats.sample import Decode, Options, Sample, Value
from sensors.refusals import Refusal, Refused

_BOM = "\ufeff"
"""What spreadsheets write before UTF-8."""


class CsvOptions(FormatOptions):
    """`columns` are the names of the columns, unless the payload has them (`header`); the others are among them."""

    columns: list[str] | None = None
    header: bool = False
    delimiter: str = ","
    time: str | None = None
    time_format: TimeFormat = "iso"
    device: str | None = None
    fields: list[str] | None = None

    @model_validator(mode="after")
    def _columns_agree(self) -> "CsvOptions":
        if self.header == (self.columns is not None):
            raise ValueError("give either columns, or header = true where the payload names them")
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n ':
            raise ValueError(f"delimiter {self.delimiter!r} must be one character, and no quote, space or line end")
        if self.columns is not None:
            _agree(self, self.columns)
        return self

    @property
    def named(self) -> list[str]:
        """The columns that must be there."""
        return [name for name in (self.time, self.device, *(self.fields or [])) if name is not None]


def _agree(options: CsvOptions, columns: Sequence[str]) -> None:
    """Raises ValueError where columns have no name of their own, or one that is needed is not among them."""
    for name in columns:
        if not name or columns.count(name) > 1:
            raise ValueError(f"column {shown(name)} has no name of its own")
    for name in options.named:
        if name not in columns:
            raise ValueError(f"there is no column {name!r}; there are {', '.join(columns)}")
    if not set(columns) - {options.time, options.device}:
        raise ValueError("no column is left for a field")


def make(options: Options) -> Decode:
    """A decoder of CSV with the columns that the options say. Raises OptionError."""
    chosen = read_options(CsvOptions, options)
    instant = clock(chosen.time_format, options.zone)

    def decode(payload: bytes) -> Sequence[Sample | Refusal]:
        rows = _rows(text_of(payload).removeprefix(_BOM), chosen.delimiter)
        columns = chosen.columns or _header(chosen, rows)
        fields = chosen.fields or [name for name in columns if name not in (chosen.time, chosen.device)]
        parts: list[Sample | Refusal] = []
        for number, cells in rows:
            try:
                parts.append(_sample(_named(columns, cells, number), fields, chosen, instant, number))
            except Refused as refused:
                parts.append(refused.refusal)
        if not parts:
            raise Refused("no_readings", "payload", "has no rows", "send at least one row")
        return parts

    return decode


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, with the number of the line they end on. Raises Refused: invalid_shape."""
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise Refused(
            "invalid_shape", f"line {reader.line_num}", f"is not CSV: {error}", "quote as RFC 4180 says"
        ) from error


def _header(options: CsvOptions, rows: Iterator[tuple[int, list[str]]]) -> list[str]:
    """The names of the columns, from the first row. Raises Refused: no_readings, invalid_shape."""
    number, columns = next(rows, (0, []))
    if not number:
        raise Refused("no_readings", "payload", "is empty", "send a row of names, and rows")
    try:
        _agree(options, columns)
    except ValueError as error:
        raise Refused("invalid_shape", f"line {number}", str(error), "name the columns as the source does") from error
    return columns


def _named(columns: Sequence[str], cells: Sequence[str], number: int) -> Mapping[str, str]:
    if len(cells) != len(columns):
        raise Refused(
            "invalid_shape",
            f"line {number}",
            f"has {len(cells)} cells for {len(columns)} columns",
            "send a cell for each column, empty where there is no value",
        )
    return dict(zip(columns, cells, strict=True))


def _sample(row: Mapping[str, str], fields: Sequence[str], options: CsvOptions, instant: Clock, number: int) -> Sample:
    """Raises Refused: invalid_shape, invalid_time."""
    device = None
    if options.device is not None:
        device = row[options.device]
        if not device:
            raise Refused("invalid_shape", f"line {number}, column {options.device}", "is empty", "name the device")
    at = None if options.time is None else instant(row[options.time], f"line {number}, column {options.time}")
    values: dict[str, Value] = {name: number_or_text(row[name]) if row[name] else None for name in fields}
    return Sample(device, at, values)
