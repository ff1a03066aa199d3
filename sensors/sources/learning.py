"""Learning a source: from messages of one topic filter to a sources file that a person completes. Pure.

It proposes what the messages show: the filter with its placeholders, the format, the fields that are quantities by their names,
where time and device stand. It never guesses what data must say: averaging period and units are left as comments with the numbers
seen. What it cannot place is listed with what was seen of it.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from statistics import median
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sensors.formats.catalogue import load
from sensors.formats.sample import OptionError, Options, Sample, Value
from sensors.instants import to_datetime
from sensors.quantities import MEASURED_FAMILIES, OF_FAMILY, Family
from sensors.refusals import Refused

# Chosen: names that devices use for a quantity beside its code, its English and Chinese names and its HJ 212 code.
_ALSO: Mapping[str, tuple[str, ...]] = {
    "pm2_5": ("pm25", "pm2p5", "dust25"),
    "pm10": ("pm100", "dust10"),
    "o3": ("ozone",),
    "air_temperature": ("temperature", "temp", "ta", "t"),
    "humidity": ("humi", "hum", "rh", "relativehumidity"),
    "pressure": ("press", "airpressure", "baro", "barometer", "pa"),
    "wind_speed": ("windspeed", "ws"),
    "wind_direction": ("winddirection", "winddir", "wd"),
    "sound_level": ("noise", "leq", "laeq", "la"),
    "water_temperature": ("watertemp", "wtemp"),
    "dissolved_oxygen": ("do", "dox"),
    "conductivity": ("ec", "cond"),
    "turbidity": ("turb", "ntu"),
    "codmn": ("imn", "permanganate"),
    "nh3_n": ("nh3n", "nh3", "ammonia", "nh4n"),
    "total_phosphorus": ("tp",),
    "total_nitrogen": ("tn",),
    "chlorophyll_a": ("chla", "chl"),
    "water_level": ("level", "waterlevel", "stage"),
    "active_power": ("power", "p", "activepower", "kw"),
    "reactive_power": ("q", "reactivepower", "kvar"),
    "voltage": ("u", "volt", "v"),
    "current": ("i", "amp", "amps"),
    "electricity_counter": ("energy", "kwh", "totalenergy", "ep", "meterreading"),
    "gas_counter": ("gasvolume",),
    "vehicles": ("count", "vehiclecount", "volume"),
    "vehicle_class": ("vehicletype", "vehiclemodel", "vclass"),
    "occupancy": ("occ",),
}
_TIMES = {
    "time",
    "ts",
    "timestamp",
    "at",
    "t",
    "datetime",
    "date",
    "eventtime",
    "observedat",
    "createdat",
    "sampletime",
    "collecttime",
}
_DEVICES = {
    "device",
    "deviceid",
    "devid",
    "id",
    "sn",
    "serial",
    "mn",
    "deveui",
    "imei",
    "station",
    "stationid",
    "devicename",
}
_EPOCH_S, _EPOCH_MS = (1e9, 4e9), (1e12, 4e12)  # 2001 to 2096
_FORMATS = ("hj212", "chirpstack", "ttn", "huawei", "aliyun", "senml", "lineprotocol")
"""Those whose messages tell themselves, and that need no options, the strictest first."""
_SHOWN = 5


class Heard(NamedTuple):
    """One message, and when it came [ms]."""

    topic: str
    payload: bytes
    received_at: int


@dataclass
class Seen:
    """Of one field: in how many samples, which kinds of values, and some of them."""

    count: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    low: float | None = None
    high: float | None = None
    examples: list[Value] = field(default_factory=list)

    def note(self, value: Value) -> None:
        """One more value."""
        self.count += 1
        self.kinds[kind(value)] += 1
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            self.low = value if self.low is None else min(self.low, value)
            self.high = value if self.high is None else max(self.high, value)
        if len(self.examples) < _SHOWN and value not in self.examples:
            self.examples.append(value)

    def __str__(self) -> str:
        what = " and ".join(name for name, _ in self.kinds.most_common())
        if self.low is not None:
            return f"{what} {self.low:g} … {self.high:g}"
        return f"{what}, such as {', '.join(map(_toml, self.examples))}" if self.examples else what


@dataclass
class Learned:
    """A proposal: the TOML of one source, and what it could not place."""

    text: str
    format: str
    placed: Mapping[str, str]
    unplaced: Mapping[str, Seen]
    unread: Sequence[tuple[str, str]]
    """(topic, why) of messages that the format cannot read; the first few."""


class LearningError(ValueError):
    """There is nothing to learn from: the message says why."""


def kind(value: object) -> str:
    """What a value is, in the plural."""
    if value is None:
        return "nulls"
    if isinstance(value, bool):
        return "booleans"
    return "numbers" if isinstance(value, (int, float)) else "texts"


def learn(heard: Sequence[Heard], name: str, zone: ZoneInfo, form: str | None = None) -> Learned:
    """The proposal of a source from what was heard. `form` is the format, where somebody knows it. Raises LearningError."""
    if not heard:
        raise LearningError("no message came; publish some, or name a topic filter that takes them")
    form = form or _format_of(heard, zone)
    options = _json_options(heard) if form == "json" else {}
    try:
        decode = load(form).make(Options(zone, options))
    except OptionError as error:
        raise LearningError(f"format {form} needs options that messages do not show: {error}") from error
    seen: dict[str, Seen] = {}
    devices: set[str] = set()
    unread: list[tuple[str, str]] = []
    times: dict[str, list[int]] = {}
    for message in heard:
        try:
            samples = decode(message.payload)
        except Refused as refused:
            unread.append((message.topic, str(refused)))
            continue
        for sample in samples:
            if not isinstance(sample, Sample):
                unread.append((message.topic, f"{sample.field}: {sample.detail}"))
                continue
            for its_field, value in sample.values.items():
                seen.setdefault(its_field, Seen()).note(value)
            if sample.device is not None:
                devices.add(sample.device)
            times.setdefault(sample.device or message.topic, []).append(sample.at or message.received_at)
    if not seen:
        raise LearningError(
            f"none of {len(heard)} messages has a field that format {form} reads; {unread[0][1] if unread else ''}"
        )
    family, placed = _place(seen, load(form).placements)
    ignored = load(form).ignored
    unplaced = {f: s for f, s in seen.items() if f not in placed and not any(fnmatchcase(f, p) for p in ignored)}
    text = _text(name, _filter(heard, devices), form, family, options, placed, unplaced, seen, times)
    return Learned(text, form, placed, unplaced, unread[:_SHOWN])


def _format_of(heard: Iterable[Heard], zone: ZoneInfo) -> str:
    """The format that reads the most messages; `json` where they are JSON and none of the known."""
    payloads = [message.payload for message in heard]
    read: Counter[str] = Counter()
    for form in _FORMATS:
        decode = load(form).make(Options(zone))
        for payload in payloads:
            try:
                read[form] += any(isinstance(sample, Sample) for sample in decode(payload))
            except Refused:
                continue
    if read and (best := max(_FORMATS, key=lambda form: read[form])) and read[best] * 2 > len(payloads):
        return best
    objects = sum(isinstance(_json(payload), dict) for payload in payloads)
    if objects * 2 > len(payloads):
        return "json"
    raise LearningError(
        f"the messages are of no format that tells itself; the first begins {payloads[0][:40]!r}. Name one with --as"
    )


def _json(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return None


def _leaves(value: Any, pointer: str = "") -> Iterable[tuple[str, Any]]:
    """(JSON pointer, value) of everything that is no object or array; of an array nothing, for its places have no names."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _leaves(member, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
    elif not isinstance(value, list):
        yield pointer, value


