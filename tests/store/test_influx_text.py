"""The texts of line protocol, without a server."""

import numpy as np
import pytest

from sensors.reading import Reading
from store.influx_text import fields_of, line_of
from store.merge import Point


@pytest.mark.parametrize(
    ("value", "text"),
    [(35.0, "35.0"), (0.1, "0.1"), (-0.0, "-0.0"), (1e22, "1e22"), (1.5e-7, "1.5e-7"), (1234567.891, "1234567.891")],
)
def test_a_value_is_written_so_that_it_reads_back_the_same(value: float, text: str) -> None:
    assert fields_of({"o3": value}) == f"o3={text}"
    assert float(text) == value


def test_floats_of_numpy_are_written_as_numbers() -> None:
    assert fields_of({"o3": np.float64(0.1), "co": np.float64(2)}) == "o3=0.1,co=2.0"


def test_a_line_has_its_values_first_and_needs_none() -> None:
    reading = Reading("air", "hx-01", "hour", 7_200_000, 7_300_000, {"pm2_5": 35.0, "co": 0.7}, origin=3, batch=17)
    head = "air_hour,station=hx-01"
    rest = "received_at=7300000i,origin=3i,batch=17i 7200000"
    assert line_of(head, Point(reading, {})) == f"{head} pm2_5=35.0,co=0.7,{rest}"
    assert line_of(head, Point(reading._replace(values={}), {})) == f"{head} {rest}"
