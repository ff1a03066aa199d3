"""Commands to devices: only those that are listed, with arguments in range, and which reply is theirs."""

import json
from typing import Any

import pytest

from sensors.downlink import DownlinkError, answer, parse_models, request

MODELS = """
[[model]]
name = "dust-200"
command_topic = "cmd/{device}/request"
reply_topic = "cmd/{device}/reply"
payload = { id = "{id}", method = "{command}", params = "{arguments}", list = ["{station}", 1] }
[model.commands.calibrate]
about = "span or zero calibration"
arguments.mode = { one_of = ["zero", "span"] }
arguments.minutes = { low = 1, high = 60, whole = true, default = 10 }
[model.commands.restart]
about = "starts again"
"""
MODEL = parse_models(MODELS, "models.toml")["dust-200"]


def asked(command: str = "calibrate", **arguments: str) -> Any:
    return request(MODEL, command, arguments, device="MN-7", station="hx-01", number="r1")


def test_a_command_is_topics_and_a_payload_of_its_arguments() -> None:
    found = asked(mode="zero")
    assert (found.topic, found.reply_topic) == ("cmd/MN-7/request", "cmd/MN-7/reply")
    assert json.loads(found.payload) == {
        "id": "r1",
        "method": "calibrate",
        "params": {"mode": "zero", "minutes": 10},
        "list": ["hx-01", 1],
    }


@pytest.mark.parametrize(
    ("command", "arguments", "says"),
    [
        ("callibrate", {}, "no command 'callibrate': did you mean calibrate"),
        ("drop", {}, "it has calibrate, restart"),
        ("calibrate", {}, "needs mode"),
        ("calibrate", {"mode": "hot"}, "mode = 'hot' is none of zero, span"),
        ("calibrate", {"mode": "zero", "minute": "5"}, "did you mean minutes"),
        ("calibrate", {"mode": "zero", "minutes": "61"}, "minutes = '61' is not a whole number from 1 to 60"),
        ("calibrate", {"mode": "zero", "minutes": "5.5"}, "not a whole number"),
        ("calibrate", {"mode": "zero", "minutes": "nan"}, "not a whole number"),
        ("restart", {"now": "1"}, "it has none"),
    ],
)
def test_what_is_not_listed_or_out_of_range_is_refused(command: str, arguments: dict[str, str], says: str) -> None:
    with pytest.raises(DownlinkError, match=says):
        asked(command, **arguments)


@pytest.mark.parametrize(
    ("reply", "done"),
    [
        ({"id": "r1", "code": 0}, True),
        ({"id": "r1", "code": 200}, True),
        ({"id": "r1", "code": 500}, False),
        ({"id": "r1", "code": False}, False),
        ({"id": "r1"}, False),
        ({"id": "r2", "code": 0}, None),
        ({}, None),
        ([], None),
    ],
)
def test_a_reply_is_one_to_its_request(reply: object, done: bool | None) -> None:
    found = answer(MODEL, asked(mode="zero"), json.dumps(reply).encode())
    assert (None if found is None else found.done) is done


def test_bytes_that_are_no_json_are_no_reply() -> None:
    assert answer(MODEL, asked(mode="zero"), b"\xff{") is None


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("cmd/{device}/request", "cmd/request", "the same for all devices"),
        ("cmd/{device}/reply", "cmd/+/reply", "has wildcards"),
        ('one_of = ["zero", "span"]', "whole = true", "what is not bounded"),
        ("low = 1, high = 60", "low = 60, high = 1", "low first"),
        ("default = 10", "default = 90", "default = '90"),
        ("about =", "abut =", "about"),
        ("[[model]]", "[[modell]]", "modell"),
    ],
)
def test_what_is_wrong_with_the_file_is_said(before: str, after: str, says: str) -> None:
    with pytest.raises(DownlinkError, match=says):
        parse_models(MODELS.replace(before, after, 1), "models.toml")
