"""A table of an export, written row by row into its two files: CSV (RFC 4180, UTF-8) and Parquet, the same rows in the same
order.

The CSV is the record: its decimals are exact. Parquet holds numbers as doubles, the nearest to them. No more than one row group
is in memory.
"""

import csv
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from cityflux.opendata.cells import Cell, Row, text_of
from cityflux.opendata.tables import Field, Table

# Chosen: rows of a row group. Of the widest table some 30 MB; a fixed number, so that the same rows make the same bytes.
ROW_GROUP = 65_536


class TableWriter:
    """The two files of `table` in `folder`, as a block; `rows` counts what was written."""

    def __init__(self, folder: Path, table: Table, zone: ZoneInfo) -> None:
        self.table = table
        self.rows = 0
        self._zone = zone
        self._waiting: list[list[Cell]] = []
        self._schema = pa.schema(
            [_arrow(field, zone) for field in table.fields],
            metadata={"title_zh": table.zh, "title_en": table.en, "description": table.meaning},
        )
        place = folder / table.path
        place.parent.mkdir(parents=True, exist_ok=True)
        self._csv = place.with_suffix(".csv").open("w", encoding="utf-8", newline="")
        self._lines = csv.writer(self._csv, lineterminator="\r\n")
        self._lines.writerow([field.name for field in table.fields])
        self._parquet = pq.ParquetWriter(place.with_suffix(".parquet"), self._schema, compression="zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._flush()
        self._csv.close()
        self._parquet.close()

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows, by column. Raises KeyError for a column that the table has not."""
        fields = self.table.fields
        names = {field.name for field in fields}
        for row in rows:
            if unknown := row.keys() - names:
                raise KeyError(f"{self.table.name} has no column {min(unknown)}")
            cells = [row.get(field.name) for field in fields]
            self._lines.writerow(
                [text_of(field.type, cell, self._zone) for field, cell in zip(fields, cells, strict=True)]
            )
            self._waiting.append(cells)
            self.rows += 1
            if len(self._waiting) == ROW_GROUP:
                self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        columns = zip(*self._waiting, strict=True)
        arrays = [
            pa.array([_typed(field, cell) for cell in column], self._schema.field(field.name).type)
            for field, column in zip(self.table.fields, columns, strict=True)
        ]
        self._parquet.write_table(pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=ROW_GROUP)
        self._waiting.clear()


def _arrow(field: Field, zone: ZoneInfo) -> pa.Field:
    kinds = {
        "string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(),
        "datetime": pa.timestamp("ms", tz=zone.key), "date": pa.date32(),
    }  # fmt: skip
    said = {"unit": field.unit, "title_zh": field.zh, "title_en": field.en, "description": field.meaning}
    return pa.field(field.name, kinds[field.type], metadata={name: text for name, text in said.items() if text})


def _typed(field: Field, cell: Cell) -> object:
    if cell is None or cell == "":
        return None
    match field.type:
        case "string":
            return str(cell)
        case "number":
            return float(cell) or 0.0  # no negative zero
        case "boolean":
            return bool(cell)
        case "date":
            return date.fromisoformat(str(cell))
        case "integer" | "datetime":
            return int(cell)
