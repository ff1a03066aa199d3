"""Faults: off by default, written down, and each one costing exactly what its description says."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any, get_args

import pytest

from sensors.families import CONTRACTS
from sensors.formats.native import decode
from sensors.instants import DAY_MS, HOUR_MS, parse_instant
from sensors.reading import Doubt
from sensors.refusals import Refused
from sensors.topics import parse_topic
from simulators.city import history
from simulators.faults import GAP_MS, KINDS, LATE_MESSAGES, Fault, Plan, ValueFault, inject
from simulators.message import OutMessage

END = parse_instant("2026-03-02T00:00:00+08:00")
STREAM = list(history(7, date(2026, 2, 1), END))

Cell = tuple[str, int, str]
"""Topic, instant, quantity."""


def inject_all(plan: Plan, seed: int = 1) -> tuple[list[OutMessage], list[Fault]]:
    log: list[Fault] = []
    return list(inject(STREAM, plan, seed, log.append)), log


def cells(messages: list[OutMessage]) -> tuple[dict[Cell, float], dict[Cell, Doubt], list[str]]:
    """What a reader has in the end, keeping per cell the version with the greatest `issued`, then the latest: good
    values, doubtful ones, and the reasons of what was refused."""
    latest: dict[Cell, tuple[int, float | Doubt]] = {}
    refused: list[str] = []
    for topic, payload in messages:
        try:
            station = parse_topic(topic).station
            for record in decode(payload):
                judged = CONTRACTS["air"].judge(record, station, END, 400 * DAY_MS)
                refused += [refusal.code for refusal in judged.refusals]
                said: dict[str, float | Doubt] = {**judged.values, **judged.doubtful}
                for code, value in said.items():
                    cell, version = (topic, judged.observed_at, code), judged.issued or 0
                    if version >= latest.get(cell, (0,))[0]:
                        latest[cell] = version, value
        except Refused as error:
            refused.append(error.refusal.code)
    values = {cell: value for cell, (_, value) in latest.items() if not isinstance(value, Doubt)}
    doubtful = {cell: value for cell, (_, value) in latest.items() if isinstance(value, Doubt)}
    return values, doubtful, refused


TRUE = cells(STREAM)[0]


def but(changes: Mapping[Cell, float | None]) -> dict[Cell, float]:
    """The true values with some replaced, and those that are None taken out."""
    changed = {cell: changes.get(cell, value) for cell, value in TRUE.items()}
    return {cell: value for cell, value in changed.items() if value is not None}


def cell_of(fault: Fault) -> Cell:
    assert fault.at is not None
    assert fault.quantity is not None
    return fault.topic, fault.at, fault.quantity


def test_without_a_plan_nothing_happens() -> None:
    assert inject_all(Plan()) == (STREAM, [])
    assert set(Plan().model_dump()) == set(KINDS)


def test_the_same_seed_makes_the_same_faults_and_another_one_others() -> None:
    plan = Plan(**dict.fromkeys(KINDS, 0.1))
    assert inject_all(plan, 1) == inject_all(plan, 1)
    assert inject_all(plan, 1)[1] != inject_all(plan, 2)[1]


def test_faults_are_about_as_frequent_as_the_plan_says() -> None:
    for kind in KINDS:
        _, log = inject_all(Plan(**{kind: 0.2}))
        happened = len({(f.topic, f.at) for f in log}) / 6 if kind == "gap" else len(log)
        assert 0.1 < happened / len(STREAM) < 0.3, kind
        assert {fault.kind for fault in log} == {kind}


def test_a_duplicate_is_the_message_once_more() -> None:
    messages, log = inject_all(Plan(duplicate=0.2))
    more = Counter(messages)
    more.subtract(STREAM)
    assert Counter(message.topic for message in more.elements()) == Counter(fault.topic for fault in log)
    assert cells(messages)[0] == TRUE


def test_a_late_message_comes_after_others_and_none_is_lost() -> None:
    messages, log = inject_all(Plan(late=0.2))
    assert Counter(messages) == Counter(STREAM)
    place = {message: number for number, message in enumerate(messages)}
    delays = [place[message] - number for number, message in enumerate(STREAM)]
    assert 0 < max(delays) <= LATE_MESSAGES
    assert log


def test_a_gap_takes_the_readings_of_six_hours_and_nothing_else() -> None:
    messages, log = inject_all(Plan(gap=0.05))
    silent = {(fault.topic, fault.at) for fault in log}
    values, doubtful, refused = cells(messages)
    assert values == {cell: value for cell, value in TRUE.items() if (cell[0], cell[1]) not in silent}
    assert (doubtful, refused) == ({}, [])
    assert GAP_MS == 6 * HOUR_MS


def test_calibration_and_out_of_range_are_doubtful_with_the_value_sent() -> None:
    for kind in ("calibration", "out_of_range"):
        messages, log = inject_all(Plan(**{kind: 0.2}))
        values, doubtful, refused = cells(messages)
        assert doubtful == {cell_of(fault): Doubt(kind, fault.sent) for fault in log}
        assert values == but(dict.fromkeys(map(cell_of, log)))
        assert refused == []


def test_a_spike_replaces_one_value_and_the_log_has_the_true_one() -> None:
    messages, log = inject_all(Plan(spike=0.2))
    values, doubtful, _ = cells(messages)
    for fault in log:
        cell = cell_of(fault)
        assert fault.true == TRUE[cell]
        assert fault.sent == (doubtful[cell].value if cell in doubtful else values[cell])
    untouched = dict.fromkeys(map(cell_of, log))
    assert {cell: value for cell, value in values.items() if cell not in untouched} == but(untouched)


@pytest.mark.parametrize("plan", [Plan(corrected=0.3), Plan(corrected=0.3, late=0.3, duplicate=0.3)])
def test_a_correction_ends_in_the_truth_in_whatever_order_it_comes(plan: Plan) -> None:
    messages, log = inject_all(plan)
    corrected = [fault for fault in log if fault.kind == "corrected"]
    assert corrected
    assert all(fault.true != fault.sent for fault in corrected)
    assert cells(messages) == (TRUE, {}, [])
    issued = [r["issued"] for _, payload in messages for r in readings(payload) if "issued" in r]
    assert len(issued) >= 2 * len(corrected)


def test_a_poison_is_one_more_message_and_the_log_has_its_reason() -> None:
    messages, log = inject_all(Plan(poison=0.3))
    values, doubtful, refused = cells(messages)
    assert (values, doubtful) == (TRUE, {})
    assert Counter(refused) == Counter(fault.refusal for fault in log)
    assert {fault.refusal for fault in log} == {"undecodable", "invalid_json", "invalid_value", "unknown_topic"}
    assert all(message.topic.startswith("cityflux/v1/") for message in messages), "or nobody would be subscribed"


def test_with_all_faults_at_once_the_log_still_accounts_for_every_value() -> None:
    messages, log = inject_all(Plan(**dict.fromkeys(KINDS, 0.1)))
    values, doubtful, refused = cells(messages)
    assert Counter(refused) == Counter(fault.refusal for fault in log if fault.kind == "poison")
    silent = {(fault.topic, fault.at) for fault in log if fault.kind == "gap"}
    changed = {cell_of(fault) for fault in log if fault.kind in set(get_args(ValueFault)) - {"corrected"}}
    truth = {cell: v for cell, v in TRUE.items() if (cell[0], cell[1]) not in silent and cell not in changed}
    assert {cell: value for cell, value in values.items() if cell not in changed} == truth
    assert set(doubtful) <= changed


def readings(payload: bytes) -> list[dict[str, Any]]:
    message = json.loads(payload)
    found: list[dict[str, Any]] = message.get("readings", [message])
    return found
