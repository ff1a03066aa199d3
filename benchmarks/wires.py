"""What a message of the backlog looks like on the wire: the native format, and others through a source."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sensors.formats import hj212_frame, native
from sensors.topics import SUBSCRIPTION

Readings = Sequence[tuple[int, Mapping[str, float]]]
"""Each with its time [ms] and its values by code."""


class Wire(NamedTuple):
    """A format as it is sent: the filter to subscribe to, the topic of a station, the payload of its readings
    (of one reading, in all but the native format), and the sources file that takes it, if it needs one."""

    name: str
    subscription: str
    topic: Callable[[str], str]
    payload: Callable[[str, Readings], bytes]
    sources: str = ""


def _native(_station: str, readings: Readings) -> bytes:
    return native.encode([{"at": at, "values": values} for at, values in readings])


_UNITS = {"co": "mg/m3", "air_temperature": "Cel", "humidity": "%RH"}
"""Of SenML, where it is not µg/m³."""


def _senml(station: str, readings: Readings) -> bytes:
    [(at, values)] = readings
    records: list[dict[str, object]] = [
        {"n": code, "u": _UNITS.get(code, "ug/m3"), "v": value} for code, value in values.items()
    ]
    records[0] = {"bn": f"{station}:", "bt": at / 1000, **records[0]}
    return json.dumps(records, separators=(",", ":")).encode()


_FACTORS = {
    "pm2_5": ("a34004", 1000), "pm10": ("a34002", 1000), "so2": ("a21026", 0.001), "no2": ("a21004", 0.001),
    "co": ("a21005", 1), "o3": ("a05024", 0.001), "air_temperature": ("a01001", 1), "humidity": ("a01002", 1),
}  # fmt: skip
"""Factor code and what a value in our unit is multiplied by: HJ 212-2017 table B.2 has ng/m³ for particles, mg/m³ for gases."""


def _hj212(station: str, readings: Readings) -> bytes:
    [(at, values)] = readings
    time = datetime.fromtimestamp(at / 1000, UTC).strftime("%Y%m%d%H%M%S")
    items = [f"DataTime={time}"]
    for code, value in values.items():
        factor, by = _FACTORS[code]
        items.append(f"{factor}-Rtd={value * by:.10g},{factor}-Flag=N")
    head = hj212_frame.Head("22", "2011", "123456", station, 5)
    return hj212_frame.encode(f"{time}001", head, ";".join(items))


_SOURCE = '[[source]]\nname = "{0}"\ntopic = "{1}"\nformat = "{0}"\nfamily = "air"\nperiod = "minute"\nzone = "UTC"\n'

WIRES = {
    wire.name: wire
    for wire in (
        Wire("native", SUBSCRIPTION, "cityflux/v1/bench/air/{}/minute".format, _native),
        Wire(
            "hj212",
            "hj212/22/+",
            "hj212/22/{}".format,
            _hj212,
            _SOURCE.format("hj212", "hj212/22/{device}"),
        ),
        Wire(
            "senml",
            "senml/+",
            "senml/{}".format,
            _senml,
            _SOURCE.format("senml", "senml/{device}")
            + "[source.quantities]\n"
            + "".join(f'{code} = "{code}"\n' for code in _FACTORS),
        ),
    )
}
NATIVE = WIRES["native"]
