"""The two ways through a source: what `ordinary` takes, `placed`, `record` and the contract judge alike."""

from math import nextafter
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sensors.formats.sample import Sample, Value
from sensors.instants import DAY_MS
from sensors.sources import Source, parse_sources

NOW = 1_772_344_800_000
FIELDS = {"p": "µg/m³", "q": "ng/m³", "r": "ppb", "t": "K", "h": "1", "w": "m/s", "s": "dB"}
TEXT = """
    [[source]]
    name = "any"
    topic = "any/{station}"
    format = "json"
    family = "air"
    missing = [-999, -1.5]
    ignore = ["x_*"]
    [source.quantities]
    pm2_5 = "p"
    pm10 = { field = "q", unit = "ng/m³" }
    o3 = { field = "r", unit = "ppb" }
    air_temperature = { field = "t", unit = "K" }
    humidity = { field = "h", factor = 100 }
    wind_speed = { field = "w", factor = 1.5, offset = -0.25 }
    sound_level = "s"
    """
[SOURCE] = parse_sources(TEXT, "test", ZoneInfo("Asia/Shanghai"))

numbers = st.one_of(
    st.floats(-10, 2500),
    st.floats(),
    st.integers(-10, 3000),
    st.integers(),
    st.decimals(0, 500, places=4).map(float),
    st.sampled_from(
        [0, 0.0, -0.0, 2000, 2000.0, 2000.0000000000002, 373.15, 273.15, -999, -1.5, 1.0, 0.0005, 2e6, 1e300]
    ),
)
values = st.one_of(numbers, numbers, numbers, st.none(), st.booleans(), st.text(max_size=3))
fields = st.sampled_from([*FIELDS, *FIELDS, "x_raw", "nobody"])


def carefully(source: Source, sample: Sample) -> dict[str, float] | None:
    """The good values of the careful way; None where it refuses or doubts anything."""
    placed = source.placed(sample, None)
    record = source.contract.judge(source.record(sample, placed, NOW), "st-1", NOW, DAY_MS)
    if record.doubtful or record.refusals or any(one.refusal is not None for one in placed):
        return None
    return record.values


@settings(max_examples=3000)
@given(st.dictionaries(fields, values, max_size=7))
@example({"p": 0.0005, "q": 1500.5})
@example({"h": 1})
@example({"t": 373.15})
def test_the_short_way_is_the_careful_one(sent: dict[str, Value]) -> None:
    sample = Sample(None, NOW, sent)
    short = [SOURCE.ordinary(sample, None) for _ in range(3)][-1]
    if short is not None:
        assert short == carefully(SOURCE, sample)


@given(st.dictionaries(st.sampled_from(["p", "q", "s"]), st.integers(31, 99), min_size=1))
def test_what_is_ordinary_takes_the_short_way_once_it_has_come_often(sent: dict[str, Value]) -> None:
    [source] = parse_sources(TEXT, "test", ZoneInfo("Asia/Shanghai"))
    sample = Sample(None, NOW, sent)
    assert [source.ordinary(sample, None) is not None for _ in range(4)] == [False, False, True, True]


EDGES = {"p": 2000.0, "h": 1.0, "w": 0.0, "s": 0.0, "t": 273.15}


def test_at_the_edge_of_a_range_the_two_ways_are_one() -> None:
    """A conversion may leave the edge to the careful way; what is sent in the canonical unit may not."""
    for field, value in EDGES.items():
        for number in (value, nextafter(value, -9e9), nextafter(value, 9e9), 0.0, -0.0):
            sample = Sample(None, NOW, {field: number})
            short = [SOURCE.ordinary(sample, None) for _ in range(3)][-1]
            assert short is None or short == carefully(SOURCE, sample)
    assert SOURCE.ordinary(Sample(None, NOW, {"p": 2000.0}), None) == {"pm2_5": 2000.0}


def test_whoever_invents_shapes_gets_no_short_way() -> None:
    [source] = parse_sources(TEXT, "test", ZoneInfo("Asia/Shanghai"))
    assert source.ordinary(Sample(None, NOW, {f"x_{number}": 1.0 for number in range(300)}), None) is None
    for number in range(30_000):
        source.ordinary(Sample(None, NOW, {f"x_{number}": 1.0, "p": 1.0}), None)
    assert len(source.rules._shapes) <= 10_000
