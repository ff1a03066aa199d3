"""What people read, as they read it, in both languages, against `tests/data/alerts/`: of the first rule of each topic every kind
of news, of the others their beginning, rise and end. That everything else has a text too is asked without reading it.

To write the files anew after a change, and then to read them: python -m tests.processors.alerts.notify.test_texts
"""

import ast
import re
import shlex
from datetime import datetime
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from typer.core import TyperGroup as Group
from typer.main import get_command

from cityflux.main import app
from processors.alerts.notify.facts import facts_of, topics_of_rules
from processors.alerts.notify.texts import WHATS, Head, Language, level_of, reason, render, render_digest, signed
from processors.alerts.rules import Clause, Rule, shipped_rules
from processors.alerts.signals import SIGNALS
from processors.scopes import CITY
from sensors.instants import HOUR_MS, to_millis
from sensors.quantities import Family
from sensors.stations import Registry, Station
from store.incidents import Draft, Incident, What
from store.notices import GIVEN_UP
from tests.programs import ROOT

ZONE = ZoneInfo("Asia/Shanghai")
SINCE = to_millis(datetime(2026, 3, 5, 14, tzinfo=ZONE))
DATA = ROOT / "tests" / "data" / "alerts"
RUNBOOKS = ROOT / "docs" / "runbooks"
WHYS = {
    "opened": "the condition held for its dwell",
    "raised": "a higher limit was exceeded for its dwell",
    "lowered": "the value was below the clear limit for the clear time",
    "recovering": "the value is within the clear limits",
    "fired again": "the value left the clear limits before the clear time was over",
    "reopened": "the condition holds again",
    "flapping": "it has begun 5 times; it is told again when it was calm",
    "resolved": "the value was within the clear limits for the clear time",
    "corrected": "late data moved its beginning",
    "withdrawn": "late data say that it was not so",
    "joined": "late data made one incident of 12 and 17",
    "closed": "hx-01 is out of service",
    "acknowledged": "crew called",
    "still holds": "the silence 3 is over",
    "escalation": "nobody acknowledged it for 15 min",
    GIVEN_UP: "duty-group: dingtalk://***: HTTP 500",
}
languages = pytest.mark.parametrize("language", ["zh", "en"])


def incident(rule: Rule) -> Incident:
    """One of a rule, for which the first clauses of its highest level speak."""
    signal = SIGNALS[rule.signal]
    beyond = {clause.of: _beyond(clause) for clause in rule.levels[-1].any[0]}
    shown = {
        code: beyond.get(code, "0" if code in rule.asks_of else "7.2")
        for code in signal.shows
        if code != "at_least" and (not rule.shows or code in rule.shows)
    }
    subject = {"city": CITY, "part of cityflux": "ingest", "row of the plan": "air_good_days"}.get(
        signal.subject.name, "hx-01"
    )
    draft = Draft(
        SINCE, SINCE + HOUR_MS, 1, len(rule.levels), "firing", None, None, SINCE + 2 * HOUR_MS, 1,
        {"peak_at": SINCE + 2 * HOUR_MS, **shown},
    )  # fmt: skip
    return Incident(17, rule.code, subject, draft, None, None, SINCE + HOUR_MS, None, None, None)


def _beyond(clause: Clause) -> str:
    """A value just beyond a limit."""
    return str(clause.over + 1 if clause.over is not None else (clause.below or 0) - 1)


def registry(rule: Rule) -> Registry:
    signal = SIGNALS[rule.signal]
    family = "energy" if signal.subject.name == "meter" else signal.family
    if family not in get_args(Family):
        return Registry([])
    entry = {"id": "hx-01", "family": family, "name_zh": "虎溪", "name_en": "Huxi", "district": "gaoxin"}
    return Registry([Station.model_validate(entry)])


def text(rule: Rule, what: str, language: Language) -> str:
    one, level = incident(rule), 1
    if what in {"resolved", "lowered", "corrected", "withdrawn"}:
        well = SINCE + 5 * HOUR_MS if what == "resolved" else None
        one = one._replace(draft=one.draft._replace(level=0 if what == "resolved" else 1, well=well))
        level = one.draft.level
    elif what in {"raised", "escalation"}:
        level = len(rule.levels)
    facts = facts_of(
        one, rule, registry(rule), what=what, level=level, why=WHYS[what], runbooks="docs/runbooks", step=2
    )
    said = render(facts, language, ZONE)
    return f"{said.title}\n{signed(said.body, '3f9a0c5de1b27468', language)}"


