"""What people read of incidents, rendered from one catalogue (`texts.toml`) in one language. Pure."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict

from processors.alerts.clauses import SEVERITIES
from sensors.instants import to_datetime

Language = Literal["zh", "en"]

# Chosen: what a person reads on a telephone; the rest is counted.
_LISTED = 10


class Named(NamedTuple):
    """A name in both languages."""

    zh: str
    en: str

    def in_(self, language: Language) -> str:
        """It, in a language."""
        return self.zh if language == "zh" else self.en


class Measured(NamedTuple):
    """A value as it is shown, what it is called, and its unit; of `yes_no` the news says all, and people read no value."""

    name: Named
    value: str
    unit: str
    yes_no: bool = False


class Facts(NamedTuple):
    """What is known of a piece of news; times in [ms]. `step` is that of an escalation, from 1; `others` how many more incidents
    of its group hold."""

    what: str
    number: int
    rule: Named
    subject: Named
    severity: str
    colour: str = ""
    why: str = ""
    since: int | None = None
    well: int | None = None
    peak_at: int | None = None
    values: Sequence[Measured] = ()
    basis: str = "observed"
    runbook: str = ""
    step: int = 1
    others: int = 0


class Text(NamedTuple):
    """What a person reads."""

    title: str
    body: str


class Head(NamedTuple):
    """Of a notice that goes into a digest: its title and severity."""

    title: str
    severity: str


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _News(_Data):
    title: Named
    lead: Named
    asks: bool = False


class _Why(_Data):
    en: Annotated[str, AfterValidator(lambda pattern: re.compile(pattern).pattern)]
    zh: str


class _Catalogue(_Data):
    severity: Mapping[str, Named]
    colour: Mapping[str, Named]
    basis: Mapping[str, Named]
    what: Mapping[str, _News]
    line: Mapping[str, Named]
    why: tuple[_Why, ...]


@cache
def _catalogue() -> _Catalogue:
    return _Catalogue.model_validate(tomllib.loads(files(__package__).joinpath("texts.toml").read_text("utf-8")))


WHATS: Sequence[str] = tuple(_catalogue().what)
"""Which kinds of news there are."""


def render(facts: Facts, language: Language, zone: ZoneInfo) -> Text:
    """The news in a language, times in the city's. Raises KeyError where the catalogue has no such news."""
    of, line = _catalogue().what[facts.what], _catalogue().line
    words = {
        "level": level_of(facts.severity, facts.colour, language),
        "rule": facts.rule.in_(language),
        "subject": facts.subject.in_(language),
        "n": facts.step,
    }
    lines = [of.lead.in_(language).format(**words)]

    def say(name: str, **values: object) -> None:
        lines.append(line[name].in_(language).format(**values))

    measured = [_measured(one, language) for one in facts.values if not one.yes_no]
    if measured and facts.peak_at is not None:
        joined = ("；" if language == "zh" else "; ").join(measured)
        say("value", values=joined, at=_clock(facts.peak_at, zone))
    if facts.since is not None:
        since, basis = _clock(facts.since, zone), _catalogue().basis.get(facts.basis)
        if basis is None:
            say("since itself", since=since)
        else:
            say("since", since=since, basis=basis.in_(language))
    if facts.well is not None:
        say("until", until=_clock(facts.well, zone))
    if facts.others and of.asks:
        say("others", n=facts.others)
    if facts.why:
        say("why", why=reason(facts.why, language))
    if facts.runbook:
        say("runbook", runbook=facts.runbook)
    if facts.number:
        say("ack" if of.asks else "number", number=facts.number)
    return Text(of.title.in_(language).format(**words), "\n".join(lines))


def render_digest(heads: Sequence[Head], language: Language) -> Text:
    """Many notices as one: how many, the gravest first, and how many more."""
    catalogue = _catalogue()
    ordered = sorted(heads, key=lambda head: -SEVERITIES.index(head.severity))
    words = {"n": len(heads), "level": catalogue.severity[ordered[0].severity].in_(language)}
    lines = [catalogue.what["digest"].lead.in_(language).format(**words), *(head.title for head in ordered[:_LISTED])]
    if len(ordered) > _LISTED:
        lines.append(catalogue.line["more"].in_(language).format(n=len(ordered) - _LISTED))
    lines.append(catalogue.line["list"].in_(language))
    return Text(catalogue.what["digest"].title.in_(language).format(**words), "\n".join(lines))


def signed(body: str, uid: str, language: Language) -> str:
    """A text with the id by which its receiver knows one that comes twice."""
    return f"{body}\n{_catalogue().line['uid'].in_(language).format(uid=uid)}"


def level_of(severity: str, colour: str, language: Language) -> str:
    """How a level is called: by its scheme's colour, with the severity."""
    catalogue = _catalogue()
    its = catalogue.severity[severity].in_(language)
    named = catalogue.colour.get(colour)  # a scheme of the city's own may have others
    return f"{colour if named is None else named.in_(language)}·{its}" if colour else its


def reason(why: str, language: Language) -> str:
    """A reason of the log in a language; one that the catalogue does not know as it was written."""
    return why if language == "en" else "；".join(_in_chinese(part) for part in why.split("; "))


def _in_chinese(sentence: str) -> str:
    for one in _catalogue().why:
        if found := re.fullmatch(one.en, sentence):
            return found.expand(one.zh)
    return sentence


def _measured(one: Measured, language: Language) -> str:
    unit = f" {one.unit}" if one.unit and one.unit != "1" else ""
    return f"{one.name.in_(language)} {one.value}{unit}"


def _clock(at: int, zone: ZoneInfo) -> str:
    return to_datetime(at, zone).strftime("%Y-%m-%d %H:%M")
