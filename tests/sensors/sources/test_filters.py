"""Topic filters with placeholders: what they take, what they say of it, and which of them meet."""

import pytest

from sensors.sources.filters import FilterError, TopicFilter


@pytest.mark.parametrize(
    ("text", "topic", "parts"),
    [
        ("env/{district}/+/{station}/data", "env/north/x/hx-1/data", {"district": "north", "station": "hx-1"}),
        ("env/{district}/+/{station}/data", "env/north/x/hx-1/status", None),
        ("env/{district}/+/{station}/data", "env/north/x/hx-1/data/more", None),
        ("env/{district}/+/{station}/data", "env/north/hx-1/data", None),
        ("hj212/22/{device}", "hj212/22/LXHB0CS0306310", {"device": "LXHB0CS0306310"}),
        ("a/#", "a/b/c", {}),
        ("a/#", "a", {}),
        ("a/{station}/#", "a/s/x/y", {"station": "s"}),
        ("a/{station}/#", "a", None),
        ("{station}", "$SYS", None),
        ("#", "$SYS/broker", None),
        ("$oc/devices/{device}/sys/properties/report", "$oc/devices/d1/sys/properties/report", {"device": "d1"}),
        ("a/+", "a/", {}),
    ],
)
def test_a_filter_takes_or_leaves_a_topic(text: str, topic: str, parts: dict[str, str] | None) -> None:
    assert TopicFilter(text).match(topic) == parts


def test_placeholders_are_subscribed_to_as_any_level() -> None:
    found = TopicFilter("env/{district}/+/{station}/#")
    assert found.subscription == "env/+/+/+/#"
    assert found.placeholders == {"district", "station"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a/{stations}/b", "{stations} of 'a/{stations}/b' is not a placeholder: use {district}, {station}, {device}"),
        ("a/{station}/{station}", "{station} is twice"),
        ("a/x{station}", "level 'x{station}'"),
        ("a/#/b", "level '#'"),
        ("a/b+", "level 'b+'"),
        ("a/{}", "level '{}'"),
    ],
)
def test_a_wrong_filter_names_the_level_and_the_fix(text: str, says: str) -> None:
    with pytest.raises(FilterError) as error:
        TopicFilter(text)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("one", "two", "meet"),
    [
        ("a/{station}/c", "a/b/+", True),
        ("a/{station}/c", "a/b/d", False),
        ("a/{station}", "a/b/c", False),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("a", "a/#", True),
        ("a/b/#", "a", False),
        ("a", "a/b/#", False),
        ("#", "a/b", True),
        ("#", "$oc/b", False),
        ("+/b", "$oc/b", False),
        ("cityflux/{station}/x", "cityflux/v1/#", True),
        ("city/{station}/x", "cityflux/v1/#", False),
    ],
)
def test_two_filters_meet_where_a_topic_has_both(one: str, two: str, *, meet: bool) -> None:
    assert TopicFilter(one).overlaps(two) is meet
    if "{" not in two:
        assert TopicFilter(two).overlaps(TopicFilter(one).subscription) is meet
