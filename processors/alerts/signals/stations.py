"""Of stations themselves: for how long one was not heard, whether its values stand still, whether its messages changed.

late      how long an hourly or daily reading was on its way, 0 where it came together with the one beside it
silence   at the instants of `processors/alerts/silence.py`, in periods of the station and in minutes, and 0 when it was heard
          again; of the books: pauses, who was heard last, when ingest could hear
stuck     with each reading how many of its quantities have had one value for too long, by the rules of `processors/quality.py`
drift     how many changes of its messages nobody has accepted, when one is seen and when one is accepted
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import accumulate
from math import ceil

from processors.alerts.signals.look import Look, Signal, books_of
from processors.alerts.signals.subjects import STATION
from processors.alerts.silence import MINUTES, expected, silences
from processors.alerts.values import VALUE, Shown, Values
from processors.quality import stuck_at
from processors.quality_rules import RULES, Stuck
from processors.withheld import withheld
from sensors.instants import DAY_MS, MINUTE_MS
from sensors.quantities import MEASURED_FAMILIES, Family
from sensors.reading import PERIOD_MS, Period
from store.drifts import DRIFT, Drifts
from store.hearing import Hearing, Span
from store.intervals import Interval
from store.sightings import SILENCE

# Readings of minutes are left out: to look at each of ten thousand stations' minutes costs more than it tells.
_LATE_PERIODS: Sequence[Period] = ("hour", "day")
# Chosen: what a logger has kept comes within a week; what is older is loaded by somebody, who knows it.
_LOADED_MS = 7 * DAY_MS
# Chosen: readings of a platform that is late by the same come a period apart, some minutes more or less.
_TOGETHER = 4

_SILENCE = {
    VALUE: Shown("未上报的周期数", "periods without a message"),
    MINUTES: Shown("未上报时长", "without a message for", "min"),
}

_LATE = {VALUE: Shown("迟到的周期数", "periods late"), MINUTES: Shown("迟到时长", "late by", "min")}
_STUCK = {VALUE: Shown("长时间不变的监测项", "quantities that stand still")}
_DRIFT = {VALUE: Shown("未确认的报文变化", "changes of its messages that nobody accepted")}


def _silence(family: Family) -> Signal:
    def made(look: Look) -> dict[str, Values]:
        subjects = (
            {entry.id for entry in look.registry if entry.family == family} if look.subjects is None else look.subjects
        )
        entries = {name: its for name in subjects if (its := look.registry.entries(family, name))}
        worked_on: dict[str, list[Interval]] = defaultdict(list)
        for one in look.intervals:
            worked_on[one.station].append(one)
        hearing = Hearing(books_of(look))
        spans, pauses, heard = (
            hearing.spans(),
            hearing.pauses(family, entries, look.start),
            hearing.heard(family, entries),
        )
        found: dict[str, Values] = {}
        for station, its in entries.items():
            values = silences(
                pauses.get(station, ()), heard.get(station), expected(its, worked_on.get(station, ())), spans
            )
            found[station] = {at: value for at, value in values.items() if at <= look.end}
        return found

    return Signal(STATION, _SILENCE, family, (SILENCE,), made, 0, 0)


def _late(family: Family) -> Signal:
    def made(look: Look) -> dict[str, Values]:
        spans = Hearing(books_of(look)).spans()
        found: dict[str, dict[int, Mapping[str, Fraction]]] = defaultdict(dict)
        for period in _LATE_PERIODS:
            length = PERIOD_MS[period]
            # The reading before the first is looked at too.
            frame = look.store.readings(family, period, look.start - length, look.end, look.subjects, (), detail=True)
            if frame.empty:
                continue
            received_at: dict[str, dict[int, int]] = defaultdict(dict)
            at = frame["observed_at"].astype("datetime64[ms, UTC]").astype("int64")
            for station, observed, received in zip(frame["station"], at, frame["received_at"], strict=True):
                received_at[str(station)][int(observed)] = int(received)
            for name, its in received_at.items():
                for observed in (one for one in sorted(its) if one > look.start):
                    minutes = 0 if came_together(its, observed, length) else late_min(observed, its[observed], spans)
                    if minutes is not None:
                        values = {VALUE: Fraction(minutes * MINUTE_MS, length), MINUTES: Fraction(minutes)}
                        found[name][observed] = values
        return {station: dict(sorted(values.items())) for station, values in found.items()}

    return Signal(STATION, _LATE, family, _LATE_PERIODS, made, 0, 0, felt_h=1)


def came_together(received_at: Mapping[int, int], observed: int, length: int) -> bool:
    """Whether a reading came together with the one right before or after it: somebody loads an archive, sends a day again, or a
    logger what it has kept, and how long a single one was on its way says nothing of the station. All in [ms], receipts by when
    they were observed."""
    beside = (received_at.get(observed - length), received_at.get(observed + length))
    return any(one is not None and abs(received_at[observed] - one) < length / _TOGETHER for one in beside)


def late_min(observed: int, received: int, spans: Sequence[Span]) -> int | None:
    """How long a reading was on its way [min], as far as ingest is known to have heard meanwhile; None where somebody loads what
    was long ago. All in [ms]."""
    if received - observed > _LOADED_MS:
        return None
    return sum(max(0, min(received, span.until) - max(observed, span.since)) for span in spans) // MINUTE_MS


def _stuck(rule: Stuck) -> Signal:
    # The others have a say where it asks whether they moved; else each station is read alone.
    def made(look: Look) -> dict[str, Values]:
        found: dict[str, dict[int, Mapping[str, Fraction]]] = defaultdict(dict)
        for period in rule.periods:
            stations = None if rule.among else look.subjects
            frame = look.store.readings(rule.family, period, look.start, look.end, stations, rule.codes)
            if frame.empty:
                continue
            frame = withheld(frame, look.intervals, period).dropna(subset=list(rule.codes), how="all")
            at = frame["observed_at"].astype("datetime64[ms, UTC]").astype("int64")
            frame = frame.assign(observed_at=at).sort_values(["observed_at", "station"], ignore_index=True)
            counted = Counter((flag.station, flag.observed_at) for flag in stuck_at(rule, frame))
            for station, instant in zip(frame["station"], frame["observed_at"], strict=True):
                if look.subjects is None or station in look.subjects:
                    found[str(station)][int(instant)] = {VALUE: Fraction(counted[station, instant])}
        return {station: dict(sorted(values.items())) for station, values in found.items()}

    return Signal(STATION, _STUCK, rule.family, rule.periods, made, ceil(rule.reach_h), 0)


def _drift(family: Family) -> Signal:
    def made(look: Look) -> dict[str, Values]:
        turns: dict[str, Counter[int]] = defaultdict(Counter)
        for station, seen, accepted in Drifts(books_of(look)).told(family, look.end):
            if look.subjects is None or station in look.subjects:
                turns[station][seen] += 1
                if accepted is not None:
                    turns[station][accepted] -= 1
        found: dict[str, Values] = {}
        for station, its in turns.items():
            times = sorted(at for at in its if at <= look.end)
            open_then = accumulate(its[at] for at in times)
            found[station] = {at: {VALUE: Fraction(count)} for at, count in zip(times, open_then, strict=True)}
        return found

    return Signal(STATION, _DRIFT, family, (DRIFT,), made, 0, 0)


SIGNALS: Mapping[str, Signal] = {
    **{f"{family}_late": _late(family) for family in MEASURED_FAMILIES},
    **{f"{family}_silence": _silence(family) for family in MEASURED_FAMILIES},
    **{f"{rule.family}_stuck": _stuck(rule) for rule in RULES if isinstance(rule, Stuck)},
    **{f"{family}_drift": _drift(family) for family in MEASURED_FAMILIES},
}
