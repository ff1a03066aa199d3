"""Topics of the native format: `cityflux/v1/{district}/{family}/{station}/{period}`."""

import re
from typing import NamedTuple

from sensors.quantities import MEASURED_FAMILIES, Family
from sensors.reading import PERIODS, Period
from sensors.refusals import Refused

NATIVE = "cityflux/v1/"
"""How every topic of the native format begins."""
SUBSCRIPTION = f"{NATIVE}#"
HEARTBEATS = "cityflux/v1/heartbeat/"
"""Under it each client of ours has a topic for messages to itself. Four levels: no reading is published there."""

_ID = re.compile(r"[a-z0-9-]{1,64}")


class Address(NamedTuple):
    """What a topic says of every reading in its messages."""

    district: str
    family: Family
    station: str
    period: Period


def is_id(text: str) -> bool:
    """Whether `text` can name a station or a district: `[a-z0-9-]{1,64}`."""
    return _ID.fullmatch(text) is not None


def parse_topic(topic: str) -> Address:
    """Topic to address. Raises Refused("unknown_topic") with the level that is wrong and what it may be."""
    levels = topic.split("/")
    if len(levels) != 6 or levels[0] != "cityflux" or levels[1] != "v1":
        raise Refused(
            "unknown_topic",
            "topic",
            f"{topic!r} is not of the form cityflux/v1/district/family/station/period",
            "publish to cityflux/v1/{district}/{family}/{station}/{period}, or name the topic in a source (cityflux sources)",
        )
    _, _, district, family, station, period = levels
    for name, level in (("district", district), ("station", station)):
        if not is_id(level):
            raise Refused("unknown_topic", name, f"{name} {level!r} is not an id", "use 1 to 64 of a-z, 0-9 and -")
    if family not in MEASURED_FAMILIES:
        raise Refused(
            "unknown_topic", "family", f"family {family!r} is not known", f"use one of {', '.join(MEASURED_FAMILIES)}"
        )
    if period not in PERIODS:
        raise Refused("unknown_topic", "period", f"period {period!r} is not known", f"use one of {', '.join(PERIODS)}")
    return Address(district, family, station, period)


def is_topic(topic: str) -> bool:
    """Whether `parse_topic` takes it."""
    try:
        parse_topic(topic)
    except Refused:
        return False
    return True


_SHAPE = (("cityflux",), ("v1",), (), MEASURED_FAMILIES, (), PERIODS)
"""The words that each level keeps in a shape."""


def topic_shape(topic: str) -> str:
    """The topic with `+` for every level that is not one of the few words known there, and `#` for what follows six levels.

    `cityflux/v1/+/air/+/hour` for all stations' hours of air. However senders choose their topics there are few shapes.
    """
    levels = topic.split("/")
    shape = [level if level in words else "+" for level, words in zip(levels, _SHAPE, strict=False)]
    return "/".join([*shape, "#"] if len(levels) > len(_SHAPE) else shape)


def topic_of(address: Address) -> str:
    """Address to topic: the inverse of `parse_topic`."""
    return f"cityflux/v1/{address.district}/{address.family}/{address.station}/{address.period}"
