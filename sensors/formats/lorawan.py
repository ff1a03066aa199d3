"""What ChirpStack and The Things Stack tell alike of a LoRaWAN uplink: who received it how well. Both write JSON from protocol
buffers, which leave out what is zero."""

from typing import Any, NamedTuple

from sensors.formats.parsing import number_of


class Link(NamedTuple):
    """How the best gateway received an uplink; None where no gateway says it."""

    rssi: float | None
    """[dBm]"""
    snr: float | None
    """[dB]"""


def best_link(receptions: object) -> Link:
    """The link of the gateway with the greatest `rssi`, of the receptions as sent; its `snr` is 0 where that is left out."""
    best = Link(None, None)
    for reception in receptions if isinstance(receptions, list) else []:
        of: dict[str, Any] = reception if isinstance(reception, dict) else {}
        rssi = number_of(of.get("rssi"))
        if rssi is not None and (best.rssi is None or rssi > best.rssi):
            best = Link(rssi, number_of(of.get("snr", 0)))
    return best
