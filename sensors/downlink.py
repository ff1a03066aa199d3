"""Downlink: which commands a device's model takes, what a command looks like on the wire, and what a reply says. Pure.

    [[model]]
    name = "dust-200"
    command_topic = "cmd/{device}/request"
    reply_topic = "cmd/{device}/reply"
    payload = { id = "{id}", method = "{command}", params = "{arguments}" }
    reply = { id = "/id", status = "/code", done = [0, 200] }
    [model.commands.calibrate]
    about = "span or zero calibration"
    arguments.mode = { one_of = ["zero", "span"] }
    arguments.minutes = { low = 1, high = 60, whole = true, default = 10 }

`{device}`, `{station}`, `{command}` and `{id}` stand for themselves in topics and in texts of the payload; the text
`"{arguments}"` becomes the object of arguments. Without `reply.id` the reply's topic says which request it answers, or it
answers the only one. Only what is listed here can be sent, and only with arguments that are in range.
"""

import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import from_json, to_json

from sensors.formats.pointers import MISSING, Pointer, PointerText


class DownlinkError(ValueError):
    """The file of models is wrong, or the command is not one of the model's: the message names what, and what it may be."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Argument(_Model):
    """What a command's argument may be: a number from `low` to `high`, or one of some texts."""

    low: float | None = Field(default=None, allow_inf_nan=False)
    high: float | None = Field(default=None, allow_inf_nan=False)
    whole: bool = False
    one_of: Sequence[str] | None = None
    default: int | float | str | None = None

    @model_validator(mode="after")
    def _says_what_it_may_be(self) -> "Argument":
        if (self.one_of is None) == (self.low is None and self.high is None):
            raise ValueError("give either low and high, or one_of: what is not bounded cannot be checked")
        if self.one_of is None and (self.low is None or self.high is None or self.low > self.high):
            raise ValueError("give low and high, low first")
        if self.default is not None:
            self.checked("default", str(self.default))
        return self

    def checked(self, name: str, text: str) -> float | str:
        """The argument as it is sent. Raises ValueError, which says what it may be."""
        if self.one_of is not None:
            if text not in self.one_of:
                raise ValueError(f"{name} = {text!r} is none of {', '.join(self.one_of)}")
            return text
        kind = "a whole number" if self.whole else "a number"
        what = f"{name} = {text!r} is not {kind} from {self.low:g} to {self.high:g}"
        try:
            number: float = int(text) if self.whole else float(text)
        except ValueError as error:
            raise ValueError(what) from error
        if self.low is None or self.high is None or not self.low <= number <= self.high:
            raise ValueError(what)
        return number


class Command(_Model):
    """One command of a model."""

    about: str
    arguments: Mapping[str, Argument] = Field(default_factory=dict)


class Reply(_Model):
    """Where a reply's request id and its status are, and which statuses mean that it was done; without `status` all do."""

    id: PointerText | None = None
    status: PointerText | None = None
    done: Sequence[int | str] = (0, 200)


class DeviceModel(_Model):
    """One `[[model]]`."""

    name: str
    command_topic: Annotated[str, Field(min_length=1)]
    reply_topic: Annotated[str, Field(min_length=1)]
    payload: Mapping[str, Any] = Field(
        default_factory=lambda: {"id": "{id}", "method": "{command}", "params": "{arguments}"}
    )
    reply: Reply = Reply(id="/id", status="/code")
    commands: Mapping[str, Command]

    @model_validator(mode="after")
    def _answers_can_be_told_apart(self) -> "DeviceModel":
        for key in ("command_topic", "reply_topic"):
            if set(getattr(self, key)) & {"+", "#"}:
                raise ValueError(f"{key} {getattr(self, key)!r} has wildcards: write {{device}} or {{id}}")
        if "{device}" not in self.command_topic and "{station}" not in self.command_topic:
            raise ValueError(
                f"command_topic {self.command_topic!r} is the same for all devices: put {{device}} into it"
            )
        return self


class Request(NamedTuple):
    """One command, ready to be published; `arguments` as sent."""

    id: str
    topic: str
    reply_topic: str
    payload: bytes
    arguments: Mapping[str, float | str]


class Answer(NamedTuple):
    """What a reply says: whether the command was done, and its status as sent."""

    done: bool
    status: Any


def parse_models(text: str, place: str) -> Mapping[str, DeviceModel]:
    """The models of a TOML file, by name; `place` names it in errors. Raises DownlinkError."""
    try:
        rows = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DownlinkError(f"{place}: {error}") from error
    if unexpected := set(rows) - {"model"}:
        raise DownlinkError(f"{place}: unknown key {min(unexpected)!r}; models are an array of tables [[model]]")
    models: dict[str, DeviceModel] = {}
    for number, row in enumerate(rows.get("model", []), start=1):
        name = row.get("name", f"number {number}")
        try:
            model = DeviceModel.model_validate(row)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            raise DownlinkError(
                f"{place}: model {name}, {key}: {first['msg'].removeprefix('Value error, ')}"
            ) from error
        if model.name in models:
            raise DownlinkError(f"{place}: model {name} is there twice")
        models[model.name] = model
    return models


def request(
    model: DeviceModel, command: str, arguments: Mapping[str, str], *, device: str, station: str, number: str
) -> Request:
    """The command for one device; `number` is the request's id. Raises DownlinkError where the model does not have it, or an
    argument is unknown, missing or out of range."""
    of = model.commands.get(command)
    if of is None:
        raise DownlinkError(f"model {model.name} has no command {command!r}: {_one_of(command, list(model.commands))}")
    if unknown := sorted(arguments.keys() - of.arguments.keys()):
        raise DownlinkError(f"{command} has no argument {unknown[0]!r}: {_one_of(unknown[0], list(of.arguments))}")
    checked: dict[str, float | str] = {}
    for name, argument in of.arguments.items():
        text = arguments.get(name, None if argument.default is None else str(argument.default))
        if text is None:
            raise DownlinkError(f"{command} needs {name}: write {name}=…")
        try:
            checked[name] = argument.checked(name, text)
        except ValueError as error:
            raise DownlinkError(str(error)) from error
    words = {"{device}": device, "{station}": station, "{command}": command, "{id}": number}
    payload = to_json(_filled(model.payload, words, checked))
    return Request(number, _text(model.command_topic, words), _text(model.reply_topic, words), payload, checked)


def answer(model: DeviceModel, asked: Request, payload: bytes) -> Answer | None:
    """What a message under the reply's topic says to the request; None where it answers another one, or is no reply at all."""
    try:
        said = from_json(payload)
    except ValueError:
        return None
    if model.reply.id is not None and str(_at(model.reply.id, said)) != asked.id:
        return None
    if model.reply.status is None:
        return Answer(True, None)
    status = _at(model.reply.status, said)
    return Answer(type(status) is not bool and status in model.reply.done, status)


def _at(pointer: str, value: Any) -> Any:
    found = Pointer(pointer)(value)
    return None if found is MISSING else found


def _one_of(word: str, words: Sequence[str]) -> str:
    near = get_close_matches(word, words, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"it has {', '.join(sorted(words))}" if words else "it has none"


def _filled(value: Any, words: Mapping[str, str], arguments: Mapping[str, float | str]) -> Any:
    if value == "{arguments}":
        return dict(arguments)
    if isinstance(value, str):
        return _text(value, words)
    if isinstance(value, Mapping):
        return {key: _filled(member, words, arguments) for key, member in value.items()}
    return [_filled(member, words, arguments) for member in value] if isinstance(value, list) else value


def _text(template: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        template = template.replace(word, value)
    return template
