"""What a station's messages are like is learnt, and each change is told once."""

from collections.abc import Iterable

import pytest

from sensors.shapes import Change, Part, Profile, part_of, shape_of_record

NUMBER = Part("number")
PLAIN = {"pm25": NUMBER, "o3": NUMBER}


def told(profile: Profile, *shapes: dict[str, Part], interval_ms: float | None = None) -> list[Change]:
    return [change for shape in shapes for change in profile.look(shape, interval_ms)]


@pytest.fixture
def profile() -> Profile:
    learnt = Profile()
    assert told(learnt, *[PLAIN] * 5, interval_ms=60_000) == []
    return learnt


def test_a_new_field_is_told_once(profile: Profile) -> None:
    more = {**PLAIN, "pm_25": Part("number", "ng/m³")}
    assert told(profile, more, more, more) == [Change("new_field", "pm_25", "", "number [ng/m³]")]


def test_a_field_that_always_came_is_missing_after_three_messages(profile: Profile) -> None:
    without = {"o3": NUMBER}
    assert told(profile, without, without) == []
    assert told(profile, without, without) == [Change("missing_field", "pm25", "number", "")]


def test_a_field_that_comes_now_and_then_is_not_missed() -> None:
    profile = Profile()
    assert told(profile, *[PLAIN, {"o3": NUMBER}] * 10) == []


def test_another_type_and_another_unit_are_told_and_no_value_is_neither(profile: Profile) -> None:
    assert told(profile, {**PLAIN, "o3": Part(None)}) == []
    assert told(profile, {**PLAIN, "o3": Part("text")}, {**PLAIN, "o3": Part("text")}) == [
        Change("type_change", "o3", "number", "text")
    ]
    with_unit = Profile()
    told(with_unit, *[{"o3": Part("number", "µg/m³")}] * 5)
    assert told(with_unit, {"o3": Part("number", "ppb")}) == [Change("unit_change", "o3", "µg/m³", "ppb")]


@pytest.mark.parametrize(
    ("intervals_s", "changes"),
    [
        ([60, 70, 50, 61, 3600, 60, 60], 0),
        ([600, 600, 60, 600, 600], 0),
        ([600, 600, 600, 600, 600, 600], 1),
        ([10, 10, 10, 10], 1),
        ([600, 10, 600, 10, 600, 10], 0),
        ([110] * 10, 0),
    ],
)
def test_another_rate_is_told_when_it_lasts(profile: Profile, intervals_s: Iterable[float], changes: int) -> None:
    found = [change for seconds in intervals_s for change in profile.look(PLAIN, 1000 * seconds)]
    assert [change.kind for change in found] == ["rate_change"] * changes
    assert all(change.before == "every 60 s" for change in found)


def test_what_is_learnt_survives_a_restart(profile: Profile) -> None:
    again = Profile.model_validate_json(profile.model_dump_json())
    assert again == profile
    assert told(again, {**PLAIN, "x": NUMBER}) == [Change("new_field", "x", "", "number")]


def test_a_device_that_invents_names_is_bounded(profile: Profile) -> None:
    found = told(profile, *({**PLAIN, f"f{number}": NUMBER} for number in range(2_000)))
    assert len([change for change in found if change.kind == "new_field"]) < 500
    assert len(profile.fields) <= 500


def test_parts_say_what_json_says() -> None:
    assert [part_of(value).type for value in (1, 1.5, "1", True, None)] == [
        "number",
        "number",
        "text",
        "true or false",
        None,
    ]
    assert shape_of_record({"values": {"o3": 1, "co": None, "x": [1]}}) == {
        "o3": NUMBER,
        "co": Part(None),
        "x": Part("text"),
    }
    assert shape_of_record({"at": 1}) == shape_of_record(7) == {}