def _json_options(heard: Iterable[Heard]) -> dict[str, Any]:
    """Where time, device and fields stand, by the names of members and what is in them."""
    found: dict[str, list[Any]] = {}
    for message in heard:
        for pointer, value in _leaves(_json(message.payload)):
            found.setdefault(pointer, []).append(value)
    options: dict[str, Any] = {}
    for pointer, values in found.items():
        if "time" not in options and (form := _time_format(pointer, values)) is not None:
            options |= {"time": pointer, "time_format": form}
        elif (
            "device" not in options and _folded(_last(pointer)) in _DEVICES and all(isinstance(v, str) for v in values)
        ):
            options["device"] = pointer
    taken = {options.get("time"), options.get("device")}
    fields: dict[str, str] = {}
    for pointer in found:
        if pointer not in taken:
            fields[pointer.strip("/") if _last(pointer) in fields else _last(pointer)] = pointer
    return {**options, "fields": fields}


def _time_format(pointer: str, values: Sequence[Any]) -> str | None:
    if _folded(_last(pointer)) not in _TIMES:
        return None
    first = values[0]
    if isinstance(first, (int, float)) and not isinstance(first, bool):
        for form, (low, high) in (("s", _EPOCH_S), ("ms", _EPOCH_MS)):
            if low <= first <= high:
                return form
    if isinstance(first, str) and re.match(r"\d{4}-\d{2}-\d{2}[T ]", first):
        return "iso"
    return None


