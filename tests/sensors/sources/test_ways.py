"""The two ways through a source: what `ordinary` takes, `placed`, `record` and the contract judge alike."""

from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sensors.formats.sample import Sample, Value
from sensors.instants import DAY_MS
from sensors.quantities import OF_FAMILY, quantise
from sensors.sources import Source, parse_sources
from sensors.sources.rules import Step

NOW = 1_772_344_800_000
FIELDS = {"p": "µg/m³", "q": "ng/m³", "r": "ppb", "t": "K", "h": "1", "w": "m/s", "s": "dB"}
[SOURCE] = parse_sources(
    """
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
    """,
    "test",
    ZoneInfo("Asia/Shanghai"),
)

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


@settings(max_examples=3000, deadline=None)
@given(st.dictionaries(fields, values, max_size=7))
@example({"p": 0.0005, "q": 1500.5})
@example({"h": 1})
@example({"t": 373.15})
def test_the_short_way_is_the_careful_one(sent: dict[str, Value]) -> None:
    sample = Sample(None, NOW, sent)
    short = SOURCE.ordinary(sample, None)
    if short is not None:
        assert short == carefully(SOURCE, sample)


@given(st.dictionaries(st.sampled_from(["p", "q", "s"]), st.decimals(31, 99, places=3).map(float), min_size=1))
def test_what_is_ordinary_takes_the_short_way(sent: dict[str, Value]) -> None:
    assert SOURCE.ordinary(Sample(None, NOW, sent), None) is not None


def steps() -> list[Step]:
    plan = SOURCE.rules.plan(tuple(FIELDS), None, {})
    assert plan is not None
    return [step for step in plan if step is not None]


@settings(max_examples=2000, deadline=None)
@given(st.sampled_from(steps()), st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_within_a_step_is_within_its_range(step: Step, value: float) -> None:
    """The short way compares in units of the last decimal: that may be narrower than the range, never wider."""
    if step.low <= value * step.factor + step.offset <= step.high:
        quantity = OF_FAMILY["air"][step.code]
        number = step.rule.line.of(value)
        assert quantity.low <= number <= quantity.high
        assert quantity.low <= quantise(number, quantity.scale) <= quantity.high
