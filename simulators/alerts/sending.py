"""How what was measured is sent: in turns of some hours, packed and split as devices do, shuffled, and some of it twice."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

from sensors.formats.native import encode
from sensors.instants import HOUR_MS, MINUTE_MS
from sensors.quantities import Family
from sensors.reading import Period
from sensors.stations import Station
from sensors.topics import Address, topic_of
from simulators.alerts.story import UPSETS, Turn
from simulators.message import OutMessage

CITY = "city"
"""The subject that is all stations together."""

_DISTRICT = "gaoxin"


class Row(NamedTuple):
    """What a station measured in the window that ends at `at` [ms]: values, and the state of its instruments by quantity where
    that is not normal; sent so many hours later than the others."""

    station: str
    at: int
    values: Mapping[str, float]
    status: Mapping[str, str] = {}
    late_h: int = 0


class Way(NamedTuple):
    """How it is sent: the most windows of a turn, and how long they are [ms]; how late a station sends [min]; how likely a
    message is sent twice, once more much later, or a quantity at a time; how likely something becomes of the evaluator. Chosen,
    for scenarios of some hundred messages."""

    most: int = 3
    window: int = HOUR_MS
    delay_min: int = 20
    twice: float = 0.1
    again: float = 0.04
    split: float = 0.15
    upset: float = 0.25


USUAL = Way()
IN_ORDER = Way(again=0.0)
"""For corrections: what is sent once more much later would be the newer version."""


def entry(name: str, family: Family = "air", **more: object) -> Station:
    """A registry's entry."""
    fields = {"id": name, "family": family, "name_zh": name, "district": _DISTRICT, **more}
    return Station.model_validate(fields)


def turns(
    rng: Random, rows: Sequence[Row], way: Way, family: Family, period: Period, *, city: bool
) -> tuple[Turn, ...]:
    """Turns that send rows in order of the hours they come in, shuffled within a turn. `city`: that rows of an hour are there is
    enough to know of the city too."""
    of_window: dict[int, list[Row]] = {}
    for row in rows:
        of_window.setdefault(-(-row.at // way.window) * way.window + row.late_h * HOUR_MS, []).append(row)
    windows = sorted(of_window)
    found: list[Turn] = []
    sent: list[OutMessage] = []
    seen: dict[str, int] = {}
    while windows:
        count = rng.randint(1, way.most)
        its = [row for window in windows[:count] for row in of_window[window]]
        at = windows[:count][-1] + rng.randint(1, way.delay_min) * MINUTE_MS
        windows = windows[count:]
        messages = messages_of(rng, its, way, family, period)
        again = [rng.choice(sent) for message in messages if sent and rng.random() < way.again]
        sent += messages
        twice = [message for message in messages if rng.random() < way.twice]
        its_messages = [*messages, *twice, *again]
        rng.shuffle(its_messages)
        for row in its:
            for subject in (row.station, *((CITY,) if city else ())):
                seen[subject] = max(row.at, seen.get(subject, 0))
        upset = rng.choice(UPSETS) if rng.random() < way.upset else ""
        found.append(Turn(at, tuple(its_messages), dict(seen), upset))
    return tuple(found)


def messages_of(rng: Random, rows: Sequence[Row], way: Way, family: Family, period: Period) -> list[OutMessage]:
    """Messages that say what rows say: one for each row, or for several of a station, or for each quantity."""
    of_station: dict[str, list[Row]] = {}
    for row in rows:
        of_station.setdefault(row.station, []).append(row)
    found = []
    for name, its in of_station.items():
        topic = topic_of(Address(_DISTRICT, family, name, period))
        for row in its:
            if rng.random() < way.split:
                found += [
                    OutMessage(topic, encode([_record(row, [code])]))
                    for code in dict.fromkeys((*row.values, *row.status))
                ]
            else:
                found.append(OutMessage(topic, encode([_record(row)])))
        if len(its) > 1 and rng.random() < way.split:
            found.append(OutMessage(topic, encode([_record(row) for row in its])))
    return found


def _record(row: Row, only: Sequence[str] | None = None) -> dict[str, object]:
    values = {code: value for code, value in row.values.items() if only is None or code in only}
    status = {code: state for code, state in row.status.items() if only is None or code in only}
    return {"at": row.at, "values": values, **({"status": status} if status else {})}
