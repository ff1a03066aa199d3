"""The runner: whatever goes wrong in a batch ends the run with exit code 1 and the command that repeats the batch."""

import os
import sys
import time
from collections import Counter

import pytest

from tests.fuzz import __main__ as runner


def _raises(seed: int, number: int) -> Counter[str]:
    if number == 7:
        raise KeyError("of batch seven")
    return Counter(batches=1)


def _hangs(seed: int, number: int) -> Counter[str]:
    while number == 7:
        time.sleep(0.01)
    return Counter(batches=1)


def _dies(seed: int, number: int) -> Counter[str]:
    if number == 7:
        os._exit(11)
    return Counter(batches=1)


def _is_well(seed: int, number: int) -> Counter[str]:
    return Counter(batches=1)


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        (_raises, ["of batch seven", "python -m tests.fuzz 100 --of payloads --seed 4 --first 7 --jobs 1"]),
        (_hangs, ["takes longer than 1 s", "python -m tests.fuzz 100 --of payloads --seed 4 --first 7 --jobs 1"]),
        (_dies, ["a process died", "python -m tests.fuzz 1000 --of payloads --seed 4 --first 0 --jobs 1"]),
    ],
)
def test_a_failure_is_told_with_the_command_that_repeats_it(
    batch: object, said: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(runner.KINDS, "payloads", (100, batch))
    monkeypatch.setattr(runner, "HANG_S", 1)
    monkeypatch.setattr(sys, "argv", ["fuzz", "1000", "--seed", "4", "--jobs", "1"])
    assert runner.main() == 1
    told = capsys.readouterr().out
    for words in said:
        assert words in told


def test_the_totals_are_of_all_batches(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(runner.KINDS, "payloads", (100, _is_well))
    monkeypatch.setattr(sys, "argv", ["fuzz", "12345", "--jobs", "2"])
    assert runner.main() == 0
    assert ["batches", "124"] in [line.split() for line in capsys.readouterr().out.splitlines()]
