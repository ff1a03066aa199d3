"""A notifier that decides who is told, and delivers nothing: one channel of people and one of programs. What may become of a
watch may become of it too."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from sqlalchemy import Connection

from processors.alerts.notify.channels import Message, Receiver
from processors.alerts.notify.config import load_directory
from processors.alerts.notify.notifier import Notifier
from processors.alerts.rules import Rule
from simulators.alerts.story import Upset
from store.books import Books
from tests.alerts.city import ZONE, City
from tests.alerts.watchers import Dying, Killed

PEOPLE, PROGRAMS = "people", "programs"

_DIRECTORY = load_directory(
    f"""
    [[channel]]
    name = "{PEOPLE}"
    url = "json://127.0.0.1"

    [[channel]]
    name = "{PROGRAMS}"
    mqtt = "alerts"

    [[role]]
    names = ["duty"]
    [[role.step]]
    tell = ["{PEOPLE}"]
    """,
    "notify.toml",
)


class _Nowhere:
    shown = "nowhere"

    def send(self, message: Message, timeout_s: float) -> None:
        raise AssertionError(f"nothing is delivered here: {message}")


_RECEIVERS: Mapping[str, Receiver] = dict.fromkeys((PEOPLE, PROGRAMS), _Nowhere())


class _Preceded(Books):
    """Books before whose first writing transaction something else happens."""

    def __init__(self, url: str, then: Callable[[], None]) -> None:
        super().__init__(url)
        self._then: Callable[[], None] | None = then

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        then, self._then = self._then, None
        if then is not None:
            then()
        with super().writing() as connection:
            yield connection


class Teller:
    """The notifier of a city under rules."""

    def __init__(self, city: City, rules: Mapping[str, Rule]) -> None:
        self._city, self._rules = city, rules
        self._notifier = self._new(city.books)

    def look(self, upset: Upset = "") -> None:
        """Until there is nothing to decide."""
        url = str(self._city.books.engine.url)
        match upset:
            case "restart":
                self._notifier = self._new(self._city.books)
            case "dies before it saves" | "dies after it saved":
                self._die(Dying(url, after=upset == "dies after it saved"))
                self._notifier = self._new(self._city.books)
            case "two at once":
                other = self._new(self._city.books)
                self._with(_Preceded(url, lambda: _all_of(other)))
        _all_of(self._notifier)

    def _die(self, books: Books) -> None:
        with suppress(Killed):
            self._with(books)

    def _with(self, books: Books) -> None:
        try:
            _all_of(self._new(books))
        finally:
            books.close()

    def _new(self, books: Books) -> Notifier:
        return Notifier(
            books, _DIRECTORY, _RECEIVERS, self._rules, prepare=lambda: None, zone=ZONE, clock=lambda: self._city.now,
            chance=random.Random(1),
        )  # fmt: skip


def _all_of(notifier: Notifier) -> None:
    while notifier.plan():
        pass
