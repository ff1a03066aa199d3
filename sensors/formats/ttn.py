"""The Things Stack v3 (The Things Network), JSON: `up` and `join` of `v3/APPLICATION/devices/DEVICE/…`.

    {"end_device_ids": {"device_id": "dev1", "dev_eui": "0004A30B001C0530", …}, "received_at": "2020-02-12T15:15:00.1Z",
     "uplink_message": {"f_cnt": 7, "decoded_payload": {"temperature": 1.0}, "rx_metadata": [{"rssi": -35, "snr": 5, …}],
                        "received_at": "2020-02-12T15:15:00.0Z", "settings": {"time": "2020-02-12T15:14:59.9Z", …}, …}}

Source: The Things Stack documentation, "Data Formats". What is "", 0 or false is left out.

An uplink's fields are those of `decoded_payload`, what the payload formatter makes of it; structures and arrays are their
members, under names joined by dots. An uplink with `frm_payload` but without `decoded_payload` is refused, because nobody can
read it; one with neither says that the device is there. Its time is that of the network server (`received_at` of the uplink),
or the gateway's (`settings.time`) where the source chooses so. `decoded_payload_warnings` are the formatter's remarks and do
not change a value, unless the source says that they make it doubtful.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sensors.formats.lorawan import best_link
from sensors.formats.options import Clock, FormatOptions, clock, read_options
from sensors.formats.parsing import count_of, fields_of, json_of, number_of, object_of, text_at
from sensors.formats.sample import NOTHING, Decode, Options, Sample, Value, Vitals
from sensors.reading import Status
from sensors.refusals import Refusal, Refused


class TtnOptions(FormatOptions):
    """`device`: what of `end_device_ids` the device is known by. `time`: the network server's `received_at`, or `settings`,
    the gateway's clock. `warnings`: what the payload formatter's warnings make of the values."""

    device: Literal["device_id", "dev_eui"] = "device_id"
    time: Literal["received_at", "settings"] = "received_at"
    warnings: Literal["ignore", "doubtful"] = "ignore"


def make(options: Options) -> Decode:
    """A decoder of uplink and join-accept messages. Raises OptionError."""
    chosen = read_options(TtnOptions, options)
    instant = clock("iso", options.zone)

    def decode(payload: bytes) -> Sequence[Sample | Refusal]:
        message = object_of(json_of(payload), "payload")
        ids = object_of(message.get("end_device_ids"), "end_device_ids")
        device = text_at(ids, chosen.device, f"end_device_ids.{chosen.device}")
        if "uplink_message" in message:
            uplink = object_of(message["uplink_message"], "uplink_message")
            at = _time(message, uplink, chosen.time, instant)
            values = _fields(uplink)
            doubtful = chosen.warnings == "doubtful" and bool(uplink.get("decoded_payload_warnings"))
            return (Sample(device, at, values, _doubts(values) if doubtful else NOTHING, vitals=_vitals(uplink)),)
        if "join_accept" in message:
            at = instant(message.get("received_at"), "received_at")
            return (Sample(device, at, vitals=Vitals(online=True)),)
        raise Refused(
            "no_readings",
            "payload",
            "is neither uplink nor join-accept",
            "let the source take the topics …/up and …/join only",
        )

    return decode


def _fields(uplink: Mapping[str, Any]) -> Mapping[str, Value]:
    """What the payload formatter made of the payload. Raises Refused where there is none."""
    place = "uplink_message.decoded_payload"
    if uplink.get("decoded_payload") is not None:
        return fields_of(object_of(uplink["decoded_payload"], place), "", place)
    if uplink.get("frm_payload"):
        raise Refused(
            "no_readings",
            place,
            "is missing: The Things Stack has not decoded frm_payload",
            "add an uplink payload formatter to the device or the application",
        )
    return NOTHING


def _doubts(values: Mapping[str, Value]) -> Mapping[str, Status]:
    return dict.fromkeys(values, "doubtful")


def _time(message: Mapping[str, Any], uplink: Mapping[str, Any], which: str, instant: Clock) -> int:
    """Raises Refused: invalid_time."""
    if which == "settings":
        settings = object_of(uplink.get("settings"), "uplink_message.settings")
        return instant(settings.get("time"), "uplink_message.settings.time")
    if "received_at" in uplink:
        return instant(uplink["received_at"], "uplink_message.received_at")
    return instant(message.get("received_at"), "received_at")


def _vitals(uplink: Mapping[str, Any]) -> Vitals:
    link = best_link(uplink.get("rx_metadata"))
    last = uplink.get("last_battery_percentage")
    return Vitals(
        battery=number_of(last.get("value")) if isinstance(last, dict) else None,
        rssi=link.rssi,
        snr=link.snr,
        counter=count_of(uplink.get("f_cnt", 0)),
    )
