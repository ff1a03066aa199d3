"""A city whose notifier, receivers and clock a test turns, over real books."""

import random
from datetime import datetime

from processors.alerts.notify.channels import Message, NotSentError
from processors.alerts.notify.config import load_directory
from processors.alerts.notify.notifier import Notifier
from processors.alerts.rules import shipped_rules
from sensors.instants import HOUR_MS, to_millis
from store.books import Books
from store.incidents import Incidents
from store.notices import Notice, Outbox
from tests.processors.alerts.notify.told import draft, over, write
from tests.processors.world import ZONE

MINUTE_MS = 60_000
# A Thursday.
NOON = to_millis(datetime(2026, 3, 5, 12, tzinfo=ZONE))
CITY = """
[delivery]
give_up_min = 60

[[channel]]
name = "group"
url = "json://127.0.0.1/group"
most_per_min = 5

[[channel]]
name = "leader"
url = "json://127.0.0.1/leader"
least = "serious"

[[channel]]
name = "li-sms"
url = "json://127.0.0.1/sms"
what = ["opened", "raised", "escalation", "not delivered"]

[[channel]]
name = "topic"
mqtt = "alerts"

[[person]]
name = "Li"
channels = ["li-sms"]

[[role]]
names = ["duty", "water"]

[[role.step]]
tell = ["group"]

[[role.step]]
after_min = 15
shifts = [{ tell = ["Li"], days = ["mon", "tue", "wed", "thu", "fri"], from = "08:00", to = "20:00" }]

[[role.step]]
after_min = 30
tell = ["leader", "Li"]

[[role]]
names = ["air"]
step = [{ tell = ["leader"] }]
"""


class Shelf:
    """A receiver that keeps what it takes, and takes nothing while it is `broken`."""

    def __init__(self) -> None:
        self.shown = "shelf"
        self.kept: list[Message] = []
        self.broken = ""
        self.tries = 0

    def send(self, message: Message, timeout_s: float) -> None:
        self.tries += 1
        if self.broken:
            raise NotSentError(self.broken)
        self.kept.append(message)


class Room:
    """A city's notifier, its receivers, and the time."""

    def __init__(self, books: Books, text: str = CITY) -> None:
        self.books = books
        self.now = NOON
        self.directory = load_directory(text, "test")
        self.shelves = {channel.name: Shelf() for channel in self.directory.channel}
        self.notifier = self._notifier()

    def _notifier(self) -> Notifier:
        return Notifier(
            self.books, self.directory, self.shelves, shipped_rules(),
            prepare=lambda: None, zone=ZONE, clock=lambda: self.now, chance=random.Random(1),
        )  # fmt: skip

    def restart(self) -> None:
        self.notifier = self._notifier()

    async def look(self, minutes: float = 0) -> None:
        """So many minutes later, until there is nothing to do."""
        self.now += round(minutes * MINUTE_MS)
        for _ in range(3):
            while await self.notifier.step():
                pass
            await self.notifier.under_way()

    def whats(self, name: str) -> list[str]:
        """What a receiver was told, in order."""
        return [message.what for message in self.shelves[name].kept]

    def notices(self, name: str) -> list[Notice]:
        return [one for one in Outbox(self.books).deliveries() if one.channel == name]


def opens(
    room: Room, subject: str = "hx-01", level: int = 1, rule: str = "air_aqi_station", *, grouped: bool = False
) -> int:
    made = draft(room.now - HOUR_MS, level)
    return write(room.books, "opened", made, now=room.now, subject=subject, rule=rule, grouped=grouped)


def ends(room: Room, number: int, subject: str = "hx-01", rule: str = "air_aqi_station") -> None:
    made = over(room.now - 5 * HOUR_MS)
    write(room.books, "resolved", made, now=room.now, number=number, subject=subject, rule=rule)


def acknowledge(room: Room, number: int) -> None:
    Incidents(room.books).acknowledge(number, who="wang", why="crew called", now=room.now)
