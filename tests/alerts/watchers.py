"""A watch, and what may become of it while it looks: restarted, killed before or after it saved, two at once."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from processors.alerts.rules import Rule
from processors.alerts.watch import Watch
from simulators.alerts.story import Upset
from store.books import Books
from store.port import ReadingsStore
from store.sqlite import SqliteStore
from tests.alerts.city import ZONE, City

# What the watch waits for after a change, and a little.
_QUIET_MS = 600
_MOST_STEPS = 50


class Killed(BaseException):
    """kill -9, as far as a process can do it to itself: nothing after it runs."""


class Dying(Books):
    """Books in whose next writing transaction the process is killed: before it commits or after."""

    def __init__(self, url: str, *, after: bool) -> None:
        super().__init__(url)
        self._after = after

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with super().writing() as connection:
            yield connection
            if not self._after:
                raise Killed
        raise Killed


class _Interrupted(SqliteStore):
    """A store in whose first reading something else happens."""

    def __init__(self, city: City, then: Callable[[], None]) -> None:
        super().__init__(city.folder / "readings.sqlite")
        self._then: Callable[[], None] | None = then

    def readings(self, *words: Any, **more: Any) -> pd.DataFrame:
        frame = super().readings(*words, **more)
        then, self._then = self._then, None
        if then is not None:
            then()
        return frame


class Watcher:
    """The watch of a city under rules."""

    def __init__(self, city: City, rules: Mapping[str, Rule]) -> None:
        self.rules = rules
        self._city = city
        self._watch = self._new()

    def look(self, upset: Upset = "") -> None:
        """Until there is nothing to look at, and nothing of what was due then. Raises AssertionError where that never is."""
        self._look(upset)
        self._look()

    def _look(self, upset: Upset = "") -> None:
        self._city.now += _QUIET_MS
        match upset:
            case "restart":
                self._watch = self._new()
            case "dies before it saves" | "dies after it saved":
                self._die(after=upset == "dies after it saved")
                self._watch = self._new()
            case "two at once":
                other = self._new()
                self._all_of(self._new(store=_Interrupted(self._city, lambda: self._all_of(other))))
        self._all_of(self._watch)

    def _die(self, *, after: bool) -> None:
        books = Dying(str(self._city.books.engine.url), after=after)
        try:
            self._all_of(self._new(books=books))
        except Killed:
            pass
        finally:
            books.close()

    def _new(self, *, store: ReadingsStore | None = None, books: Books | None = None) -> Watch:
        return Watch(
            store or self._city.store, books or self._city.books, self.rules, prepare=lambda: None, zone=ZONE,
            clock=lambda: self._city.now,
        )  # fmt: skip

    def _all_of(self, watch: Watch) -> None:
        for _ in range(_MOST_STEPS):
            if not watch.step():
                return
        raise AssertionError(f"the watch has something to do after {_MOST_STEPS} steps")
