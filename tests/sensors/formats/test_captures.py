"""Every capture gives what its document says; and whatever it is cut to is refused, or gives the part that is whole."""

import pytest

from sensors.formats.catalogue import formats
from tests.captures import CAPTURES, Capture, in_millis, readings_of

LINES = {"csv", "lineprotocol"}
"""Formats of lines: nothing says where the last one ends, so a cut number is another number. MQTT delivers messages whole."""


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: capture.name)
def test_a_capture_gives_what_its_document_says(capture: Capture) -> None:
    verdict = capture.judged()
    assert readings_of(verdict) == in_millis(capture.readings)
    refusals = [refusal for letter in verdict.letters.values() for refusal in letter.refusals]
    assert [{"code": refusal.code, "field": refusal.field} for refusal in refusals] == capture.refusals
    assert all(refusal.detail and refusal.fix for refusal in refusals)
    told = [
        {"station": station, **{name: value for name, value in vitals._asdict().items() if value is not None}}
        for (_, station), vitals in verdict.vitals
    ]
    assert told == capture.vitals


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: capture.name)
def test_whatever_a_capture_is_cut_to_is_refused_or_gives_what_is_whole(capture: Capture) -> None:
    whole = readings_of(capture.judged())
    for length in range(len(capture.payload)):
        verdict = capture.judged(capture.payload[:length])
        found = readings_of(verdict)
        assert found or verdict.letters or verdict.vitals, f"{length} bytes: neither readings nor refusal"
        if capture.format in LINES and found and found[-1] not in whole:
            found.pop()
        for one in found:
            assert any(_is_part(one, of) for of in whole), f"{length} bytes give {one}"


def _is_part(one: dict[str, object], of: dict[str, object]) -> bool:
    """Whether a reading says nothing else than `of` does: it may lack quantities."""
    values, its = one["values"], of["values"]
    doubts, other = one.get("doubtful", {}), of.get("doubtful", {})
    assert isinstance(values, dict)
    assert isinstance(its, dict)
    assert isinstance(doubts, dict)
    assert isinstance(other, dict)
    same = all(one[key] == of[key] for key in ("station", "family", "period", "at"))
    return same and values.items() <= its.items() and all(doubts[code] == other.get(code) for code in doubts)


def test_every_format_has_captures_that_are_read_and_captures_that_are_refused() -> None:
    for name in formats():
        of_it = [capture for capture in CAPTURES if capture.format == name]
        assert any(capture.readings or capture.vitals for capture in of_it), name
        assert any(capture.refusals for capture in of_it), name
