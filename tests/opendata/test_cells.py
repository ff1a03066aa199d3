"""The text of a cell: exact, harmless to a spreadsheet, and read back as what it was."""

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityflux.opendata.cells import plain, string_of, text_of
from tests.processors.world import ZONE


@given(st.text())
def test_a_string_comes_back_through_csv_as_it_was(text: str) -> None:
    cell = text_of("string", text, ZONE)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    if "\x00" not in cell:
        written = io.StringIO(newline="")
        csv.writer(written, lineterminator="\r\n").writerow([cell, "end"])
        [[read, _]] = csv.reader(io.StringIO(written.getvalue(), newline=""), strict=True)
        assert read == cell
    assert string_of(cell) == (text or None)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_written_without_exponent_and_reads_as_itself(value: float) -> None:
    text = plain(value)
    assert float(text) == value
    assert set(text) <= set("0123456789.-")
    assert Decimal(text) == Decimal(repr(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (20.0, "20"), (0.1, "0.1"), (-0.0, "0"), (-3.5, "-3.5"), (1e-5, "0.00001"), (1e16, "10000000000000000"), (7, "7"),
        ("50.0", "50.0"), ("1E+2", "100"), (Decimal("46.10"), "46.10"), ("12345678901234567.89", "12345678901234567.89"),
    ],
)  # fmt: skip
def test_numbers(value: float | str | Decimal, text: str) -> None:
    assert plain(value) == text


def test_other_types() -> None:
    assert text_of("boolean", False, ZONE) == "false"
    assert text_of("integer", 0, ZONE) == "0"
    assert text_of("datetime", 0, ZONE) == "1970-01-01T08:00:00+08:00"
    assert text_of("number", None, ZONE) == ""
    assert text_of("string", "＝1+1", ZONE) == "'＝1+1"
