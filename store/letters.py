"""Dead letters: messages that were refused, wholly or in part, with their bytes and the reasons, until a person works them.

A letter is open, replayed (all of it is stored now) or discarded (by a person, for a reason). Letters of one fingerprint
(reason and shape of the topic) have one cause as a rule and are worked together. What they take in the books is counted;
past a cap `ingest/overflow.py` moves the oldest into files. Ingest and commands change them at the same time, so every
change is one short transaction; the audit says who did what and why, the letter who worked it last.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from sensors.instants import iso
from sensors.refusals import Refusal
from sensors.topics import topic_shape
from store.parts import parts
from store.schema import dead_letters, exported_letters
from store.transaction import counter, insert_into, note, raise_counter

if TYPE_CHECKING:
    from store.books import Books

State = Literal["open", "replayed", "discarded"]
STATES: tuple[State, ...] = get_args(State)

BYTES = "dead_letter_bytes"
"""The counter of what all letters in the books take."""
# Chosen: about what a row takes besides its texts and bytes, so that a flood of empty messages is bounded too.
_ROW_BYTES = 256
# Chosen: short transactions (DESIGN: 50 ms), and below any database's bound on parameters.
_A_TRANSACTION = 500


class DeadLetter(NamedTuple):
    """A message that was not accepted, or not wholly: its bytes (of an oversized one the head) and why."""

    batch: int
    position: int
    received_at: int
    topic: str
    payload: bytes
    length: int
    sha256: str | None
    refusals: tuple[Refusal, ...]


class StoredDeadLetter(NamedTuple):
    """A dead letter as it lies in the books. `worked_at` [ms] is when it was last discarded or judged again, by whom and why."""

    id: int
    journal: str
    letter: DeadLetter
    state: State
    worked_at: int | None
    worked_by: str | None
    why: str | None


class Group(NamedTuple):
    """The letters of one fingerprint: how many by state; receipt of the first and the last [ms]; the last one's id and first
    refusal as the sample."""

    fingerprint: str
    counts: Mapping[State, int]
    first_seen: int
    last_seen: int
    sample: int
    refusal: Refusal


class Selection(NamedTuple):
    """Which letters; what is not given is not asked for."""

    ids: tuple[int, ...] | None = None
    code: str | None = None
    fingerprint: str | None = None
    state: State | None = None


class Exported(NamedTuple):
    """What was moved out of the books: how many letters, in how many files, and the folders of these."""

    letters: int
    files: int
    folders: tuple[str, ...]


class Letters:
    """The dead letters of the books. Each method raises BooksUnavailable."""

    def __init__(self, books: "Books") -> None:
        self._books = books

    def count(self) -> dict[tuple[State, str], int]:
        """How many there are by (state, code)."""
        columns = dead_letters.c.state, dead_letters.c.code
        with self._books.reading() as connection:
            rows = connection.execute(select(*columns, func.count()).group_by(*columns))
            return {(state, code): count for state, code, count in rows}

    def bytes(self) -> int:
        """What all of them take in the books, about."""
        with self._books.reading() as connection:
            return counter(connection, BYTES)

    def groups(self) -> list[Group]:
        """All letters by fingerprint."""
        columns = dead_letters.c.fingerprint, dead_letters.c.state
        counts: dict[str, dict[State, int]] = {}
        ends: dict[str, tuple[int, int]] = {}
        with self._books.reading() as connection:
            for fingerprint, state, count, first, last in connection.execute(
                select(*columns, func.count(), func.min(dead_letters.c.id), func.max(dead_letters.c.id)).group_by(
                    *columns
                )
            ):
                counts.setdefault(fingerprint, {})[state] = count
                known = ends.get(fingerprint, (first, last))
                ends[fingerprint] = min(known[0], first), max(known[1], last)
            shown = dead_letters.c.id, dead_letters.c.received_at, dead_letters.c.refusals
            rows = {
                row.id: row
                for ids in parts(sorted({number for pair in ends.values() for number in pair}), _A_TRANSACTION)
                for row in connection.execute(select(*shown).where(dead_letters.c.id.in_(ids)))
            }
        return [
            Group(
                name,
                counts[name],
                rows[first].received_at,
                rows[last].received_at,
                last,
                _refusals(rows[last].refusals)[0],
            )
            for name, (first, last) in sorted(ends.items())
        ]

    def page(
        self, chosen: Selection, *, after: int = 0, most: int = 1000, most_bytes: int | None = None
    ) -> list[StoredDeadLetter]:
        """The chosen letters with id > `after`, by id: at most `most`, and of payloads, past the first, `most_bytes`."""
        query = (
            select(dead_letters).where(*_is(chosen), dead_letters.c.id > after).order_by(dead_letters.c.id).limit(most)
        )
        with self._books.reading() as connection:
            if chosen.ids is None:
                return _up_to(most_bytes, connection.execute(query))
            for ids in parts(sorted(number for number in set(chosen.ids) if number > after), _A_TRANSACTION):
                if found := _up_to(most_bytes, connection.execute(query.where(dead_letters.c.id.in_(ids)))):
                    return found
            return []

    def all(self, chosen: Selection) -> Iterator[StoredDeadLetter]:
        """The chosen letters by id, read a page at a time."""
        after = 0
        while page := self.page(chosen, after=after, most_bytes=8 << 20):
            yield from page
            after = page[-1].id

    def states(self, ids: Sequence[int]) -> dict[int, State]:
        """The states of those that there are."""
        with self._books.reading() as connection:
            return {
                number: state
                for some in parts(ids, _A_TRANSACTION)
                for number, state in connection.execute(
                    select(dead_letters.c.id, dead_letters.c.state).where(dead_letters.c.id.in_(some))
                )
            }

    def discard(self, chosen: Selection, *, who: str, why: str, now: int) -> int:
        """Close the chosen open letters for good, and say how many; they stay readable."""
        chosen, after, count = chosen._replace(state="open"), 0, 0
        while True:
            with self._books.writing() as connection:
                ids = _ids(connection, chosen, after)
                if not ids:
                    return count
                closed = {"state": "discarded", "worked_at": now, "worked_by": who, "why": why}
                connection.execute(update(dead_letters).where(dead_letters.c.id.in_(ids)).values(**closed))
                of = {name: value for name, value in chosen._asdict().items() if value is not None and name != "ids"}
                detail = {"why": why, "count": len(ids), **(of if chosen.ids is None else {"ids": ids})}
                note(connection, now, who, "dead letters discarded", f"{ids[0]}-{ids[-1]}", detail)
            after, count = ids[-1], count + len(ids)

    # Moving the oldest into files.

    def oldest(self, *, most: int, most_bytes: int) -> list[StoredDeadLetter]:
        """Letters to move first, by id: closed ones, or where there are none the oldest."""
        query = select(dead_letters).limit(most)
        with self._books.reading() as connection:
            for condition in (dead_letters.c.state == "discarded", dead_letters.c.state == "replayed", None):
                asked = query.order_by(dead_letters.c.id) if condition is None else query.where(condition)
                if found := _up_to(most_bytes, connection.execute(asked)):
                    return sorted(found)
        return []

    def drop(self, moved: Sequence[StoredDeadLetter], file: Path, *, now: int) -> bool:
        """Take letters that lie in `file` out of the books; False, and nothing done, where one has changed since it was read."""
        columns = dead_letters.c.id, dead_letters.c.state, dead_letters.c.worked_at
        as_read = {(letter.id, letter.state, letter.worked_at) for letter in moved}
        slices = list(parts([letter.id for letter in moved], _A_TRANSACTION))
        with self._books.writing() as connection:
            queries = (select(*columns).where(dead_letters.c.id.in_(ids)) for ids in slices)
            if {tuple(row) for query in queries for row in connection.execute(query)} != as_read:
                return False
            for ids in slices:
                connection.execute(delete(dead_letters).where(dead_letters.c.id.in_(ids)))
            raise_counter(connection, BYTES, -sum(_size(letter.letter, _json(letter.letter)) for letter in moved))
            row = {"file": str(file), "first_id": moved[0].id, "last_id": moved[-1].id, "count": len(moved)}
            connection.execute(insert(exported_letters).values(**row, at=now, bytes=file.stat().st_size))
            note(connection, now, "ingest", "dead letters exported", f"{moved[0].id}-{moved[-1].id}", row)
        return True

    def exported(self) -> Exported:
        """What was moved into files so far."""
        with self._books.reading() as connection:
            rows = connection.execute(select(exported_letters.c.file, exported_letters.c.count)).all()
        folders = sorted({str(Path(file).parent) for file, _ in rows})
        return Exported(sum(count for _, count in rows), len(rows), tuple(folders))


def fingerprint_of(code: str, topic: str) -> str:
    """Reason and shape of the topic: `no_offset:cityflux/v1/+/air/+/hour`."""
    return f"{code}:{topic_shape(topic)}"


def insert_letters(connection: Connection, journal: str, letters: Sequence[DeadLetter]) -> None:
    """Within settling: new letters, open."""
    if letters:
        rows = [{**letter._asdict(), "journal": journal, "state": "open", **reasons_of(letter)} for letter in letters]
        connection.execute(insert_into(connection, dead_letters).on_conflict_do_nothing(), rows)
        raise_counter(connection, BYTES, sum(row["size"] for row in rows))


def reasons_of(letter: DeadLetter) -> dict[str, Any]:
    """The columns that follow from a letter's refusals."""
    code, text = letter.refusals[0].code, _json(letter)
    return {
        "code": code,
        "fingerprint": fingerprint_of(code, letter.topic),
        "refusals": text,
        "size": _size(letter, text),
    }