def _last(pointer: str) -> str:
    return pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")


def _place(seen: Mapping[str, Seen], placements: Any) -> tuple[Family, dict[str, str]]:
    """The family that most fields are of, and the quantity of each field: as the format's document says, else by name."""
    best: tuple[Family, dict[str, str]] = (MEASURED_FAMILIES[0], {})
    for family in MEASURED_FAMILIES:
        names = _names(family)
        placed: dict[str, str] = {}
        for its_field, what in seen.items():
            known = placements(family).get(its_field)
            code = known.quantity if known else names.get(_folded(its_field)) or names.get(_folded(_last(its_field)))
            numeric = what.kinds["numbers"] > 0
            if code is not None and numeric and code not in placed.values():
                placed[its_field] = code
        if len(placed) > len(best[1]):
            best = family, placed
    return best


def _names(family: Family) -> dict[str, str]:
    found: dict[str, str] = {}
    for code, quantity in OF_FAMILY[family].items():
        names = (code, quantity.en, quantity.zh, quantity.hj212 or code, *_ALSO.get(code, ()))
        found.update({_folded(name): code for name in names if _folded(name) not in found})
    return found


def _folded(name: str) -> str:
    text = unicodedata.normalize("NFKC", name.rpartition(".")[2] or name).casefold()
    return re.sub(r"[^a-z0-9\u4e00-\u9fff]", "", text)


def _filter(heard: Sequence[Heard], devices: set[str]) -> str:
    """The topics in one filter: levels that vary are placeholders where they can be told, else `+`."""
    rows = [message.topic.split("/") for message in heard]
    most = Counter(len(row) for row in rows).most_common(1)[0][0]
    columns = list(zip(*(row for row in rows if len(row) == most), strict=True))
    varied = {place: len(set(column)) for place, column in enumerate(columns)}
    folded = {device.casefold() for device in devices}
    device = next((p for p, c in enumerate(columns) if {level.casefold() for level in c} <= folded), None)
    station = device if device is not None else max(varied, key=lambda place: (varied[place], place))
    levels = []
    for place, column in enumerate(columns):
        if place == station and (device is not None or not devices):
            levels.append("{device}" if device is not None else "{station}")
        else:
            levels.append(column[0] if varied[place] == 1 else "+")
    return "/".join(levels)


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _text(
    name: str,
    topic: str,
    form: str,
    family: Family,
    options: Mapping[str, Any],
    placed: Mapping[str, str],
    unplaced: Mapping[str, Seen],
    seen: Mapping[str, Seen],
    times: Mapping[str, Sequence[int]],
) -> str:
    steps = [b - a for its in times.values() for a, b in zip(sorted(set(its)), sorted(set(its))[1:], strict=False)]
    often = f"a sample every {median(steps) / 1000:g} s" if steps else "one sample of each device was seen"
    first = min(at for its in times.values() for at in its)
    lines = [
        f"# Proposed from {sum(map(len, times.values()))} samples since {to_datetime(first):%Y-%m-%d %H:%M} UTC.",
        "# Look at every line.",
        "",
        "[[source]]",
        f"name = {_toml(name)}",
        f"topic = {_toml(topic)}",
        f"format = {_toml(form)}",
        f"family = {_toml(family)}",
        f'period = "raw" # {often}. Where values are means: minute, hour or day, and stamps = "start" if times begin them',
    ]
    if unplaced:
        lines.append(f"ignore = [{', '.join(_toml(f) for f in unplaced)}] # could not be placed: see the end")
    if options:
        lines += ["", "[source.options]"]
        lines += [f"{key} = {_toml(value)}" for key, value in options.items() if not isinstance(value, dict)]
        if "fields" in options:
            lines += [
                "",
                "[source.options.fields]",
                *(f"{_toml(k)} = {_toml(v)}" for k, v in options["fields"].items()),
            ]
    lines += ["", "[source.quantities]"]
    for its_field, code in placed.items():
        quantity = OF_FAMILY[family][code]
        lines.append(
            f"{code} = {_toml(its_field)} # {quantity.zh}: {seen[its_field]}; in {quantity.unit}? else "
            f"{{ field = {_toml(its_field)}, unit = … }}"
        )
    if unplaced:
        lines += ["", "# What could not be placed:"]
        lines += [f"#   {its_field}: {what}, in {what.count} samples" for its_field, what in unplaced.items()]
    return "\n".join(lines) + "\n"
