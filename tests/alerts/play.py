"""A story from its first turn to its last."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from processors.alerts.rules import Rule, shipped_rules
from simulators.alerts import Story
from tests.alerts.city import City
from tests.alerts.judge import Judge, Verdict
from tests.alerts.tellers import Teller
from tests.alerts.watchers import Watcher


def altered(rule: Rule, changes: Mapping[str, object]) -> Rule:
    """The rule with other fields, validated anew: what it has worked out from its own is not copied."""
    return Rule.model_validate({**rule.model_dump(by_alias=True), **changes})


async def play(story: Story, folder: Path) -> Verdict:
    """What was found wrong with what was told of it."""
    city = City(folder, story.stations)
    try:
        rules = {code: shipped_rules()[code] for code in story.rules}
        watcher, teller = Watcher(city, rules), Teller(city, rules)
        judge = Judge(story)
        for turn in story.turns:
            city.now = turn.at
            await city.take(turn.messages)
            watcher.look(turn.upset)
            judge.look(turn, city)
            teller.look(turn.upset)
            city.acknowledge(turn)
        teller.look()
        judge.told(city)
        return judge.end(city)
    finally:
        await city.close()


async def play_seed(story: Story) -> Verdict:
    """The same in a folder of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="cityflux-alerts-") as folder:
        return await play(story, Path(folder))
