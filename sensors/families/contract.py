"""The contract of a family: native records to readings or refusals, quantity by quantity. Built from the quantities table.

Two ways through, one answer. `nominal` takes a whole payload in one call of msgspec (0.4 µs; pydantic-core needs 1.4) and
knows only the ordinary case: one reading, every quantity known, there, in range, no status. `nominals` is the same for many
readings. Whatever is not ordinary falls through to `judge`, which looks at every quantity and says in words what is wrong.
`tests/sensors/test_contract.py` holds the ways to one answer.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from math import isfinite
from typing import Annotated, Any, NamedTuple, Protocol, cast

import msgspec

from sensors.formats.native import RECORD_KEYS
from sensors.formats.parsing import number_or_text
from sensors.instants import HOUR_MS, NoOffsetError, iso, parse_instant
from sensors.quality import flag_of
from sensors.quantities import OF_FAMILY, Family, Quantity, quantise
from sensors.reading import STATUSES, Doubt, Status
from sensors.refusals import Code, Refusal, Refused

FUTURE_MS = HOUR_MS  # a clock more than an hour fast is wrong; less is drift (chosen; the native format's contract)
_SECONDS_NOT_MILLIS = (
    100_000_000_000  # as milliseconds March 1973, as seconds the year 5138: such an `at` is in seconds
)
# 1900-01-01: nothing was produced before it, and every store and every calendar holds what comes after (chosen).
_EARLIEST_ISSUED = -2_208_988_800_000
_MINUS = ord("-")  # as a number: a sixth of the time to look for it as bytes
_MAX_SEQ = 2**53  # what every JSON reader and every store keeps exactly


class Nominal(Protocol):
    """One ordinary reading, as sent."""

    @property
    def at(self) -> int | str:
        """As sent: `instant` knows what it means."""
        ...

    @property
    def values(self) -> object:
        """A structure with a field per quantity; `values_of` makes a dictionary of those that were sent."""
        ...


NOT_NOMINAL = (msgspec.DecodeError, UnicodeDecodeError)
"""What `Contract.nominal` and `nominals` raise."""

values_of: Callable[[Any], dict[str, float]] = msgspec.to_builtins
"""The values of a Nominal, by code."""


class Record(NamedTuple):
    """What one record says, judged: times in ms since the epoch, values canonical and quantised."""

    observed_at: int
    values: dict[str, float]
    doubtful: dict[str, Doubt]
    issued: int | None
    seq: int
    refusals: list[Refusal]


class Contract:
    """The contract of one family."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self.quantities: Mapping[str, Quantity] = OF_FAMILY[family]
        nominal = _nominal_type(self.quantities)
        self.nominal: Callable[[bytes], Nominal] = msgspec.json.Decoder(nominal).decode
        """Payload to one ordinary reading; raises one of NOT_NOMINAL for everything else."""
        self.nominals = _nominals(nominal)
        """Payload to the ordinary readings under `readings`; raises one of NOT_NOMINAL for everything else."""
        self._scales = {code: quantity.scale for code, quantity in self.quantities.items()}
        self._finer = re.compile(rb"\.[0-9]{%d}" % (min(self._scales.values()) + 1)).search

    def may_be_finer(self, payload: bytes) -> bool:
        """Whether a payload may hold a number finer than its quantity's scale: by its text, which costs an eighth of a look
        at each number. A number is finer only by its decimals or by a negative exponent."""
        if self._finer(payload) is not None:
            return True
        return _MINUS in payload and (b"e-" in payload or b"E-" in payload)

    def quantised(self, values: Mapping[str, float]) -> dict[str, float]:
        """Nominal values at their scale."""
        return {code: quantise(value, self._scales[code]) for code, value in values.items()}

    def judge(self, record: object, station: str, received_at: int, horizon_ms: int) -> Record:
        """One record of `station`, received at `received_at` [ms], at most `horizon_ms` old. Raises Refused for all of it."""
        if not isinstance(record, dict):
            raise Refused("invalid_shape", "reading", "is not an object", 'send {"at": …, "values": {…}}')
        _refuse_unknown_keys(record)
        if record.get("station", station) != station:
            raise Refused(
                "station_mismatch",
                "station",
                f"{record['station']!r} published under {station!r}",
                "publish each station under its own topic",
            )
        if "at" not in record:
            raise Refused("invalid_time", "at", "is missing", "send the time of the reading as at")
        observed_at = instant(record["at"], "at")
        check_age(observed_at, received_at, horizon_ms, "at")
        issued = None
        if record.get("issued") is not None:
            issued = instant(record["issued"], "issued")
            check_age(issued, received_at, None, "issued")
            if issued < _EARLIEST_ISSUED:
                raise Refused(
                    "invalid_time", "issued", f"{_shown(issued)} is before 1900", "send when this version was produced"
                )
        seq = record.get("seq", 0)
        if type(seq) is not int or not 0 <= seq < _MAX_SEQ:
            raise Refused("invalid_shape", "seq", f"{seq!r} is not a number from 0 to 2^53", "number events from 0 up")
        values, doubtful, refusals = self._judge_values(record)
        return Record(observed_at, values, doubtful, issued, seq, refusals)

    def _judge_values(self, record: dict[str, Any]) -> tuple[dict[str, float], dict[str, Doubt], list[Refusal]]:
        sent, statuses = record.get("values"), record.get("status")
        if sent is None and statuses is None:
            raise Refused("invalid_shape", "values", "is missing", 'send "values": {"pm2_5": 35.0, …}')
        for name, part in (("values", sent), ("status", statuses)):
            if part is not None and not isinstance(part, dict):
                raise Refused("invalid_shape", name, "is not an object", f'send "{name}" as an object by quantity code')
        sent, statuses = sent or {}, statuses or {}
        values: dict[str, float] = {}
        doubtful: dict[str, Doubt] = {}
        refusals: list[Refusal] = []
        for code in dict.fromkeys([*sent, *statuses]):
            try:
                quantity = self._quantity(code)
                number, status = sent.get(code), _status(code, statuses.get(code, "normal"))
                if isinstance(number, str) and status in {"normal", "below_detection"}:
                    number, status = _limit(code, number), "below_detection"
                value = None if number is None else quantise(_number(code, number), quantity.scale)
            except Refused as refused:
                refusals.append(refused.refusal._replace(quantity=code))
                continue
            flag = flag_of(quantity, value, status)
            if flag is not None:
                doubtful[code] = Doubt(flag, value)
            elif value is not None:
                values[code] = value
        return values, doubtful, refusals

    def _quantity(self, code: str) -> Quantity:
        quantity = self.quantities.get(code)
        if quantity is None:
            near = get_close_matches(code, self.quantities, n=1)
            hint = f"did you mean {near[0]}?" if near else f"{self.family} has {', '.join(self.quantities)}"
            raise Refused("unknown_quantity", f"values.{code}", f"{self.family} has no quantity {code!r}", hint)
        return quantity


