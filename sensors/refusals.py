"""Refusals: what was wrong with a message, a reading or a quantity, in words the sender can act on.

A refusal never loses anything: whoever catches it puts the message, whole, into the dead letters with these words.
"""

from typing import Literal, NamedTuple

Code = Literal[
    "unknown_topic",
    "too_large",
    "undecodable",
    "wrong_checksum",
    "invalid_json",
    "invalid_shape",
    "no_readings",
    "no_offset",
    "invalid_time",
    "in_future",
    "too_old",
    "station_mismatch",
    "unknown_device",
    "unknown_quantity",
    "unknown_field",
    "unknown_unit",
    "invalid_value",
    "unknown_status",
    "too_many_unknown_stations",
    "store_refused",
]


class Refusal(NamedTuple):
    """Why a part of a message was not accepted.

    `reading` is the index of the reading in the message and `quantity` the code, where the refusal is about one.
    """

    code: Code
    field: str
    detail: str
    fix: str
    reading: int | None = None
    quantity: str | None = None


class Refused(Exception):
    """The sender's fault: the message, or the reading, goes to the dead letters for `refusal`."""

    def __init__(self, code: Code, field: str, detail: str, fix: str) -> None:
        super().__init__(f"{field}: {detail}; {fix}")
        self.refusal = Refusal(code, field, detail, fix)
