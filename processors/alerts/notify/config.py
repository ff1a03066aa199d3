"""Whom a city tells: channels, people and the roster, as typed, frozen data from `notify.toml`, validated as a whole.

[[channel]]                                  [[role]]
name = "duty-group"                          names = ["duty", "leader"]
url = "dingtalk://${DING_TOKEN}"             [[role.step]]
                                             tell = ["duty-group"]
[[person]]                                   [[role.step]]
name = "Li"                                  after_min = 15
channels = ["li-sms"]                        tell = ["Li"]
"""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import time
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from processors.alerts.clauses import WEEKDAYS, Data, Hours, Severity
from processors.alerts.notify.hidden import Address, SecretError, address, filled
from processors.alerts.notify.texts import WHATS, Language
from processors.standards.reading import wrong_in

_MIDNIGHT = time()
_DAY_MIN = 24 * 60

QUIET = frozenset({"recovering", "fired again", "acknowledged"})
"""What a channel is told only where it asks for it: nobody has to do anything about it."""

_Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\s/].*$")]


class NotifyError(ValueError):
    """The file is wrong: the message names the file, the entry and the key."""


class Channel(Data):
    """One way to reach people or programs: exactly one of `url` (Apprise), `mqtt` (the beginning of a topic on the city's broker)
    and `grafana` (its address)."""

    name: _Name
    url: str = ""
    mqtt: str = Field(default="", pattern=r"^[^+#]*$")
    grafana: str = ""
    token: str = ""
    """Grafana's service account token, as `${NAME}` or `${file:PATH}`."""
    language: Language = "zh"
    most_per_min: int = Field(default=20, ge=1, le=10_000)
    """Chosen: robots of DingTalk and WeCom take 20 a minute."""
    least: Severity = "notice"
    what: tuple[str, ...] = ()
    """Which kinds of news it is told; none: all but those of `QUIET`."""

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if sum(map(bool, (self.url, self.mqtt, self.grafana))) != 1:
            raise ValueError(f"channel {self.name!r} has exactly one of url, mqtt and grafana")
        if bool(self.token) != bool(self.grafana):
            raise ValueError(f"channel {self.name!r}: grafana and token go together")
        for what in self.what:
            if what not in WHATS:
                raise ValueError(f"channel {self.name!r}: {what!r} is no news; there are {', '.join(WHATS)}")
        return self

    @property
    def is_for_people(self) -> bool:
        """Whether people read it; programs are told everything, each by itself."""
        return bool(self.url)

    def takes(self, what: str) -> bool:
        """Whether it is told such news."""
        return what in self.what if self.what else what not in QUIET or not self.is_for_people


class Person(Data):
    """Somebody, and the channels that reach him."""

    name: _Name
    channels: tuple[str, ...] = Field(min_length=1)


class Shift(Hours):
    """When somebody is told: always, or in some hours of some days by the city's clock; the day is that of their beginning."""

    tell: tuple[str, ...] = Field(min_length=1)
    since: time = Field(default=_MIDNIGHT, alias="from")
    until: time = Field(default=_MIDNIGHT, alias="to")


