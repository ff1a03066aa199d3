"""A story from its first turn to its last."""

import tempfile
from pathlib import Path

from processors.alerts.rules import shipped_rules
from simulators.alerts import Story, Turn
from tests.alerts.city import City
from tests.alerts.judge import Judge, Verdict
from tests.alerts.watchers import Watcher


async def play(story: Story, folder: Path) -> Verdict:
    """What was found wrong with what was told of it."""
    city = City(folder, story.stations)
    try:
        watcher = Watcher(city, {code: shipped_rules()[code] for code in story.rules})
        judge = Judge(story)
        for turn in story.turns:
            city.now = turn.at
            await city.take(turn.messages)
            watcher.look(turn.upset)
            judge.look(turn, city)
            _acknowledge(turn, city)
        return judge.end(city)
    finally:
        await city.close()


def _acknowledge(turn: Turn, city: City) -> None:
    for rule, subject in turn.people:
        for one in city.incidents.all(open_only=True):
            if (one.rule, one.subject) == (rule, subject):
                city.incidents.acknowledge(one.id, who="li", why="seen", now=city.now)


async def play_seed(story: Story) -> Verdict:
    """The same in a folder of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="cityflux-alerts-") as folder:
        return await play(story, Path(folder))
