"""The judge of intake: whatever the messages of a batch are, nothing raises, nothing is lost and every number adds up.

`judged` looks at one batch: journal framing there and back, verdicts of a new intake, of the same again and of another, and
every part of the verdict, against each record looked at alone. `stored` writes a verdict into a real store and real books
and reads it back. Both raise Unconserved, in words; any other exception out of them is a finding too.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import NamedTuple, Protocol, get_args

from ingest.intake import MAX_UNKNOWN_STATIONS, Intake, Verdict, changed_by
from ingest.journal import Counts, JournalBatch, pack, unpack
from ingest.transport import Message, Oversized
from sensors.families import CONTRACTS
from sensors.families.contract import FUTURE_MS
from sensors.formats.native import decode
from sensors.instants import DAY_MS, iso
from sensors.quantities import OF_FAMILY
from sensors.reading import PERIODS, Doubt, Flag, Reading
from sensors.refusals import Code, Refusal, Refused
from sensors.topics import is_id, parse_topic
from simulators.city import city
from store.books import Books
from store.letters import DeadLetter, Letters, Selection
from store.sqlite import SqliteStore
from tests.fuzz.mutator import ARCHIVE, NOW
from tests.store.conftest import rows

HORIZON_DAYS = 400
HORIZONS_DAYS = {ARCHIVE: 36_500}
ORIGIN = 7

_CODES = frozenset(get_args(Code))
_FLAGS = frozenset(get_args(Flag))
_INT64 = range(-(2**63), 2**63)
_MOST_SHOWN = 100  # refusals in a dead letter: what intake promises
_NEARLY_FULL = frozenset(("air", f"seen-{n}") for n in range(MAX_UNKNOWN_STATIONS - 1))


class Judge(Protocol):
    """What an intake is to this judge."""

    def judge(self, batch: JournalBatch) -> Verdict:
        """The verdict on every message of `batch`."""
        ...


class Unconserved(AssertionError):
    """Something of a batch is lost, doubled, changed or miscounted: the message says what."""


def new_intake(number: int) -> Intake:
    """An intake that knows the simulated city. For every tenth batch it has room for one unknown station only."""
    unknown = set(_NEARLY_FULL) if number % 10 == 0 else set()
    return Intake(city(), unknown, lambda topic: ORIGIN, horizon_days=HORIZON_DAYS, horizons=HORIZONS_DAYS)


def judged(messages: Sequence[Message], number: int = 1, make: Callable[[int], Judge] = new_intake) -> Verdict:
    """The verdict on `messages` as batch `number`, received NOW. Raises Unconserved."""
    frames = pack(messages)
    batch = JournalBatch(number, NOW, unpack(frames))
    _demand(batch.messages == list(messages), "the journal gives other messages than it took")
    intake = make(number)
    verdict = intake.judge(batch)
    _demand(intake.judge(batch) == verdict, "the same intake changes its verdict")
    _demand(
        make(number).judge(JournalBatch(number, NOW, unpack(frames))) == verdict, "a new intake gives another verdict"
    )
    _demand(verdict.batch is batch, "the verdict is about another batch")
    for reading in verdict.readings:
        _check_reading(reading, number)
    for position, letter in verdict.letters.items():
        _demand(0 <= position < len(messages), f"a dead letter of message {position}, which is none")
        _check_letter(letter, number, position, messages[position])
    _check_conservation(verdict)
    return verdict


def _check_conservation(verdict: Verdict) -> None:
    """Each message is written, or refused in one letter; its readings are those of its records, each looked at alone."""
    _, readings, positions, letters, counts, _, _ = verdict
    messages = verdict.batch.messages
    _demand(len(readings) == len(positions), "readings and their positions are not as many")
    _demand(positions == sorted(positions), "readings are not in the order of their messages")
    by_message: dict[int, list[Reading]] = {}
    for reading, position in zip(readings, positions, strict=True):
        by_message.setdefault(position, []).append(reading)
    _demand(by_message.keys() <= set(range(len(messages))), "a reading of a message that is none")
    whole = parts = 0
    for position, message in enumerate(messages):
        found, letter = by_message.get(position, []), letters.get(position)
        _demand(bool(found or letter), f"message {position} is neither written nor refused")
        alone = _alone(message, letter, verdict.batch.id)
        _demand(found == alone.readings, f"message {position} gives {found}, its records alone {alone.readings}")
        shown = () if letter is None else letter.refusals
        _demand(
            len(shown) == min(alone.refusals, _MOST_SHOWN), f"message {position} has {alone.refusals} refusals: {shown}"
        )
        whole += alone.whole
        parts += alone.parts
    _demand(
        counts == Counts(len(messages) - len(letters), len(letters), len(readings), whole, parts),
        f"the counts are {counts} for {len(messages)} messages, {len(letters)} letters, {len(readings)} readings,"
        f" {whole} refused readings and {parts} refused quantities",
    )


class _Alone(NamedTuple):
    """What the records of a message come to one by one: readings, refusals, readings refused as a whole, quantities."""

    readings: list[Reading]
    refusals: int
    whole: int
    parts: int


def _alone(message: Message, letter: DeadLetter | None, number: int) -> _Alone:
    nothing = _Alone([], 1, 0, 0)
    topic, payload = message
    if isinstance(payload, Oversized) or (letter and letter.refusals[0].code == "too_many_unknown_stations"):
        return nothing
    try:
        address = parse_topic(topic)
        records = decode(payload)
    except Refused:
        return nothing
    if address.family not in CONTRACTS:
        return nothing
    unknown = not city().knows(address.family, address.station)
    readings: list[Reading] = []
    refusals = whole = parts = 0
    for sent in records:
        source = sent.get("source") if isinstance(sent, dict) else None
        days = HORIZONS_DAYS.get(source, HORIZON_DAYS) if isinstance(source, str) else HORIZON_DAYS
        try:
            record = CONTRACTS[address.family].judge(sent, address.station, NOW, days * DAY_MS)
        except Refused:
            refusals += 1
            whole += 1
            continue
        refusals += len(record.refusals)
        parts += len(record.refusals)
        if record.refusals and not record.values and not record.doubtful:
            whole += 1
        else:
            at, values, doubtful, issued, seq, _ = record
            _, family, station, period = address
            readings.append(
                Reading(family, station, period, at, NOW, values, doubtful, seq, issued, unknown, ORIGIN, number)
            )
    return _Alone(readings, refusals, whole, parts)


def _check_reading(reading: Reading, number: int) -> None:
    family, station, period, at, received_at, values, doubtful, seq, issued, unknown, origin, batch = reading
    _demand(family in CONTRACTS and is_id(station) and period in PERIODS, f"nobody is {family}/{station}/{period}")
    _demand((received_at, origin, batch) == (NOW, ORIGIN, number), f"the lineage of {reading} is another's")
    _demand(unknown is not city().knows(family, station), f"{station}: known and unknown")
    _demand(type(at) is int and at <= NOW + FUTURE_MS, f"{at} is in the future")
    _demand(at >= NOW - max(HORIZON_DAYS, *HORIZONS_DAYS.values()) * DAY_MS, f"{at} is older than every horizon")
    _demand(issued is None or (type(issued) is int and issued <= NOW + FUTURE_MS), f"issued {issued} is in the future")
    for instant in (at, issued or 0):
        _demand(instant in _INT64 and bool(iso(instant)), f"{instant} cannot be stored")
    _demand(type(seq) is int and 0 <= seq < 2**53, f"seq {seq} is no number of an event")
    known = OF_FAMILY[family]
    _demand(values.keys() | doubtful.keys() <= known.keys(), f"not quantities of {family}: {[*values, *doubtful]}")
    _demand(not values.keys() & doubtful.keys(), "a quantity is good and doubtful")
    for code, value in values.items():
        _demand(type(value) is float and known[code].low <= value <= known[code].high, f"{code} is {value!r} and good")
    for code, doubt in doubtful.items():
        _demand(type(doubt) is Doubt and doubt.flag in _FLAGS, f"{code}: {doubt!r} is no doubt")
        sent = doubt.value
        _demand(sent is None or (type(sent) is float and isfinite(sent)), f"{code} is {sent!r} and doubtful")


def _check_letter(letter: DeadLetter, number: int, position: int, message: Message) -> None:
    topic, payload = message
    kept = (letter.payload, letter.length, letter.sha256)
    if isinstance(payload, Oversized):
        same = kept == (payload.head, payload.length, payload.sha256)
    else:
        same = kept == (payload, len(payload), None)
    _demand(same, f"the dead letter of {position} has other bytes")
    lineage = (letter.batch, letter.position, letter.received_at, letter.topic)
    _demand(lineage == (number, position, NOW, topic), f"the lineage of the dead letter of {position} is {lineage}")
    _demand(bool(letter.refusals), f"the dead letter of {position} is without a reason")
    for code, field, detail, fix, reading, quantity in letter.refusals:
        _demand(code in _CODES, f"{code!r} is no reason")
        _demand(reading is None or type(reading) is int, f"a refusal of reading {reading!r}")
        _demand(quantity is None or type(quantity) is str, f"a refusal of quantity {quantity!r}")
        for words in (field, detail, fix):
            _demand(type(words) is str and words != "", f"a refusal for {code} without words: {(field, detail, fix)}")
    text = json.dumps([refusal._asdict() for refusal in letter.refusals], ensure_ascii=False)
    told = tuple(Refusal(**refusal) for refusal in json.loads(text.encode("utf-8", "replace")))
    _demand(told == letter.refusals, f"the refusals of {position} do not survive JSON in UTF-8")


async def stored(verdict: Verdict, folder: Path) -> None:
    """Write `verdict` to SQLite and to books in `folder`, twice, as after a crash, and read it back. Raises Unconserved."""
    store, books = SqliteStore(folder / "readings.sqlite"), Books(f"sqlite:///{folder}/books.sqlite")
    books.prepare()
    letters = list(verdict.letters.values())
    for _ in range(2):
        rejected = await store.write(verdict.readings) if verdict.readings else ()
        _demand(not rejected, f"the store refuses {rejected}")
        books.settle(
            "fuzz",
            verdict.batch.id,
            registry_version=books.registry_version(),
            now=NOW,
            letters=letters,
            changed=changed_by(verdict.readings)[0],
            unknown=verdict.unknown,
        )
    booked = [found.letter for found in Letters(books).page(Selection())]
    _demand(sorted(booked) == sorted(letters), "the books hold other dead letters than the verdict")
    unknown = {(found.family, found.station): found.topic for found in books.unknown()}
    wanted_unknown = {key: its.topic for key, its in verdict.unknown.items()}
    _demand(unknown == wanted_unknown, "the books know other unknown stations than the verdict")
    expected = _merged(verdict.readings)
    for family, period in {(reading.family, reading.period) for reading in verdict.readings}:
        for row in rows(store.readings(family, period, -(2**62), 2**62, detail=True)):
            good = {code: row[code] for code in OF_FAMILY[family] if code in row}
            wanted = expected.pop((family, period, row["station"], row["observed_at"], row["seq"]), None)
            _demand({**good, **row["doubtful"]} == wanted, f"the store holds {row}, not {wanted}")
    _demand(not expected, f"the store lacks {expected}")
    await store.close()
    books.close()


def culprits(messages: Sequence[Message], number: int) -> str:
    """Which of `messages` fail alone, and how."""
    found = []
    for position, message in enumerate(messages):
        try:
            judged([message], number)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            found.append(
                f"message {position} fails alone: {type(error).__name__}: {str(error)[:300]}\n{message!r:.600}"
            )
    return "\n".join(found) or "no message fails alone"


_Identity = tuple[str, str, str, int, int]


def _merged(readings: Sequence[Reading]) -> dict[_Identity, Mapping[str, float | Doubt]]:
    """By identity and quantity the newest version; of equal ones the last."""
    points: dict[_Identity, dict[str, tuple[tuple[int, int], float | Doubt]]] = {}
    for reading in readings:
        identity = (reading.family, reading.period, reading.station, reading.observed_at, reading.seq)
        point = points.setdefault(identity, {})
        sent: Mapping[str, float | Doubt] = {**reading.values, **reading.doubtful}
        for code, value in sent.items():
            if code not in point or reading.version >= point[code][0]:
                point[code] = (reading.version, value)
    return {identity: {code: value for code, (_, value) in point.items()} for identity, point in points.items()}


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Unconserved(otherwise)