def count_of(connection: Connection, chosen: Selection, upto: int) -> int:
    """How many of the chosen letters there are with id ≤ `upto`."""
    query = select(func.count()).select_from(dead_letters).where(*_is(chosen), dead_letters.c.id <= upto)
    if chosen.ids is None:
        return int(connection.execute(query).scalar_one())
    some = parts(sorted(set(chosen.ids)), _A_TRANSACTION)
    return sum(int(connection.execute(query.where(dead_letters.c.id.in_(ids))).scalar_one()) for ids in some)


def record_of(stored: StoredDeadLetter) -> dict[str, Any]:
    """A letter as one line of an export: every field; the payload as text where it is UTF-8, else in base64.

    `payload_sha256` is of the whole payload; `sha256` of topic, U+0000 (which no topic has) and payload, null where only the
    payload's head was kept.
    """
    letter = stored.letter
    whole = letter.sha256 is None
    try:
        payload = {"payload": letter.payload.decode()}
    except UnicodeDecodeError:
        payload = {"payload_base64": base64.b64encode(letter.payload).decode()}
    return {
        "id": stored.id,
        "state": stored.state,
        "fingerprint": fingerprint_of(letter.refusals[0].code, letter.topic),
        "received_at": iso(letter.received_at),
        "journal": stored.journal,
        "batch": letter.batch,
        "position": letter.position,
        "worked_at": None if stored.worked_at is None else iso(stored.worked_at),
        "worked_by": stored.worked_by,
        "why": stored.why,
        "refusals": [refusal._asdict() for refusal in letter.refusals],
        "topic": letter.topic,
        "length": letter.length,
        "sha256": sha256(letter.topic.encode() + b"\0" + letter.payload).hexdigest() if whole else None,
        "payload_sha256": sha256(letter.payload).hexdigest() if whole else letter.sha256,
        **payload,
    }


