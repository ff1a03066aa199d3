"""Why a published value changed, in words: what it was and is, and which hours of which stations made it so.

58 → 61: 6 late hours of hx-03; 2 hours of hx-01 withdrawn, doubtful or withheld; 1 corrected hour of hx-02
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from processors.windows import period_days
from store.judgements import Judgement, Key

# Chosen: what a person reads in one line; the rest is in the stations' own revisions.
_MOST_CAUSES = 6


class Cause(NamedTuple):
    """What a longer period rests on that changed, and why it did."""

    what: str
    reason: str


def within(judgement: Judgement, causes: Mapping[Key, str], indicator: str, scopes: Collection[str]) -> list[Cause]:
    """Of what changed, the days of an indicator and of scopes that lie in the period of a judgement."""
    first, last = (day.isoformat() for day in period_days(judgement.key.period))
    return [
        Cause(key.period, reason)
        for key, reason in sorted(causes.items())
        if key.indicator == indicator and key.scope in scopes and first <= key.period <= last
    ]


def why_air_day(
    before: Judgement,
    now: Judgement,
    touched: Mapping[str, int],
    stations_before: Mapping[str, Judgement],
    stations_now: Mapping[str, Judgement],
) -> str:
    """Of a day of air. `touched` says how many hours of which stations were written since; the stations' own judgements of the
    day, before and now, say whether there are more hours now, or fewer, or others."""
    causes = [
        text
        for station in sorted(touched)
        for text in _of_hours(station, touched[station], stations_before.get(station), stations_now.get(station))
    ]
    causes = _short(causes)
    if came_or_went := _others(before, now):
        causes.append(f"other assessment stations: {came_or_went}")
    if before.detail.get("event") != now.detail.get("event"):
        causes.append(_event(before, now))
    return _told(before, now, causes)


def why_water_day(before: Judgement, now: Judgement, touched: Mapping[str, int]) -> str:
    """Of a section's day. `touched` says in how many hours of which stations samples were written since."""
    had, has = before.detail["counts"], now.detail["counts"]
    causes = [
        text
        for station in sorted({*touched, *had, *has})
        for text in _moved(station, had.get(station, {}), has.get(station, {}), "sample")
    ]
    if not causes and _exact(before) != _exact(now):
        causes = [f"{hours} corrected {_plural(hours, 'sample')} of {name}" for name, hours in sorted(touched.items())]
    causes = _short(causes)
    for name, said in (("target", "target"), ("kind", "water body")):
        if before.detail[name] != now.detail[name]:
            causes.append(f"{said} {before.detail[name]} → {now.detail[name]}")
    return _told(before, now, causes)


def why_energy_day(
    before: Judgement, now: Judgement, touched: Mapping[str, Collection[int]], start: int, end: int
) -> str:
    """Of a meter's day (start, end] [ms]. `touched` says the ends of the hours that were written, of this day and of others: a
    count of another day says what was used on this one too. An empty collection is all of the day's hours."""
    causes = []
    for station in now.stations:
        hours = touched.get(station)
        if hours is None:
            continue
        own = [hour for hour in hours if start < hour <= end]
        if own or not hours:
            causes.append(f"{len(own) or 'all'} {_plural(len(own), 'hour')} of {station} written")
        if len(own) < len(hours):
            elsewhere = len(hours) - len(own)
            causes.append(
                f"{elsewhere} {_plural(elsewhere, 'hour')} of {station} on other days written, whose counts reach here"
            )
    for name, said in (("main_meter", "main meter"), ("district", "district")):
        if before.detail[name] != now.detail[name]:
            causes.append(f"{said} {before.detail[name]} → {now.detail[name]}")
    return _told(before, now, causes)


def why_traffic_day(before: Judgement, now: Judgement, touched: Mapping[str, int]) -> str:
    """Of a station's day of traffic. `touched` says in how many hours of it readings were written since."""
    [station] = now.stations
    noun = {"vehicles": "vehicle"}.get(now.detail["form"] or before.detail["form"] or "", "interval")
    had, has = ({noun: one.detail["vehicles"] if noun == "vehicle" else one.valid} for one in (before, now))
    causes = _moved(station, had, has, noun)
    if not causes and before.detail["by_class"] != now.detail["by_class"] and station in touched:
        causes.append(f"counts of {touched[station]} {_plural(touched[station], 'hour')} of {station} corrected")
    if not causes and station in touched and (what := _other_than_counts(before, now)):
        causes.append(f"{what} of {touched[station]} {_plural(touched[station], 'hour')} of {station} corrected")
    if not causes and before.valid != now.valid:
        causes.append(f"{station} was counting in {before.valid} → {now.valid} of its intervals")
    for name, said in (("capacity_pcu_h", "capacity"), ("interval_s", "interval"), ("silence_s", "silence")):
        if before.detail[name] != now.detail[name]:
            causes.append(f"{said} {before.detail[name]} → {now.detail[name]}")
    return _told(before, now, causes)


