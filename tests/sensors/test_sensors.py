"""Quantities, instants, topics and the registry."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.instants import NoOffsetError, iso, parse_instant
from sensors.quantities import MEASURED_FAMILIES, OF_FAMILY, QUANTITIES, quantise
from sensors.refusals import Refused
from sensors.stations import RegistryError, dump_registry, load_registry
from sensors.topics import Address, is_topic, parse_topic, topic_of, topic_shape


def test_every_measured_family_has_quantities_and_no_code_twice() -> None:
    assert all(OF_FAMILY[family] for family in MEASURED_FAMILIES)
    assert len({(q.family, q.code) for q in QUANTITIES}) == len(QUANTITIES)
    codes = [q.hj212 for q in QUANTITIES if q.hj212]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize(
    ("value", "scale", "expected"),
    [
        (35.5, 0, 36.0),
        (36.5, 0, 36.0),
        (60.5, 0, 60.0),
        (0.5, 0, 0.0),
        (1.5, 0, 2.0),
        (0.85, 1, 0.8),
        (0.95, 1, 1.0),
        (1.05, 1, 1.0),
        (2.15, 1, 2.2),
        (1e15, 3, 1e15),
        (-0.95, 1, -1.0),
    ],
)
def test_quantising_is_half_even_on_the_decimal_digits(value: float, scale: int, expected: float) -> None:
    assert quantise(value, scale) == expected


@given(st.floats(-1e9, 1e9, allow_nan=False), st.integers(0, 6))
def test_quantising_equals_decimal_arithmetic(value: float, scale: int) -> None:
    exact = Decimal(repr(value)).quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_EVEN)
    assert quantise(value, scale) == float(exact)


@pytest.mark.parametrize("value", [2.0**52, -(2.0**52) - 1, 1e22, 1e25, -1e306, 1.7976931348623157e308])
def test_a_number_too_large_for_decimals_stays(value: float) -> None:
    assert quantise(value, 3) == value


def test_instants_keep_the_moment_and_demand_an_offset() -> None:
    assert parse_instant("2026-03-01T14:00:00+08:00") == parse_instant("2026-03-01T06:00:00Z") == 1_772_344_800_000
    assert iso(1_772_344_800_000) == "2026-03-01T06:00:00+00:00"
    assert iso(1_772_344_800_001) == "2026-03-01T06:00:00.001+00:00"
    with pytest.raises(NoOffsetError):
        parse_instant("2026-03-01T14:00:00")
    with pytest.raises(ValueError, match="x"):
        parse_instant("x")


def test_a_topic_and_its_address_are_inverse() -> None:
    address = Address("gaoxin", "air", "hx-01", "hour")
    assert topic_of(address) == "cityflux/v1/gaoxin/air/hx-01/hour"
    assert parse_topic(topic_of(address)) == address


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "cityflux/v1/gaoxin/air/hx-01",
        "cityflux/v1/gaoxin/air/hx-01/hour/extra",
        "cityflux/v2/gaoxin/air/hx-01/hour",
        "other/v1/gaoxin/air/hx-01/hour",
        "cityflux/v1/gaoxin/noise/hx-01/hour",
        "cityflux/v1/gaoxin/air-index/hx-01/hour",
        "cityflux/v1/gaoxin/air/HX-01/hour",
        "cityflux/v1/gaoxin/air/hx-01/week",
        "cityflux/v1//air/hx-01/hour",
        "cityflux/v1/gaoxin/air/" + "x" * 65 + "/hour",
        "cityflux/v1/gaoxin/air/虎溪/hour",
    ],
)
def test_a_topic_outside_the_format_is_refused_with_a_fix(topic: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_topic(topic)
    assert refused.value.refusal.code == "unknown_topic"
    assert refused.value.refusal.fix
    assert not is_topic(topic)


@pytest.mark.parametrize(
    ("topic", "shape"),
    [
        ("cityflux/v1/gaoxin/air/hx-01/hour", "cityflux/v1/+/air/+/hour"),
        ("cityflux/v1/yubei/water/q-7/raw", "cityflux/v1/+/water/+/raw"),
        ("cityflux/v1/gaoxin/air/hx-01/week", "cityflux/v1/+/air/+/+"),
        ("cityflux/v1/air/air/hour/air", "cityflux/v1/+/air/+/+"),
        ("cityflux/v1/gaoxin", "cityflux/v1/+"),
        ("cityflux/v1/a/air/b/hour/c/d/e", "cityflux/v1/+/air/+/hour/#"),
        ("other/v2", "+/+"),
        ("", "+"),
    ],
)
def test_the_shape_of_a_topic_keeps_only_known_words(topic: str, shape: str) -> None:
    assert topic_shape(topic) == shape


STATION = """
[[station]]
id = "hx-01"
family = "air"
name_zh = "虎溪 \\"一\\""
district = "gaoxin"
"""
COUNTS = STATION.replace('"air"', '"traffic"')


def test_a_registry_reads_what_it_writes() -> None:
    registry = load_registry(
        STATION
        + "active_to = 2026-01-01T00:00:00+08:00\n"
        + STATION
        + 'kind = "background"\nlongitude = 106.3\nactive_from = 2026-01-01T00:00:00+08:00\n',
        "stations.toml",
    )
    assert list(load_registry(dump_registry(registry), "again")) == list(registry)
    before, after = parse_instant("2025-12-31T00:00:00+08:00"), parse_instant("2026-01-01T00:00:00+08:00")
    first, second = registry.entry("air", "hx-01", before), registry.entry("air", "hx-01", after)
    assert first is not None
    assert second is not None
    assert (first.kind, second.kind) == ("assessment", "background")
    assert [s.id for s in registry.active("air", before, kind="assessment")] == ["hx-01"]
    assert registry.active("air", after, kind="assessment") == []
    assert registry.knows("air", "hx-01")
    assert not registry.knows("water", "hx-01")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[[station]]\nid=", ["stations.toml"]),
        ("[station]", ["stations.toml"]),
        ("[[stations]]", ["stations.toml", "stations"]),
        (STATION.replace("hx-01", "HX 01"), ["stations.toml", "HX 01", "id"]),
        (STATION.replace('"air"', '"noise"'), ["hx-01", "family"]),
        (STATION + "colour = 1\n", ["hx-01", "colour"]),
        (STATION + STATION, ["air/hx-01", "overlap"]),
        (STATION + "longitude = 200\n", ["hx-01", "longitude"]),
        (COUNTS + "expected_period_s = 420\n", ["hx-01", "expected_period_s 420", "divide an hour", "write 60, 300"]),
        (COUNTS + "expected_period_s = 7200\n", ["hx-01", "expected_period_s 7200"]),
    ],
)
def test_a_wrong_registry_names_the_entry_and_the_key(text: str, names: list[str]) -> None:
    with pytest.raises(RegistryError) as error:
        load_registry(text, "stations.toml")
    assert all(name in str(error.value) for name in names), str(error.value)
