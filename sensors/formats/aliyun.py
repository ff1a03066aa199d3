"""Alibaba Cloud IoT Platform, Alink JSON: what a device posts of its thing model, and what the platform forwards of it.

    {"id": "123", "version": "1.0", "method": "thing.event.property.post",
     "params": {"Power": {"value": "on", "time": 1524448722000}, "WF": 23.6}}

Source: "Device properties, events, and services" (help.aliyun.com, document 89301) for property/post, property/batch/post,
property/pack/post and property/history/post; "Data formats" (document 73736) for what the rules engine forwards (`items`).

A property is a value, or an object of `value` and perhaps `time` [ms since the epoch] and nothing else; without a time it is
of the message's receipt. Properties of one device and one time are one sample. A structure is its members, under names joined
by dots (`Position.longitude`). The device is named only where the message names it (sub-devices, history, forwarded
messages): by its `deviceName`. The thing model's events carry no readings and are passed over where they come with
properties.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sensors.formats.gathering import Gathering
from sensors.formats.options import NoOptions, clock, read_options
from sensors.formats.parsing import array_of, fields_of, json_of, object_of, shown, text_at
from sensors.formats.sample import Decode, Options, Sample
from sensors.refusals import Refusal, Refused

_METHOD = "thing.event.property.{}post"
_POST, _BATCH, _PACK, _HISTORY = (_METHOD.format(of) for of in ("", "batch.", "pack.", "history."))
_LONG = {"value", "time"}


def make(options: Options) -> Decode:
    """A decoder of Alink property messages. Raises OptionError."""
    read_options(NoOptions, options)
    instant = clock("ms", options.zone)

    def decode(payload: bytes) -> Sequence[Sample | Refusal]:
        gathering = Gathering()
        for device, properties, place in _posted(object_of(json_of(payload), "payload"), gathering):
            for name, sent in properties.items():
                where = f"{place}.{name}"
                with gathering.part():
                    value, time = _value_and_time(sent)
                    at = None if time is None else instant(time, f"{where}.time")
                    gathering.add(device, at, fields_of(value, name, where), where)
        return gathering.parts("params", "send properties as {name: value} or {name: {value, time}}")

    return decode


_Properties = tuple[str | None, Mapping[str, Any], str]
"""A device, properties of it as sent, and the place they stood at."""


def _posted(root: Mapping[str, Any], gathering: Gathering) -> Iterator[_Properties]:
    """The properties of any of the messages, in their order. Raises Refused for the whole of it."""
    if "items" in root and "params" not in root:
        yield text_at(root, "deviceName", "deviceName"), object_of(root["items"], "items"), "items"
        return
    method = root.get("method", _POST)
    params = root.get("params")
    if method == _POST:
        yield None, object_of(params, "params"), "params"
    elif method == _BATCH:
        yield from _series(object_of(params, "params"))
    elif method == _PACK:
        yield from _packed(object_of(params, "params"), gathering)
    elif method == _HISTORY:
        yield from _recorded(array_of(params, "params"), gathering)
    else:
        raise Refused(
            "no_readings",
            "method",
            f"{shown(method)} posts no properties",
            "let the source take the topics …/thing/event/property/…post only",
        )


def _series(params: Mapping[str, Any]) -> Iterator[_Properties]:
    """property/batch/post: of each property an array, one value after the other."""
    place = "params.properties"
    for name, sent in object_of(params.get("properties", {}), place).items():
        for one in array_of(sent, f"{place}.{name}"):
            yield None, {name: one}, place


def _packed(params: Mapping[str, Any], gathering: Gathering) -> Iterator[_Properties]:
    """property/pack/post: a gateway's own properties and those of its sub-devices."""
    yield None, object_of(params.get("properties", {}), "params.properties"), "params.properties"
    for index, one in enumerate(array_of(params.get("subDevices", []), "params.subDevices")):
        place = f"params.subDevices[{index}]"
        with gathering.part():
            device, of = _identified(one, place)
            yield device, object_of(of.get("properties", {}), f"{place}.properties"), f"{place}.properties"


def _recorded(params: list[Any], gathering: Gathering) -> Iterator[_Properties]:
    """property/history/post: of each device its properties, again and again."""
    for index, one in enumerate(params):
        place = f"params[{index}]"
        with gathering.part():
            device, of = _identified(one, place)
            for number, record in enumerate(array_of(of.get("properties", []), f"{place}.properties")):
                where = f"{place}.properties[{number}]"
                with gathering.part():
                    yield device, object_of(record, where), where


def _identified(one: object, place: str) -> tuple[str, Mapping[str, Any]]:
    """The name of a device, and all that was sent of it. Raises Refused."""
    of = object_of(one, place)
    identity = object_of(of.get("identity"), f"{place}.identity")
    return text_at(identity, "deviceName", f"{place}.identity.deviceName"), of


def _value_and_time(sent: object) -> tuple[object, object]:
    if isinstance(sent, dict) and "value" in sent and sent.keys() <= _LONG:
        return sent["value"], sent.get("time")
    return sent, None
