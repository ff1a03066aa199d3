"""Huawei Cloud IoTDA: what devices and gateways report of their properties, and what the platform forwards of it.

    {"services": [{"service_id": "Temperature", "properties": {"value": 57}, "event_time": "20151212T121212Z"}]}
    {"devices": [{"device_id": "…", "services": […]}]}
    {"resource": "device.property", "notify_data": {"header": {"device_id": "…"}, "body": {"services": […]}}}

Source: IoTDA API reference, "Device Reporting Properties" (iot_06_v5_3010), "Gateway Reporting Device Properties in Batches"
(iot_06_v5_3006), and "Device Property Reporting Notification" of the data forwarding rules.

A field is called `<service_id>.<property>`. Services of one device and one time are one sample. `event_time` is UTC,
`yyyyMMdd'T'HHmmss'Z'` or `yyyy-MM-dd'T'HH:mm:ss.SSS'Z'`; without it the time is that of receipt, but unlike the platform this
does not hold for a time that cannot be read: its service is refused. The device is named only where the message names it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sensors.formats.gathering import Gathering
from sensors.formats.options import Clock, NoOptions, clock, read_options
from sensors.formats.parsing import array_of, fields_of, json_of, object_of, shown, text_at
from sensors.formats.sample import Decode, Options, Sample, Value
from sensors.refusals import Refusal, Refused

_RESOURCE = "device.property"


def make(options: Options) -> Decode:
    """A decoder of property reports. Raises OptionError."""
    read_options(NoOptions, options)
    instant = clock("iso", options.zone)

    def decode(payload: bytes) -> Sequence[Sample | Refusal]:
        gathering = Gathering()
        for device, services, place in _reported(object_of(json_of(payload), "payload"), gathering):
            for index, service in enumerate(services):
                with gathering.part():
                    at, fields = _read(service, f"{place}[{index}]", instant)
                    gathering.add(device, at, fields, f"{place}[{index}]")
        return gathering.parts("services", "send at least one service with its properties")

    return decode


def _reported(root: Mapping[str, Any], gathering: Gathering) -> Iterator[tuple[str | None, list[Any], str]]:
    """Device, services and their place, of any of the messages. Raises Refused for the whole of it."""
    if "notify_data" in root:
        if root.get("resource") != _RESOURCE:
            raise Refused(
                "no_readings",
                "resource",
                f"{shown(root.get('resource'))} carries no properties",
                f"forward {_RESOURCE} only",
            )
        data = object_of(root["notify_data"], "notify_data")
        header = object_of(data.get("header"), "notify_data.header")
        device = text_at(header, "device_id", "notify_data.header.device_id")
        place = "notify_data.body.services"
        yield device, array_of(object_of(data.get("body"), "notify_data.body").get("services"), place), place
    elif "devices" in root:
        for index, one in enumerate(array_of(root["devices"], "devices")):
            place = f"devices[{index}]"
            with gathering.part():
                of = object_of(one, place)
                device = text_at(of, "device_id", f"{place}.device_id")
                yield device, array_of(of.get("services"), f"{place}.services"), f"{place}.services"
    else:
        yield None, array_of(root.get("services"), "services"), "services"


def _read(sent: object, place: str, instant: Clock) -> tuple[int | None, dict[str, Value]]:
    """Time and fields of one service. Raises Refused."""
    service = object_of(sent, place)
    name = text_at(service, "service_id", f"{place}.service_id")
    properties = object_of(service.get("properties"), f"{place}.properties")
    time = service.get("event_time")
    at = None if time is None else instant(time, f"{place}.event_time")
    return at, fields_of(properties, name, f"{place}.properties")
