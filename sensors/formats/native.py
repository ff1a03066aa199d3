"""The native format: UTF-8 JSON, one reading or many. A contract with everybody who publishes to us.

    {"at": "2026-03-01T14:00:00+08:00", "values": {"pm2_5": 35.0, "co": 0.7}, "status": {"co": "calibration"}}
    {"readings": [{"at": 1772344800000, "values": {"o3": 61}}, …]}

`at` is ISO 8601 with an offset, or integer milliseconds since the epoch; of an averaged period it is the end. Values are
numbers in the canonical unit; `null` or absence means missing. Optional: `status` per quantity, `issued` (when the sender
produced this version), `seq` (events), `station` (must be the topic's), `source` (the profile a replay was made with).

`decode` splits a message into records without judging them: that is the family's contract (`sensors/families`).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import from_json

from sensors.refusals import Refused

RECORD_KEYS = frozenset({"at", "values", "status", "issued", "seq", "station", "source"})


def decode(payload: bytes) -> Sequence[object]:
    """Payload to its records, in order, each still any JSON value. Raises Refused: undecodable, invalid_json,
    invalid_shape, no_readings."""
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(
            "undecodable", "payload", f"byte {error.start} is not UTF-8", "send the payload as UTF-8 JSON"
        ) from error
    try:
        message = from_json(text)
    except ValueError as error:
        raise Refused("invalid_json", "payload", f"not JSON: {error}", "send one JSON object") from error
    if not isinstance(message, dict):
        raise Refused(
            "invalid_shape", "payload", f"a JSON {_kind(message)}, not an object", 'send {"at": …, "values": {…}}'
        )
    if "readings" not in message:
        return [message]
    if extra := sorted(set(message) - {"readings"}):
        raise Refused(
            "invalid_shape",
            extra[0] or '""',
            "stands beside readings",
            'send {"readings": […]} and nothing else at the top',
        )
    readings = message["readings"]
    if not isinstance(readings, list):
        raise Refused(
            "invalid_shape", "readings", f"a JSON {_kind(readings)}, not an array", "send an array of readings"
        )
    if not readings:
        raise Refused("no_readings", "readings", "is empty", "send at least one reading, or no message")
    return readings


def encode(records: Sequence[Mapping[str, Any]]) -> bytes:
    """Records to the payload that `decode` reads: one record as the object itself, several under `readings`."""
    message = records[0] if len(records) == 1 else {"readings": list(records)}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _kind(value: object) -> str:
    names: dict[type, str] = {list: "array", str: "string", int: "number", float: "number", bool: "boolean"}
    return "null" if value is None else names.get(type(value), "object")