class Step(Data):
    """Who of a role is told `after_min` minutes after the step before, where nobody has acknowledged: by shifts, or always."""

    after_min: float = Field(default=0, ge=0)
    shifts: tuple[Shift, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _from_short(cls, data: Any) -> Any:
        if isinstance(data, dict) and "tell" in data:
            if "shifts" in data:
                raise ValueError("a step has `tell` or `shifts`, not both")
            return {**{key: value for key, value in data.items() if key != "tell"}, "shifts": [{"tell": data["tell"]}]}
        return data


class Role(Data):
    """Roles of rules that are told alike, step after step."""

    names: tuple[str, ...] = Field(min_length=1)
    step: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_never_empty(self) -> Self:
        if self.step[0].after_min:
            raise ValueError(f"role {self.names[0]!r}: its first step is told at once, without after_min")
        for number, step in enumerate(self.step[1:], start=2):
            if not step.after_min:
                raise ValueError(f"role {self.names[0]!r}: step {number} needs after_min")
        for day, name in enumerate(WEEKDAYS):
            for minute in range(_DAY_MIN):
                clock = time(minute // 60, minute % 60)
                if not any(shift.covers(day, clock) for step in self.step for shift in step.shifts):
                    raise ValueError(f"role {self.names[0]!r}: nobody is told on {name} at {clock:%H:%M}; add a shift")
        return self


class Delivery(Data):
    """How notices are tried. Times in [s], [min]."""

    timeout_s: float = Field(default=15, gt=0, le=600)
    """Chosen: a robot or a mail server answers in a second, or not at all."""
    lease_s: float = Field(default=60, gt=0, le=3_600)
    first_retry_s: float = Field(default=1, gt=0)
    most_retry_s: float = Field(default=120, gt=0)
    give_up_min: float = Field(default=720, gt=0)
    """Chosen: half a day; what was not delivered by then is old, and who is on duty has been told that it was not."""
    rate_window_s: float = Field(default=60, gt=0)

    @model_validator(mode="after")
    def _lease_is_longer(self) -> Self:
        if self.lease_s <= self.timeout_s:
            raise ValueError("lease_s is longer than timeout_s, so that nobody else tries meanwhile")
        return self


class Directory(Data):
    """The whole file."""

    runbooks: str = "docs/runbooks"
    """Where the runbooks are: the beginning of the links in texts."""
    delivery: Delivery = Delivery()
    channel: tuple[Channel, ...] = ()
    person: tuple[Person, ...] = ()
    role: tuple[Role, ...] = ()

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        channels, people = [one.name for one in self.channel], [one.name for one in self.person]
        roles = [name for role in self.role for name in role.names]
        for kind, names in (
            ("channel", channels),
            ("name of a channel or person", [*channels, *people]),
            ("role", roles),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{kind} {twice[0]!r} is there twice")
        if self.channel and not self.role:
            raise ValueError('there are channels and no role that is told; add [[role]] with names = ["duty"]')
        for person in self.person:
            _require(person.channels, channels, f"person {person.name!r}")
        for role in self.role:
            for shift in (shift for step in role.step for shift in step.shifts):
                _require(shift.tell, [*channels, *people], f"role {role.names[0]!r}")
        return self

    @property
    def channels(self) -> Mapping[str, Channel]:
        """By name."""
        return {one.name: one for one in self.channel}

    def role_of(self, name: str) -> Role:
        """How a role of a rule is told; one that the file does not name as its first one."""
        return next((role for role in self.role if name in role.names), self.role[0])

    def reached(self, name: str) -> list[tuple[str, str]]:
        """(channel, person) behind the name of a channel (person "") or of a person."""
        person = next((one for one in self.person if one.name == name), None)
        return [(name, "")] if person is None else [(channel, name) for channel in person.channels]


def _require(names: Sequence[str], known: Sequence[str], where: str) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{where}: {name!r} is not there; there are {', '.join(known) or 'none'}")


def load_directory(text: str, place: str) -> Directory:
    """The file's text; `place` names it in errors. Raises NotifyError."""
    try:
        return Directory.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise NotifyError(f"{place}: {error}") from error
    except ValidationError as error:
        key, said = wrong_in(error)
        raise NotifyError(f"{place}: {f'{key}: ' if key else ''}{said}") from None  # the cause holds what was written


def address_of(channel: Channel, place: str, environment: Mapping[str, str]) -> Address:
    """Where a channel's notices go, with its secrets. Raises NotifyError."""
    try:
        return address(channel.url or channel.grafana, environment)
    except SecretError as error:
        raise NotifyError(f"{place}: channel {channel.name!r}: {error}") from error


def token_of(channel: Channel, place: str, environment: Mapping[str, str]) -> str:
    """Grafana's token. Raises NotifyError."""
    try:
        return filled(channel.token, environment)
    except SecretError as error:
        raise NotifyError(f"{place}: channel {channel.name!r}: {error}") from error
