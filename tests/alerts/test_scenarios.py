"""A few seeds of each scenario: what is told is what is so. And the judge must fail what is wrong on purpose."""

from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select

from processors.alerts.rules import Rule, shipped_rules
from simulators.alerts import SCENARIOS, Story
from simulators.alerts.air import HOURS_OF
from simulators.alerts.stuck import REOPEN_H, STUCK
from store.alert_schema import incident_log, notices
from store.notices import NoticeDraft, Outbox, Plan
from tests.alerts.city import City
from tests.alerts.judge import Judge
from tests.alerts.play import altered, play
from tests.alerts.tellers import PEOPLE, PROGRAMS, Teller
from tests.alerts.watchers import Watcher

# Of long stories one seed is played, of the others two, and one for each family that is stuck; `make alerts` plays many.
SEEDS = {"haze episode": 1, "midnight crossing": 1, "tunnel fire": 1, "sensor stuck": len(STUCK)}
CASES = [(name, seed) for name in SCENARIOS for seed in range(1, 1 + SEEDS.get(name, 2))]
# A watch that remembered points lacked one that another had looked at.
CASES.append(("flapping at the threshold", 202))
_COLUMNS = ("incident", "at", "what", "why", "who", "level")


@pytest.mark.parametrize(("name", "seed"), CASES)
async def test_what_is_told_is_what_is_so(tmp_path: Path, name: str, seed: int) -> None:
    verdict = await play(SCENARIOS[name](seed), tmp_path)
    assert not verdict.wrong, "\n".join(verdict.wrong)
    assert verdict.incidents, "a scenario of which nothing is told shows nothing"


@pytest.mark.parametrize("name", SCENARIOS)
def test_one_seed_is_one_story_and_another_is_another(name: str) -> None:
    assert SCENARIOS[name](5) == SCENARIOS[name](5)
    assert SCENARIOS[name](5) != SCENARIOS[name](6)


@pytest.mark.parametrize("name", SCENARIOS)
def test_messages_are_sent_after_what_they_say_and_turns_follow_each_other(name: str) -> None:
    story = SCENARIOS[name](4)
    moments = [turn.at for turn in story.turns]
    assert moments == sorted(set(moments))
    assert all(until <= turn.at for turn in story.turns for until in turn.seen.values())


def test_the_truth_knows_the_times_of_the_rules() -> None:
    for code, (dwell_h, clear_h) in HOURS_OF.items():
        rule = shipped_rules()[code]
        assert (rule.dwell_min, rule.clear_min) == (dwell_h * 60, clear_h * 60), code
    for code in STUCK.values():
        assert shipped_rules()[code].reopen_min == REOPEN_H * 60, code


async def wrong_of(story: Story, folder: Path, changes: dict[str, object], *, looks_every: int = 1) -> Counter[str]:
    """How much is found wrong, by kind, where the rules are others than the truth takes them for."""
    city, rules = City(folder, story.stations), dict[str, Rule]()
    for code in story.rules:
        rules[code] = altered(shipped_rules()[code], changes)
    judge, watcher = Judge(story), Watcher(city, rules)
    for number, turn in enumerate(story.turns):
        city.now = turn.at
        await city.take(turn.messages)
        if number % looks_every == 0:
            watcher.look()
        judge.look(turn, city)
    verdict = judge.end(city)
    await city.close()
    return Counter({kind: len(getattr(verdict, kind)) for kind in ("missed", "false", "twice", "late")})


@pytest.mark.parametrize(
    ("name", "changes", "kinds"),
    [
        ("flapping at the threshold", {"dwell_min": 0}, {"false", "missed"}),
        ("flapping at the threshold", {"margin": 0}, {"false", "late"}),
        ("flapping at the threshold", {"reopen_min": 60}, {"false", "late"}),
        ("through the levels", {"dwell_min": 120}, {"late"}),
        ("silent weekend", {"gap_min": 7_200}, {"false"}),
        ("late upload", {"clear_min": 180}, {"late"}),
        ("spill at a section", {"clear_min": 480}, {"late"}),
        ("sensor stuck", {"reopen_min": 5}, {"false", "late"}),
        ("sensor stuck", {"dwell_min": 5}, {"late"}),
    ],
)
async def test_the_judge_sees_a_rule_that_is_wrong(
    tmp_path: Path, name: str, changes: dict[str, object], kinds: set[str]
) -> None:
    found = await wrong_of(SCENARIOS[name](1), tmp_path, changes)
    assert kinds <= set(+found), found


async def test_the_judge_sees_what_is_told_late(tmp_path: Path) -> None:
    found = await wrong_of(SCENARIOS["through the levels"](1), tmp_path, {}, looks_every=2)
    assert found["late"]
    assert not found["twice"]


async def test_the_judge_sees_what_is_told_twice_and_what_nobody_is_told(tmp_path: Path) -> None:
    story = SCENARIOS["restart in each state"](1)
    city, rules = City(tmp_path, story.stations), {code: shipped_rules()[code] for code in story.rules}
    judge, watcher, teller = Judge(story), Watcher(city, rules), Teller(city, rules)
    for turn in story.turns:
        city.now = turn.at
        await city.take(turn.messages)
        watcher.look()
        judge.look(turn, city)
        teller.look()
        city.acknowledge(turn)
    judge.told(city)
    first = insert(incident_log).from_select(
        _COLUMNS, select(*(incident_log.c[name] for name in _COLUMNS)).where(incident_log.c.what == "raised").limit(1)
    )
    outbox = Outbox(city.books)
    told = {one.channel: one for one in outbox.deliveries() if one.what == "resolved"}
    again = {name: of for name, of in told[PEOPLE]._asdict().items() if name in NoticeDraft._fields}
    assert not judge.verdict.wrong
    with city.books.writing() as connection:
        connection.execute(first)
        connection.execute(delete(notices).where(notices.c.id == told[PROGRAMS].id))
    cursor = outbox.cursor() or 0
    outbox.save(Plan(cursor, [NoticeDraft(cause="again", **again)]), knowing=cursor, now=city.now)
    judge.told(city)
    verdict = judge.end(city)
    assert [line for line in verdict.twice if "raised" in line and "people" not in line]
    assert [line for line in verdict.twice if "people told again" in line]
    assert [line for line in verdict.missed if "programs not told" in line and "resolved" in line]
    await city.close()


@pytest.mark.parametrize(("hears", "silent"), [(True, {"hx-01", "hx-02", "hx-03"}), (False, set[str]())])
async def test_silence_is_told_only_where_somebody_could_hear(tmp_path: Path, hears: bool, silent: set[str]) -> None:
    story = SCENARIOS["silent weekend"](1)
    city = City(tmp_path, story.stations)
    watcher = Watcher(city, {code: shipped_rules()[code] for code in story.of_receipt})
    for turn in story.turns:
        if turn.seen["hx-01"] == turn.seen["hx-03"]:
            city.now = turn.at
            await city.take(turn.messages)
            watcher.look()
            city.hear(hears)
    assert {one.subject for one in city.every_incident()} == silent
    await city.close()
