"""Replay requests: what people ask ingest to judge again. A command writes the request, ingest does it, slice by slice.

A request is finite: it concerns letters up to the id that was the greatest when it was asked, in the order of their ids. How
far it is done is saved in the transaction that saves what became of the letters, so a crash anywhere repeats a slice without
a trace. One ingest works on a request at a time: it holds a lease, which every slice renews.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, func, insert, or_, select, update

from store.letters import BYTES, Selection, StoredDeadLetter, count_of, reasons_of
from store.schema import dead_letters, replay_requests
from store.transaction import list_unknown, note, raise_counter, require_registry, touch

if TYPE_CHECKING:
    from store.books import Books, Changed, Earliest, Unknown


class LostClaim(Exception):
    """Another ingest has gone on with the request: nothing was written."""


class ReplayRequest(NamedTuple):
    """What was asked, when [ms] and by whom, and how far it is.

    `asked` is how many open letters it was, and `upto` the greatest id then; `last_id` is how far it is done. What is neither
    replayed nor refused at the end was closed or exported by somebody else meanwhile.
    """

    id: int
    asked_at: int
    who: str
    chosen: Selection
    upto: int
    asked: int
    state: Literal["open", "done"]
    last_id: int
    replayed: int
    refused: int


class Replays:
    """The replay requests of the books. Each method raises BooksUnavailable."""

    def __init__(self, books: "Books", *, lease_ms: int = 60_000) -> None:
        self._books = books
        self._lease_ms = lease_ms

    def ask(self, chosen: Selection, *, who: str, now: int) -> int | None:
        """Ask for the chosen letters that are open; gives the request's id, None where there is no such letter."""
        chosen = chosen._replace(state="open")
        with self._books.reading() as connection:
            upto = connection.execute(select(func.max(dead_letters.c.id))).scalar() or 0
            asked = count_of(connection, chosen, upto)
        if not asked:
            return None
        selection = {name: value for name, value in chosen._asdict().items() if value is not None}
        with self._books.writing() as connection:
            made = connection.execute(
                insert(replay_requests)
                .values(asked_at=now, who=who, selection=json.dumps(selection), upto=upto, asked=asked, state="open")
                .returning(replay_requests.c.id)
            )
            number = int(made.scalar_one())
            note(connection, now, who, "replay asked", str(number), {**selection, "count": asked, "upto": upto})
        return number

    def request(self, number: int) -> ReplayRequest:
        """One request."""
        with self._books.reading() as connection:
            return _request(connection.execute(select(replay_requests).where(replay_requests.c.id == number)).one())

    def newest(self, most: int) -> list[ReplayRequest]:
        """The last requests, the newest first."""
        with self._books.reading() as connection:
            rows = connection.execute(select(replay_requests).order_by(replay_requests.c.id.desc()).limit(most))
            return [_request(row) for row in rows]

    def waiting(self, worker: str, now: int) -> bool:
        """Whether there is a request that `worker` may claim."""
        with self._books.reading() as connection:
            return (
                connection.execute(select(replay_requests.c.id).where(*_claimable(worker, now)).limit(1)).first()
                is not None
            )

    def claim(self, worker: str, now: int) -> ReplayRequest | None:
        """The oldest request that nobody else works on, for `worker` (a journal) until its lease ends."""
        query = select(replay_requests).where(*_claimable(worker, now)).order_by(replay_requests.c.id).limit(1)
        with self._books.writing() as connection:
            row = connection.execute(query).first()
            if row is None:
                return None
            lease = {"worker": worker, "leased_until": now + self._lease_ms}
            connection.execute(update(replay_requests).where(replay_requests.c.id == row.id).values(**lease))
            return _request(row)

    def save(
        self,
        request: ReplayRequest,
        worker: str,
        passed: Sequence[StoredDeadLetter],
        refused: Sequence[StoredDeadLetter],
        *,
        registry_version: int,
        changed: "Changed",
        unknown: Iterable[tuple[int, Mapping[tuple[str, str], "Unknown"]]],
        now: int,
        earliest: "Earliest" = MappingProxyType({}),
    ) -> ReplayRequest:
        """Book one slice in one transaction: letters that are stored now, those with (new) refusals, marks, unknown stations
        (when they were seen, a message by station), and how far the request is done. A slice of nothing ends the request.

        Raises LostClaim, StaleRegistry, BooksUnavailable: nothing was written.
        """
        done = not passed and not refused
        last_id = max((letter.id for letter in (*passed, *refused)), default=request.last_id)
        after = request._replace(
            state="done" if done else "open",
            last_id=last_id,
            replayed=request.replayed + len(passed),
            refused=request.refused + len(refused),
        )
        progress = {name: getattr(after, name) for name in ("state", "last_id", "replayed", "refused")}
        worked = {"worked_at": now, "worked_by": request.who, "why": f"replay request {request.id}"}
        with self._books.writing() as connection:
            require_registry(connection, registry_version)
            its = replay_requests.c
            ours = its.id == request.id, its.worker == worker, its.last_id == request.last_id, its.state == "open"
            booked = connection.execute(
                update(replay_requests).where(*ours).values(**progress, leased_until=now + self._lease_ms)
            )
            if booked.rowcount != 1:
                raise LostClaim
            if passed:  # whatever a person has done with it meanwhile: it is stored
                ids = [letter.id for letter in passed]
                connection.execute(
                    update(dead_letters).where(dead_letters.c.id.in_(ids)).values(state="replayed", **worked)
                )
            _book_refused(connection, refused, worked)
            touch(connection, changed, now, earliest)
            for seen, messages in unknown:
                list_unknown(connection, messages, seen)
            if done:
                counts = {"replayed": after.replayed, "refused": after.refused}
                note(connection, now, request.who, "replay done", str(request.id), counts)
        return after


def _book_refused(connection: Connection, refused: Sequence[StoredDeadLetter], worked: Mapping[str, Any]) -> None:
    """The new reasons of letters that are open still."""
    its = dead_letters.c
    ids = [letter.id for letter in refused]
    sizes = {
        row.id: row.size
        for row in connection.execute(select(its.id, its.size).where(its.id.in_(ids), its.state == "open"))
    }
    reasons = {letter.id: reasons_of(letter.letter) for letter in refused if letter.id in sizes}
    for number, columns in reasons.items():
        connection.execute(update(dead_letters).where(its.id == number).values(**columns, **worked))
    if grown := sum(columns["size"] - sizes[number] for number, columns in reasons.items()):
        raise_counter(connection, BYTES, grown)


def _claimable(worker: str, now: int) -> tuple[ColumnElement[bool], ...]:
    its = replay_requests.c
    return its.state == "open", or_(its.worker == worker, its.leased_until <= now)


def _request(row: Row[Any]) -> ReplayRequest:
    its = row._mapping
    selection = json.loads(row.selection)
    if "ids" in selection:
        selection["ids"] = tuple(selection["ids"])
    fields = {name: its[name] for name in ReplayRequest._fields if name != "chosen"}
    return ReplayRequest(**fields, chosen=Selection(**selection))
