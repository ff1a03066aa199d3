"""Intake under thousands of hostile payloads: nothing raises, everything is accounted for. `make fuzz` does a million."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.intake import Verdict
from ingest.journal import JournalBatch
from ingest.link import capped
from ingest.transport import KIBI, Message
from sensors.instants import DAY_MS
from sensors.refusals import Code
from store.books import Unknown
from store.letters import Letters
from store.sqlite import SqliteStore
from tests.fuzz import mutator
from tests.fuzz.__main__ import payload_batch
from tests.fuzz.conservation import Unconserved, judged, new_intake, stored
from tests.fuzz.mutator import HOSTILE, NAMES, NOW, SESSION, TOPICS, VALUES, bases

TOPIC = bases()[0].topic
GOOD = Message(TOPIC, b'{"at":%d,"values":{"o3":61.5,"co":0.7}}' % NOW)
POISON = Message(TOPIC, b'{"at":%d,"values":{"o3":1e400}}' % NOW)

topics = st.one_of(
    st.sampled_from([base.topic for base in bases()]),
    st.sampled_from(TOPICS),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60),
)
_numbers = st.one_of(st.integers(), st.floats(), st.integers(NOW - 10**9, NOW + 10**9)).map(repr)
_scalars = st.one_of(_numbers.map(str.encode), st.sampled_from(VALUES))
_names = st.sampled_from(NAMES).map(str.encode)


def _composed(parts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    members = st.tuples(_names, parts).map(lambda member: b'"%s":%s' % member)
    return st.one_of(
        st.lists(parts, max_size=4).map(lambda values: b"[%s]" % b",".join(values)),
        st.lists(members, max_size=5).map(lambda values: b"{%s}" % b",".join(values)),
    )


json = st.recursive(_scalars, _composed, max_leaves=20)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid payload with some tokens replaced."""
    tokens = list(draw(st.sampled_from(bases())).tokens)
    for _ in range(draw(st.integers(1, 4))):
        tokens[draw(st.integers(0, len(tokens) - 1))] = draw(
            st.one_of(st.sampled_from(HOSTILE), json, st.binary(max_size=4))
        )
    return b"".join(tokens)


@settings(max_examples=500)
@given(st.lists(st.tuples(topics, st.binary()), max_size=5))
def test_arbitrary_bytes(sent: list[tuple[str, bytes]]) -> None:
    judged([Message(*message) for message in sent])


@settings(max_examples=1000)
@given(topics, json)
def test_arbitrary_json(topic: str, payload: bytes) -> None:
    judged([Message(topic, capped(payload, SESSION))])


@settings(max_examples=1500)
@given(mutated())
def test_mutated_valid_payloads(payload: bytes) -> None:
    judged([GOOD, Message(TOPIC, capped(payload, SESSION)), GOOD])


def test_ten_mebibytes_are_a_letter_with_head_length_and_hash() -> None:
    payload = b'{"at":%d,"values":{"o3":"%s"}}' % (NOW, b"9" * 10 * KIBI * KIBI)
    verdict = judged([GOOD, Message(TOPIC, capped(payload, SESSION))])
    assert verdict.letters[1].length == len(payload)
    assert verdict.letters[1].refusals[0].code == "too_large"


def test_thousands_of_batches_of_a_seed() -> None:
    totals = sum((payload_batch(2026, number) for number in range(1, 60)), start=payload_batch(2026, 0))
    assert totals["messages written"] + totals["messages refused"] == 60 * mutator.BATCH
    assert totals["batches stored and read back"] == 2
    of_sources = {"wrong_checksum", "unknown_device", "unknown_field", "unknown_unit"}
    never_or_rarely = {"store_refused", "too_large", "no_readings", *of_sources}
    assert {f"messages refused: {code}" for code in {*get_args(Code)} - never_or_rarely} <= totals.keys()
    assert min(totals["messages written"], totals["readings written"], totals["readings refused"]) > 500


def test_a_seed_and_a_number_are_a_batch() -> None:
    assert mutator.batch(3, 5) == mutator.batch(3, 5)
    assert mutator.batch(3, 5) != mutator.batch(3, 6)
    assert mutator.batch(3, 5) != mutator.batch(4, 5)


# The judge can fail: each of these is an intake with one defect.

BATCH = [GOOD, POISON, Message(TOPIC, b'{"at":%d,"values":{"o3":62}}' % (NOW - 1))]


def _lose_a_letter(verdict: Verdict) -> Verdict:
    return verdict._replace(letters={}, counts=verdict.counts._replace(written=3, refused=0))


def _lose_a_reading(verdict: Verdict) -> Verdict:
    counts = verdict.counts._replace(readings_written=1)
    return verdict._replace(readings=verdict.readings[:1], positions=verdict.positions[:1], counts=counts)


def _double_a_reading(verdict: Verdict) -> Verdict:
    counts = verdict.counts._replace(readings_written=3)
    return verdict._replace(
        readings=[*verdict.readings, verdict.readings[-1]], positions=[*verdict.positions, 2], counts=counts
    )