def _other_than_counts(before: Judgement, now: Judgement) -> str:
    """What was measured beside the vehicles and is another now, whatever limits and entry say of it."""
    measured = [
        {
            "speed": one.detail["speed_km_h"],
            "occupancy": one.detail["occupancy_percent"],
            "air": [
                [of[name] for name in ("quantity", "while", "came", "means", "greatest")] for of in one.detail["air"]
            ],
        }
        for one in (before, now)
    ]
    return ", ".join(what for what in measured[0] if measured[0][what] != measured[1][what])


def _exact(judgement: Judgement) -> dict[str, str]:
    every = {**judgement.detail["items"], **judgement.detail["others"]}
    return {code: one["exact"] for code, one in every.items()}


def _short(causes: list[str]) -> list[str]:
    if len(causes) <= _MOST_CAUSES:
        return causes
    return [*causes[:_MOST_CAUSES], f"and as much of {len(causes) - _MOST_CAUSES} more"]


def _told(before: Judgement, now: Judgement, causes: list[str]) -> str:
    if before.code_version != now.code_version and not causes:
        causes = [f"cityflux {before.code_version} → {now.code_version}"]
    return f"{changed(before, now)}: {'; '.join(causes) or 'the readings are the same; what judges them changed'}"


def why_longer(before: Judgement, now: Judgement, rests_on: Iterable[Cause]) -> str:
    """Of a longer period, from what it rests on that was published or revised."""
    causes = [f"{what}: {reason}" for what, reason in rests_on]
    if len(causes) > _MOST_CAUSES:
        causes = [*causes[:_MOST_CAUSES], f"and {len(causes) - _MOST_CAUSES} more"]
    if came_or_went := _others(before, now):
        causes.append(f"made of others: {came_or_went}")
    return f"{changed(before, now)}: {' | '.join(causes) or 'a review, or what judges the days, changed'}"


def _others(before: Judgement, now: Judgement) -> str:
    """The stations or sections that came and went."""
    came, went = set(now.stations) - set(before.stations), set(before.stations) - set(now.stations)
    return ", ".join([*(f"+{name}" for name in sorted(came)), *(f"-{name}" for name in sorted(went))])


def changed(before: Judgement, now: Judgement) -> str:
    """What it was and is: value, else status, else coverage."""
    if before.value != now.value:
        return f"{before.value or 'NA'} → {now.value or 'NA'}"
    if before.status != now.status:
        return f"{now.value or 'NA'}, {before.status} → {now.status}"
    was, is_now = before.detail.get("concentrations"), now.detail.get("concentrations")
    if was and is_now and was != is_now:
        parts = [f"{code} {was.get(code)} → {value}" for code, value in is_now.items() if was.get(code) != value]
        return f"{now.value or 'NA'}, {', '.join(parts)}"
    if (before.valid, before.expected) != (now.valid, now.expected):
        return f"{now.value or 'NA'}, coverage {before.valid}/{before.expected} → {now.valid}/{now.expected}"
    return f"{now.value or 'NA'}, within what is rounded"


def _of_hours(station: str, touched: int, before: Judgement | None, now: Judgement | None) -> list[str]:
    had = {} if before is None else before.detail.get("hours", {})
    has = {} if now is None else now.detail.get("hours", {})
    texts = _moved(station, had, has, "hour")
    if not texts and before is not None and now is not None and before.detail.get("exact") != now.detail.get("exact"):
        texts.append(f"{touched} corrected {_plural(touched, 'hour')} of {station}")
    return texts


def _moved(station: str, had: Mapping[str, int], has: Mapping[str, int], noun: str) -> list[str]:
    """How many there are more of a quantity, and how many fewer; of the quantity with the greatest difference."""
    codes = {*had, *has}
    gained = max((has.get(code, 0) - had.get(code, 0) for code in codes), default=0)
    lost = max((had.get(code, 0) - has.get(code, 0) for code in codes), default=0)
    texts = []
    if gained > 0:
        texts.append(f"{gained} late {_plural(gained, noun)} of {station}")
    if lost > 0:
        texts.append(f"{lost} {_plural(lost, noun)} of {station} withdrawn, doubtful or withheld")
    return texts


def _plural(count: int, noun: str) -> str:
    return noun if count == 1 else f"{noun}s"


def _event(before: Judgement, now: Judgement) -> str:
    had = set((before.detail.get("event") or {}).get("events", ()))
    has = set((now.detail.get("event") or {}).get("events", ()))
    texts = [f"event {number} entered" for number in sorted(has - had)]
    texts += [f"event {number} removed" for number in sorted(had - has)]
    return ", ".join(texts) or "what its event lifts changed"