def line_of(stored: StoredDeadLetter) -> bytes:
    """`record_of` as a line of JSON."""
    return json.dumps(record_of(stored), ensure_ascii=False).encode() + b"\n"


def _is(chosen: Selection) -> list[ColumnElement[bool]]:
    """The conditions of a selection, but for its ids: of those there may be more than a query takes."""
    return [
        dead_letters.c[name] == value for name, value in chosen._asdict().items() if value is not None and name != "ids"
    ]


def _ids(connection: Connection, chosen: Selection, after: int) -> list[int]:
    """The next ids of chosen letters, as many as one transaction may change; empty where there are no more."""
    its = dead_letters.c.id
    query = select(its).where(*_is(chosen), its > after).order_by(its).limit(_A_TRANSACTION)
    if chosen.ids is None:
        return list(connection.execute(query).scalars())
    for ids in parts(sorted(number for number in set(chosen.ids) if number > after), _A_TRANSACTION):
        if found := list(connection.execute(query.where(its.in_(ids))).scalars()):
            return found
    return []


def _up_to(most_bytes: int | None, rows: Iterable[Row[Any]]) -> list[StoredDeadLetter]:
    found: list[StoredDeadLetter] = []
    size = 0
    for row in rows:
        size += len(row.payload)
        if found and most_bytes is not None and size > most_bytes:
            break
        found.append(_stored(row))
    return found


def _stored(row: Row[Any]) -> StoredDeadLetter:
    its = row._mapping
    fields = {name: its[name] for name in DeadLetter._fields if name != "refusals"}
    letter = DeadLetter(**fields, refusals=_refusals(row.refusals))
    return StoredDeadLetter(row.id, row.journal, letter, row.state, row.worked_at, row.worked_by, row.why)


def _refusals(text: str) -> tuple[Refusal, ...]:
    return tuple(Refusal(**refusal) for refusal in json.loads(text))


def _json(letter: DeadLetter) -> str:
    return json.dumps([refusal._asdict() for refusal in letter.refusals], ensure_ascii=False)


def _size(letter: DeadLetter, refusals: str) -> int:
    return len(letter.payload) + len(letter.topic.encode()) + len(refusals.encode()) + _ROW_BYTES
