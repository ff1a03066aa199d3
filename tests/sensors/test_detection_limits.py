"""Samples below the detection limit: as laboratories write them, to what is stored; the limit is never taken for a value."""

import json

import pytest

from sensors.families import CONTRACTS
from sensors.formats.native import decode
from sensors.reading import Doubt
from sensors.refusals import Refused
from sensors.sources.source import detection_limit
from sensors.stations import Station

AT = 1_772_344_800_000


def judged(values: dict[str, object], status: dict[str, str] | None = None):  # type: ignore[no-untyped-def]
    payload = json.dumps({"at": AT, "values": values, **({"status": status} if status else {})}).encode()
    return CONTRACTS["water"].judge(decode(payload)[0], "lt-01", AT, 86_400_000)


def test_a_text_below_a_limit_is_a_limit_and_no_value() -> None:
    record = judged({"copper": "<0.001", "mercury": " < 0.00004 ".strip(), "zinc": 0.02})
    assert record.values == {"zinc": 0.02}
    assert record.doubtful == {"copper": Doubt("below_detection", 0.001), "mercury": Doubt("below_detection", 0.00004)}
    assert not record.refusals


def test_a_number_with_the_status_is_the_same() -> None:
    record = judged({"copper": 0.001}, {"copper": "below_detection"})
    assert record.doubtful == {"copper": Doubt("below_detection", 0.001)}


@pytest.mark.parametrize("text", ["0.001", "<", "<low", "0.001L", ">5", "<-", "<nan", "<1e999"])
def test_other_texts_are_refused_by_name(text: str) -> None:
    record = judged({"copper": text, "zinc": 0.02})
    assert record.values == {"zinc": 0.02}
    assert [refusal.quantity for refusal in record.refusals] == ["copper"]


def test_a_state_outranks_a_limit() -> None:
    record = judged({"copper": "<0.001"}, {"copper": "maintenance"})
    assert [refusal.quantity for refusal in record.refusals] == ["copper"]


@pytest.mark.parametrize("state", ["standard_check", "no_water", "maintenance", "calibration"])
def test_states_of_a_water_station(state: str) -> None:
    record = judged({"nh3_n": 1.25}, {"nh3_n": state})
    assert not record.values
    assert record.doubtful["nh3_n"] == Doubt(state, 1.25)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "limit"),
    [("<0.01", 0.01), ("< 0.01", 0.01), ("0.01L", 0.01), (" 0.01L ", 0.01), ("L", None), ("<", None), ("0.01", None),
     ("0.01l", None), ("<x", None), ("xL", None), ("", None)],
)  # fmt: skip
def test_laboratories_write_limits_in_two_ways(text: str, limit: float | None) -> None:
    assert detection_limit(text) == limit


def test_the_21_items_are_quantities() -> None:
    from processors.standards.water import water_standard
    from sensors.quantities import OF_FAMILY

    items = [item.code for item in water_standard().items]
    assert len(items) == 21
    assert set(items) <= set(OF_FAMILY["water"])
    for item in water_standard().items:
        quantity = OF_FAMILY["water"][item.code]
        assert quantity.unit == ("1" if item.code == "ph" else "mg/L")
        # One tenth of the strictest limit is still seen, and the worst class is within the range.
        assert quantity.low <= float(min(item.limits)) <= quantity.high
        assert 10**-quantity.scale <= float(min(item.limits)) / 10


def test_a_section_is_not_its_own_sampler() -> None:
    fields = {"id": "lt-01", "family": "water", "name_zh": "x", "district": "gaoxin"}
    assert Station.model_validate({**fields, "section": "lt-02", "sampling": "manual", "downstream": "lt-03"}).section
    for field in ("section", "downstream"):
        with pytest.raises(ValueError, match=f"{field} is lt-01 itself"):
            Station.model_validate({**fields, field: "lt-01"})


def test_no_samples_at_all_are_still_refused_whole() -> None:
    with pytest.raises(Refused):
        CONTRACTS["water"].judge({"at": AT}, "lt-01", AT, 86_400_000)