def _swap_positions(verdict: Verdict) -> Verdict:
    return verdict._replace(positions=verdict.positions[::-1])


def _miscount(name: str) -> Callable[[Verdict], Verdict]:
    def spoil(verdict: Verdict) -> Verdict:
        counts = verdict.counts._asdict()
        return verdict._replace(counts=verdict.counts._replace(**{name: counts[name] + 1}))

    return spoil


def _letter(**changes: object) -> Callable[[Verdict], Verdict]:
    return lambda verdict: verdict._replace(letters={1: verdict.letters[1]._replace(**changes)})  # type: ignore[arg-type]  # wrong on purpose


def _refusal(**changes: object) -> Callable[[Verdict], Verdict]:
    def spoil(verdict: Verdict) -> Verdict:
        refusal = verdict.letters[1].refusals[0]._replace(**changes)  # type: ignore[arg-type]  # wrong on purpose
        return _letter(refusals=(refusal,))(verdict)

    return spoil


def _reading(**changes: object) -> Callable[[Verdict], Verdict]:
    def spoil(verdict: Verdict) -> Verdict:
        first = verdict.readings[0]._replace(**changes)  # type: ignore[arg-type]  # wrong on purpose
        return verdict._replace(readings=[first, *verdict.readings[1:]])

    return spoil


DEFECTS: dict[str, Callable[[Verdict], Verdict]] = {
    "a dead letter lost": _lose_a_letter,
    "a reading lost": _lose_a_reading,
    "a reading twice": _double_a_reading,
    "a reading of another message": _swap_positions,
    **{
        f"{name} miscounted": _miscount(name) for name in ("written", "refused", "readings_written", "readings_refused")
    },
    "quantities_refused miscounted": _miscount("quantities_refused"),
    "other bytes": _letter(payload=POISON.payload[:-1]),
    "another length": _letter(length=1),
    "a hash of what is whole": _letter(sha256="ab" * 32),
    "another topic": _letter(topic=TOPIC + "/"),
    "no refusal": _letter(refusals=()),
    "a refusal without a fix": _refusal(fix=""),
    "a refusal that UTF-8 does not know": _refusal(detail="\ud800"),
    "a refusal for no reason": _refusal(code="bad"),
    "not a number": _reading(values={"o3": math.nan}),
    "an integer": _reading(values={"o3": 61}),
    "an unknown quantity": _reading(values={"o4": 61.5}),
    "a value out of range": _reading(values={"o3": -1.0}),
    "another value": _reading(values={"o3": 61.5, "co": 0.8}),
    "a time in the future": _reading(observed_at=NOW + DAY_MS),
    "a time that no store holds": _reading(issued=-(2**63) - 1),
    "a station that is none": _reading(station="HX 01"),
    "an unknown station taken for known": _reading(unknown_station=True),
    "another batch": _reading(batch=99),
}


class Spoiled:
    """An intake with a defect."""

    def __init__(self, spoil: Callable[[Verdict], Verdict]) -> None:
        self._intake = new_intake(1)
        self._spoil = spoil

    def judge(self, batch: JournalBatch) -> Verdict:
        return self._spoil(self._intake.judge(batch))


@pytest.mark.parametrize("spoil", DEFECTS.values(), ids=DEFECTS.keys())
def test_a_defect_of_intake_is_seen(spoil: Callable[[Verdict], Verdict]) -> None:
    judged(BATCH)
    with pytest.raises(Unconserved):
        judged(BATCH, make=lambda number: Spoiled(spoil))


@pytest.mark.parametrize("changes_at", [2, 3])
def test_a_verdict_that_changes_is_seen(changes_at: int) -> None:
    calls = []
    unknown = Unknown(TOPIC, "gaoxin", "hour", "native", None, b"{}")

    def spoil(verdict: Verdict) -> Verdict:
        calls.append(verdict)
        return verdict._replace(unknown={("air", "x"): unknown}) if len(calls) == changes_at else verdict

    with pytest.raises(Unconserved, match="verdict"):
        judged(BATCH, make=lambda number: Spoiled(spoil))


async def test_what_the_store_or_the_books_lose_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = judged(BATCH)
    for place, name, most in ((SqliteStore, "write", 1), (Letters, "page", 0)):
        folder = tmp_path / name
        folder.mkdir()
        whole = getattr(place, name)
        with monkeypatch.context() as patched:
            if place is Letters:
                patched.setattr(place, name, lambda self, chosen, whole=whole, most=most: whole(self, chosen)[:most])
            else:
                patched.setattr(
                    place, name, lambda self, readings, whole=whole, most=most: whole(self, readings[:most])
                )
            with pytest.raises(Unconserved):
                await stored(verdict, folder)
    (tmp_path / "whole").mkdir()
    await stored(verdict, tmp_path / "whole")
