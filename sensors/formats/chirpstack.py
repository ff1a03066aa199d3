"""ChirpStack v4, JSON events of the MQTT integration: `up`, `status` and `join` of
`application/APPLICATION_ID/device/DEV_EUI/event/EVENT`.

    {"time": "2022-07-18T09:34:15.775023242+00:00", "deviceInfo": {"devEui": "0101010101010101", …}, "fCnt": 7,
     "object": {"temperature": 21.5}, "rxInfo": [{"rssi": -36, "snr": 10.5, …}], …}

Source: ChirpStack documentation, "Integrations: Events", and its messages UplinkEvent, StatusEvent and JoinEvent
(api/proto/integration/integration.proto). Events do not name themselves; they are told apart by what only they have.

An uplink's fields are those of `object`, what the device profile's codec makes of the payload; structures and arrays are their
members, under names joined by dots. An uplink with data but without `object` is refused, because nobody can read it; one
without data (MAC commands only) says that the device is there. `time` is when the first gateway received it, by the
server's clock. Events about the network's side (`ack`, `txack`, `log`, `location`, `integration`) carry no readings.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sensors.formats.lorawan import best_link
from sensors.formats.options import FormatOptions, clock, read_options
from sensors.formats.parsing import count_of, fields_of, json_of, number_of, object_of, shown, text_at
from sensors.formats.sample import NOTHING, Decode, Options, Sample, Value, Vitals
from sensors.refusals import Refusal, Refused

_UPLINK = frozenset({"object", "data", "rxInfo", "txInfo", "fCnt", "fPort", "dr"})
_STATUS = frozenset({"margin", "batteryLevel", "batteryLevelUnavailable", "externalPowerSource"})
_JOIN = frozenset({"deduplicationId", "time", "deviceInfo", "devAddr", "relayRxInfo", "regionConfigId"})
_OF_THE_NETWORK = frozenset(
    {
        "acknowledged",
        "downlinkId",
        "queueItemId",
        "fCntDown",
        "level",
        "code",
        "description",
        "location",
        "integrationName",
    }
)


class ChirpstackOptions(FormatOptions):
    """`device`: what of `deviceInfo` the device is known by, its `devEui` or its `deviceName`."""

    device: Literal["dev_eui", "name"] = "dev_eui"


def make(options: Options) -> Decode:
    """A decoder of uplink, status and join events. Raises OptionError."""
    key = {"dev_eui": "devEui", "name": "deviceName"}[read_options(ChirpstackOptions, options).device]
    instant = clock("iso", options.zone)

    def decode(payload: bytes) -> Sequence[Sample | Refusal]:
        event = object_of(json_of(payload), "payload")
        device = text_at(object_of(event.get("deviceInfo"), "deviceInfo"), key, f"deviceInfo.{key}")
        if event.keys() & _OF_THE_NETWORK:
            raise _no_readings(event)
        values: Mapping[str, Value] = NOTHING
        if event.keys() & _UPLINK:
            values, vitals = _fields(event), _of_uplink(event)
        elif event.keys() & _STATUS:
            vitals = Vitals(battery=_battery(event))
        elif event.keys() <= _JOIN:
            vitals = Vitals(online=True)
        else:
            raise _no_readings(event)
        return (Sample(device, instant(event.get("time"), "time"), values, vitals=vitals),)

    return decode


def _fields(event: Mapping[str, Any]) -> Mapping[str, Value]:
    """What the codec made of the payload. Raises Refused where there is no codec."""
    if event.get("object") is not None:
        return fields_of(object_of(event["object"], "object"), "", "object")
    if event.get("data"):
        raise Refused(
            "no_readings",
            "object",
            "is missing: ChirpStack has not decoded data",
            "add a codec to the device profile, or mend the one it has (its errors are log events)",
        )
    return NOTHING


def _of_uplink(event: Mapping[str, Any]) -> Vitals:
    link = best_link(event.get("rxInfo"))
    return Vitals(rssi=link.rssi, snr=link.snr, counter=count_of(event.get("fCnt", 0)))


def _battery(event: Mapping[str, Any]) -> float | None:
    """[%]; None where the device has mains power or cannot measure it (a level of zero is never sent)."""
    if event.get("batteryLevelUnavailable") is True or event.get("externalPowerSource") is True:
        return None
    return number_of(event.get("batteryLevel"))


def _no_readings(event: Mapping[str, Any]) -> Refused:
    said = f": {shown(event['description'])}" if "description" in event else ""
    return Refused(
        "no_readings",
        "payload",
        f"is no uplink, status or join event{said}",
        "let the source take the topics …/event/up, …/event/status and …/event/join only",
    )
