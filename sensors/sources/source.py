"""One source, ready to convert: a payload to samples (the format's work), a sample to a native record (here), the record to a
reading (the family's contract). Pure.

Two ways through, one answer, as in the contract: `ordinary` takes a sample whose fields are all known, numbers, in range and
without a state; everything else is `placed` field by field and becomes a native `record`, which the contract judges in words.
`tests/sensors/sources/test_ways.py` holds the two together.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta, tzinfo
from math import isfinite
from typing import Any, Literal, NamedTuple

from sensors.families import CONTRACTS
from sensors.formats.parsing import number_or_text
from sensors.formats.sample import Decode, Sample, Value
from sensors.instants import DAY_MS, HOUR_MS, MINUTE_MS, to_datetime, to_millis
from sensors.quantities import Family
from sensors.reading import Period
from sensors.refusals import Refusal, Refused
from sensors.sources.filters import TopicFilter
from sensors.sources.rules import Rules
from sensors.topics import is_id
from sensors.units import Line

_NOT_OF_AN_ID = re.compile(r"[^a-z0-9-]+")
_NUMBERS = {float, int}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_BELOW = re.compile(r"<\s*(?P<limit>.+)|(?P<before_l>.+)L", re.ASCII)


class SourceError(ValueError):
    """The sources file is wrong: the message names the source, the key and what it should be."""


class Placed(NamedTuple):
    """What became of one field: the quantity and its value [canonical unit], or a refusal, or neither (ignored, or missing)."""

    field: str
    sent: Value
    quantity: str | None = None
    unit: str | None = None
    value: Value = None
    status: str | None = None
    refusal: Refusal | None = None
    why: str = ""


class Source:
    """See `SourceConfig` for what each part means. `stations` is the station's id by the device's own name."""

    def __init__(
        self,
        name: str,
        topic: TopicFilter,
        decode: Decode,
        rules: Rules,
        *,
        family: Family,
        period: Period,
        minutes: int,
        stamps: Literal["start", "end"],
        zone: tzinfo,
        at_receipt: bool,
        district: str,
        horizon_days: int | None,
        missing: frozenset[float | str],
        text_numbers: bool,
        stations: Mapping[str, str],
    ) -> None:
        self.name = name
        self.filter = topic
        self.decode = decode
        self.rules = rules
        self.family = family
        self.contract = CONTRACTS[family]
        self.district = district
        self.horizon_ms = None if horizon_days is None else horizon_days * DAY_MS
        self.stations = stations
        self.period = period
        self._shift_ms = 0 if stamps == "end" else {"minute": minutes * MINUTE_MS, "hour": HOUR_MS}.get(period, 0)
        self._shift_days = 1 if stamps == "start" and period == "day" else 0
        self.stamps_end = not self._shift_ms and not self._shift_days
        """Whether a time in a message is the end of its period, where the message says no period."""
        self._zone = zone
        self._at_receipt = at_receipt
        self._missing = missing
        self._text_numbers = text_numbers

    def device_of(self, sample: Sample, parts: Mapping[str, str]) -> str | None:
        """The device by its own name: as the message says, or its topic. Raises Refused where they differ."""
        named = parts.get("device")
        if sample.device is None or named is None:
            return sample.device or named
        if sample.device.casefold() != named.casefold():
            raise Refused(
                "station_mismatch",
                "device",
                f"{sample.device!r} published under {named!r}",
                "publish each device under its own topic",
            )
        return sample.device

    def station_of(self, device: str | None, parts: Mapping[str, str]) -> str:
        """The station's id where no registry knows the device: of the topic, else made of the device's name. Raises Refused."""
        text = self.stations.get(device or "") or parts.get("station") or device
        if text is None:
            raise Refused(
                "unknown_device",
                "device",
                "neither the topic nor the message says which device it is",
                "put {station} or {device} into the source's topic, or set the format's option for it",
            )
        return id_of(text, "device" if device else "station")

    def district_of(self, parts: Mapping[str, str]) -> str:
        """The district's id, as the topic says, else the source."""
        return id_of(parts["district"], "district") if "district" in parts else self.district

    def period_of(self, sample: Sample) -> Period:
        """The averaging period: the message's word, else the source's."""
        return sample.period or self.period

    def end_of(self, sample: Sample, received_at: int) -> int:
        """The instant, or the end of the averaged period [ms]. Raises Refused where there is none."""
        at = sample.at
        if at is None:
            if self._at_receipt:
                return received_at
            raise Refused(
                "invalid_time",
                "time",
                "the message has none",
                'name the field of the time in the options of the source, or set time = "receipt" there',
            )
        if sample.period is not None:
            return at
        if self._shift_days:
            try:
                # The next midnight, which is not always 24 hours away.
                start = to_datetime(at, self._zone)
                return to_millis((start.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=start.tzinfo))
            except OverflowError as error:
                raise Refused(
                    "invalid_time", "time", f"{at} ms is beyond the calendar", "set the device's clock"
                ) from error
        return at + self._shift_ms

    def ordinary(self, sample: Sample, device: str | None) -> dict[str, float] | None:
        """The values by quantity [canonical unit], quantised, of an ordinary sample; None for any other."""
        sent = sample.values
        convert = self.rules.convert(sample, device)
        if convert is None or sample.statuses or (self._missing and not self._missing.isdisjoint(sent.values())):
            return None
        if sample.shape is None and not _NUMBERS.issuperset(map(type, sent.values())):
            return None
        try:
            return convert(sent.values())
        except OverflowError:  # an integer that no double holds
            return None

    def placed(self, sample: Sample, device: str | None) -> list[Placed]:
        """What each field is, in the order of the message."""
        found: list[Placed] = []
        taken: dict[str, str] = {}
        for field in dict.fromkeys([*sample.values, *sample.statuses]):
            sent, status = sample.values.get(field), sample.statuses.get(field)
            if self.rules.is_ignored(field):
                found.append(Placed(field, sent, why="ignored"))
                continue
            rule = self.rules.rule(field, device, sample.units.get(field))
            if isinstance(rule, Refusal):
                found.append(Placed(field, sent, status=status, refusal=rule))
                continue
            code = rule.quantity.code
            if code in taken:
                detail = f"is {code}, and so is {taken[code]}"
                refusal = Refusal(
                    "invalid_shape", field, detail, "name one of them in ignore of the source", quantity=code
                )
                found.append(Placed(field, sent, code, rule.unit, status=status, refusal=refusal))
                continue
            if sent is None or self._is_missing(sent):
                found.append(Placed(field, sent, code, rule.unit, status=status, why="missing"))
            else:
                found.append(Placed(field, sent, code, rule.unit, self._converted(sent, rule.line), status))
            taken[code] = field
        return found

    def record(self, sample: Sample, placed: Sequence[Placed], at: int) -> dict[str, Any]:
        """The native record of a sample, of the fields that have a quantity."""
        record: dict[str, Any] = {"at": at, "values": {}, "seq": sample.seq}
        for one in placed:
            if one.quantity is None or one.refusal is not None:
                continue
            record["values"][one.quantity] = one.value
            if one.status is not None:
                record.setdefault("status", {})[one.quantity] = one.status
        if sample.issued is not None:
            record["issued"] = sample.issued
        return record

    def _is_missing(self, sent: Value) -> bool:
        return type(sent) is not bool and sent in self._missing

    def _converted(self, sent: Value, line: Line) -> Value:
        limit = detection_limit(sent) if isinstance(sent, str) else None
        if limit is not None:
            return f"<{line.of(limit)!r}"
        if isinstance(sent, str) and self._text_numbers and _NUMBER.fullmatch(sent.strip()):
            sent = float(sent)
        if type(sent) is not float and type(sent) is not int:
            return sent
        try:
            number = line.of(float(sent))
        except OverflowError:
            return sent
        return number if isfinite(number) else sent


def detection_limit(text: str) -> float | None:
    """The limit of a sample that was below it, as laboratories write one: `<0.01` or `0.01L`; None for any other text."""
    found = _BELOW.fullmatch(text.strip())
    limit = None if found is None else number_or_text(found["limit"] or found["before_l"])
    return limit if isinstance(limit, float) else None


def id_of(text: str, field: str) -> str:
    """`text` as an id: itself where it is one, else in lower case with `-` for whatever an id does not have. Raises Refused."""
    if is_id(text):
        return text
    made = _NOT_OF_AN_ID.sub("-", text.lower()).strip("-")[:64]
    if not is_id(made):
        raise Refused(
            "unknown_device",
            field,
            f"{text!r} makes no id",
            "name it in the registry (device) or under devices of the source",
        )
    return made