def instant(value: object, field: str) -> int:
    """`at` or `issued` as sent to ms since the epoch. Raises Refused: no_offset, invalid_time."""
    if type(value) is int:
        if 0 < value < _SECONDS_NOT_MILLIS:
            raise Refused("invalid_time", field, f"{value} looks like seconds", "send milliseconds since the epoch")
        return value
    if isinstance(value, str):
        try:
            return parse_instant(value)
        except NoOffsetError as error:
            raise Refused(
                "no_offset", field, f"{value!r} has no zone", "append the offset, for example +08:00"
            ) from error
        except (ValueError, OverflowError) as error:
            raise Refused(
                "invalid_time",
                field,
                f"{value!r} is not a time",
                "send ISO 8601, for example 2026-03-01T14:00:00+08:00",
            ) from error
    raise Refused(
        "invalid_time", field, f"{value!r} is not a time", "send ISO 8601 with offset, or integer milliseconds"
    )


def check_age(at: int, received_at: int, horizon_ms: int | None, field: str) -> None:
    """Refuse what is more than an hour in the future, or older than the horizon (None: no horizon)."""
    if at > received_at + FUTURE_MS:
        raise Refused(
            "in_future",
            field,
            f"{_shown(at)} is more than an hour after its receipt at {_shown(received_at)}",
            "set the device's clock and zone",
        )
    if horizon_ms is not None and at < received_at - horizon_ms:
        days = horizon_ms // (24 * HOUR_MS)
        raise Refused(
            "too_old",
            field,
            f"{_shown(at)} is more than {days} days before its receipt at {_shown(received_at)}",
            "raise the horizon, or replay it with a replay profile that names its own",
        )


def _shown(millis: int) -> str:
    try:
        return iso(millis)
    except OverflowError:
        return f"{millis} ms"


def _refuse_unknown_keys(record: dict[str, Any]) -> None:
    for key in record:
        if key not in RECORD_KEYS:
            near = get_close_matches(key, RECORD_KEYS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"a reading has {', '.join(sorted(RECORD_KEYS))}"
            raise Refused("invalid_shape", key or '""', "is not a key of a reading", hint)


def _status(code: str, status: object) -> Status:
    if not isinstance(status, str) or status not in STATUSES:
        raise Refused(
            "unknown_status", f"status.{code}", f"{status!r} is not a status", f"use {', '.join(sorted(STATUSES))}"
        )
    return cast("Status", status)


def _limit(code: str, text: str) -> object:
    """The detection limit of `<0.01`; any other text as it is, for `_number` to refuse."""
    limit = number_or_text(text.removeprefix("<").strip())
    return limit if text.startswith("<") and isinstance(limit, float) else text


def _number(code: str, value: object) -> float:
    def refuse(detail: str, fix: str, reason: Code = "invalid_value") -> Refused:
        return Refused(reason, f"values.{code}", detail, fix)

    if type(value) is not float and type(value) is not int:
        raise refuse(f"{value!r} is not a number", "send a JSON number, or null where there is none")
    try:
        number = float(value)
    except OverflowError as error:
        raise refuse(f"an integer of {len(str(value))} digits", "send a finite number") from error
    if not isfinite(number):
        raise refuse(f"{value!r} is not finite", "send a finite number, or null where there is none")
    return number


def _nominal_type(quantities: Mapping[str, Quantity]) -> type[Nominal]:
    def field(quantity: Quantity) -> tuple[str, Any, Any]:
        number = Annotated[float, msgspec.Meta(ge=quantity.low, le=quantity.high)]
        return quantity.code, number | msgspec.UnsetType, msgspec.UNSET

    # gc=False: what is decoded from JSON has no cycles.
    values = msgspec.defstruct("NominalValues", map(field, quantities.values()), forbid_unknown_fields=True, gc=False)
    record = [("at", int | str), ("values", values)]
    return cast("type[Nominal]", msgspec.defstruct("NominalRecord", record, forbid_unknown_fields=True, gc=False))


def _nominals(nominal: type[Nominal]) -> Callable[[bytes], Sequence[Nominal]]:
    many = msgspec.defstruct("NominalMessage", [("readings", list[nominal])], forbid_unknown_fields=True)  # type: ignore[valid-type] # made at run time
    decode = msgspec.json.Decoder(many).decode
    return lambda payload: cast("Sequence[Nominal]", decode(payload).readings)  # type: ignore[attr-defined] # as above


__all__ = ["NOT_NOMINAL", "Contract", "Nominal", "Record", "check_age", "instant", "values_of"]
