"""What every format but the native one decodes to: samples, in the sender's own words. A contract with whoever adds a format.

A format is a function that makes a decoder from a source's options; the decoder turns a payload into samples. It names no
quantities, converts no units and judges no values: that is the source's (`sensors/sources`) and the family's.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from types import MappingProxyType
from typing import Any, NamedTuple

from sensors.quantities import Family
from sensors.reading import Period, Status
from sensors.refusals import Refusal

Value = float | int | str | bool | None
"""One field as sent. Formats whose numbers are text (HJ 212, CSV) give a float where the text is a number, else the text."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Vitals(NamedTuple):
    """What a message says of the device itself; None where it says nothing."""

    battery: float | None = None
    """[%]"""
    rssi: float | None = None
    """[dBm], of the best gateway"""
    snr: float | None = None
    """[dB], of the best gateway"""
    counter: int | None = None
    """The device's own count of its messages: a step of more than one is messages lost before they reached us."""
    online: bool | None = None
    """Birth, will and availability messages."""


class Shape:
    """What samples have in common that have the same fields and units in the same order, and a float for each value. A format
    that knows it says so by giving them one object: the source then need not compare."""

    __slots__ = ()


class Sample(NamedTuple):
    """What one device says of one instant. Every mapping is by the sender's field name."""

    device: str | None
    """The device by its own name (MN, DevEUI, base name); None where only the topic says it."""
    at: int | None
    """[ms since the epoch]. The end of the averaging period where `period` is given, else as stamped (the source knows what it
    stamps); None where the message has no time."""
    values: Mapping[str, Value] = NOTHING
    statuses: Mapping[str, Status] = NOTHING
    """Instrument states other than normal."""
    units: Mapping[str, str] = NOTHING
    """Units where the message itself names them, in the message's notation."""
    period: Period | None = None
    """The averaging period where the message itself says it; else the source knows."""
    issued: int | None = None
    """When the sender produced this version [ms since the epoch]."""
    seq: int = 0
    """Tells events of one instant apart."""
    vitals: Vitals | None = None
    shape: Shape | None = None


class Options(NamedTuple):
    """What a source says of its format."""

    zone: tzinfo
    """Of times without an offset."""
    table: Mapping[str, Any] = NOTHING
    """`[source.options]` of the source, any JSON-like values. A format refuses keys it does not know (OptionError)."""


class OptionError(ValueError):
    """An option is unknown or wrong: the message names the option, what it is and what it may be."""


Decode = Callable[[bytes], Sequence[Sample | Refusal]]
"""Payload to samples, in the order of the message; a part that cannot be read is a Refusal in its place. Raises Refused for the
whole payload, and nothing else, whatever the bytes are."""

Make = Callable[[Options], Decode]
"""What an entry point of the group `cityflux.formats` names. Raises OptionError."""


class Placement(NamedTuple):
    """Which quantity a field is, and the unit its numbers are in (None: the quantity's canonical unit)."""

    quantity: str
    unit: str | None = None


Placements = Callable[[Family], Mapping[str, Placement]]
"""The fields that a format's own document defines, by family; a source adds to them and overrules them."""
