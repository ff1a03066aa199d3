"""Every format under mutated captures and arbitrary bytes; and that the judge sees what is wrong."""

from collections import Counter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.formats.catalogue import formats
from sensors.formats.sample import Sample, Vitals
from sensors.sources import parse_sources
from tests.captures import CAPTURES
from tests.fuzz.formats import BATCH, Broken, check_decoded, decoded, format_batch


def test_thousands_of_each_format_of_a_seed() -> None:
    batches = 20 * len(formats())
    totals = sum((format_batch(2026, number) for number in range(batches)), start=Counter())
    for name in formats():
        assert totals[f"{name}: messages"] == 20 * BATCH, name
        assert totals[f"{name}: refused"] > 10, name
        assert totals[f"{name}: readings"] > 10 or name == "availability", name


@pytest.mark.parametrize("name", formats())
@settings(max_examples=200)
@given(payload=st.binary(max_size=200))
def test_arbitrary_bytes(name: str, payload: bytes) -> None:
    capture = next(one for one in CAPTURES if one.format == name)
    [source] = parse_sources(capture.source, name, ZoneInfo("UTC"))
    check_decoded(decoded(source.decode, payload))


@pytest.mark.parametrize(
    "found",
    [
        [],
        None,
        [Sample("", 1)],
        [Sample("d", 1.5)],  # type: ignore[arg-type]
        [Sample("d", 1, {"a": b"1"})],  # type: ignore[dict-item]
        [Sample("d", 1, {}, {"a": "normal"})],
        [Sample("d", 1, {}, {"a": "odd"})],  # type: ignore[dict-item]
        [Sample("d", 1, vitals=Vitals(battery=float("nan")))],
        ["a sample"],
    ],
)
def test_a_decoder_that_breaks_its_contract_is_seen(found: object) -> None:
    with pytest.raises(Broken):
        check_decoded(found)