def catalogue(language: Language) -> str:
    """What is to be read."""
    parts: list[str] = []
    topics: set[str] = set()
    for rule in shipped_rules().values():
        topic = topics_of_rules()[rule.code]
        whats = [what for what in WHYS if topic not in topics or what in {"opened", "raised", "resolved"}]
        topics.add(topic)
        parts += [f"=== {rule.code}: {what}\n{text(rule, what, language)}" for what in whats]
    rules = list(shipped_rules().values())
    heads = [
        Head(text(rules[number % len(rules)], what, language).partition("\n")[0], severity)
        for number, (what, severity) in enumerate(
            [("opened", "notice"), ("raised", "critical"), ("opened", "warning")] * 5
        )
    ]
    digest = render_digest(heads, language)
    return "\n\n".join([*parts, f"=== digest\n{digest.title}\n{digest.body}"]) + "\n"


@languages
def test_every_rule_has_every_kind_of_news_without_a_gap(language: Language) -> None:
    for rule in shipped_rules().values():
        for what in WHYS:
            said = text(rule, what, language)
            assert "{" not in said
            assert "None" not in said
            assert rule.zh in said or rule.en in said


@languages
def test_everybody_reads_what_is_written_there(language: Language) -> None:
    assert catalogue(language) == (DATA / f"texts.{language}.txt").read_text("utf-8")


@languages
def test_what_cityflux_sees_of_itself_is_not_called_measured_and_a_yes_is_no_number(language: Language) -> None:
    for rule in shipped_rules().values():
        said = text(rule, "opened", language)
        of_itself = rule.code.startswith("cityflux_")
        assert any(words in said for words in ("依据", ", as observed", ", as forecast")) != of_itself
        assert not re.search("(断开|不可用|拒绝写入|无响应|broker lost|unreachable|refuses|says nothing) 1", said)


def test_all_that_happens_to_an_incident_has_a_text() -> None:
    happens = {*get_args(What), GIVEN_UP, "acknowledged"} - {"noted"}
    assert happens <= set(WHATS)
    assert set(WHYS) == set(WHATS) - {"digest", "test"}


def test_every_reason_that_the_log_may_have_is_there_in_chinese() -> None:
    """The reasons stand in the source, as sentences, some with numbers in them."""
    sources = [ROOT / "processors" / "alerts" / name for name in ("incidents.py", "outage.py")]
    nodes = [node for path in sources for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    # Parts of a text that is filled in, and docstrings.
    others = {part for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    others |= {node.value for node in nodes if isinstance(node, ast.Expr)}
    texts = [said(node) for node in nodes if isinstance(node, ast.JoinedStr | ast.Constant) and node not in others]
    found = {text for text in texts if text.count(" ") >= 3}
    assert len(found) > 8
    assert {why for why in found if why == reason(why, "zh")} == set()
    assert all(reason(why, "zh") != why for what, why in WHYS.items() if what not in {"acknowledged", GIVEN_UP})


def said(node: ast.AST) -> str:
    """The text that an expression of a string gives, with 12 for what is filled in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(said(part) for part in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else "12"


@pytest.mark.parametrize(
    "why",
    [
        "group: json://sms.example.org: no answer within 15 s",
        "group: json://sms.example.org: 3 earlier tries still hang",
        "group: group is no channel of the file any more",
    ],
)
def test_why_a_notice_was_given_up_is_there_in_chinese(why: str) -> None:
    assert re.search(r" [a-z]+ [a-z]+", reason(why, "zh")) is None
    assert "json://sms.example.org" in reason(why, "zh") or "json" not in why


def test_a_colour_that_the_catalogue_does_not_have_is_said_as_it_is_written() -> None:
    assert level_of("serious", "purple", "zh") == "purple·严重"


def test_a_reason_that_a_person_wrote_stays_as_it_is() -> None:
    assert reason("crew called", "zh") == "crew called"


def slugs(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    lines = page.read_text("utf-8").splitlines()
    headings = [line.lstrip("#").strip().lower() for line in lines if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("rule", shipped_rules().values(), ids=lambda rule: rule.code)
def test_the_runbook_of_a_rule_is_a_heading_of_its_page(rule: Rule) -> None:
    facts = facts_of(incident(rule), rule, registry(rule), what="opened", level=1, why="", runbooks="docs/runbooks")
    page, _, heading = facts.runbook.partition("#")
    assert heading in slugs(ROOT / page)


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.name)
def test_links_of_runbooks_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        place, _, heading = target.partition("#")
        if "://" in target:
            continue
        linked = (page.parent / place).resolve() if place else page
        assert linked.exists(), target
        assert not heading or heading in slugs(linked), target


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.name)
def test_commands_of_runbooks_are_there_with_their_options(page: Path) -> None:
    commands = re.findall(r"`cityflux ([^`]+)`", page.read_text("utf-8"))
    assert commands
    for line in commands:
        words, command = shlex.split(line), get_command(app)
        while words and isinstance(command, Group):
            assert words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        known = {name for option in command.params for name in option.opts}
        assert {word for word in words if word.startswith("--")} <= known, line


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    for chosen in ("zh", "en"):
        (DATA / f"texts.{chosen}.txt").write_text(catalogue("zh" if chosen == "zh" else "en"), "utf-8")
