"""The figures of a benchmark, kept as JSON, and what is taken from them: medians, and ratios within a round."""

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple, Self

from benchmarks.drain import Drained
from benchmarks.live import Lived


class Spread(NamedTuple):
    """The median of the rounds, and the least and greatest of them."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: list[float]) -> Self:
        """Of one value or more."""
        return cls(statistics.median(values), min(values), max(values))


Pace = int | Literal["quiet"] | None
"""Which figures: live at so many messages/s; draining into the noting sink, which costs least; draining (None)."""


class Results(NamedTuple):
    """On what machine, and (round, figure) of every run."""

    machine: dict[str, str]
    drained: list[tuple[int, Drained]]
    quiet: list[tuple[int, Drained]]
    lived: list[tuple[int, Lived]]

    @classmethod
    def read(cls, file: Path) -> Self:
        """The inverse of `write`."""
        kept = json.loads(file.read_text("utf-8"))
        return cls(
            kept["machine"],
            [(number, Drained(**figure)) for number, figure in kept["drained"]],
            [(number, Drained(**figure)) for number, figure in kept["quiet"]],
            [(number, Lived(**figure)) for number, figure in kept["lived"]],
        )

    def write(self, file: Path) -> None:
        """As JSON."""
        file.parent.mkdir(parents=True, exist_ok=True)
        kept = {
            "machine": self.machine,
            "drained": [(number, figure._asdict()) for number, figure in self.drained],
            "quiet": [(number, figure._asdict()) for number, figure in self.quiet],
            "lived": [(number, figure._asdict()) for number, figure in self.lived],
        }
        file.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", "utf-8")

    def consumers(self, pace: Pace = None) -> list[str]:
        """Who was measured, in the order of the first round: at one pace."""
        return list(dict.fromkeys(figure.consumer for _, figure in self._figures(pace)))

    def rates(self) -> list[int]:
        """The paces that were kept [messages/s]."""
        return sorted({figure.rate for _, figure in self.lived})

    def spread(self, consumer: str, field: str, pace: Pace = None) -> Spread | None:
        """Of one field of a consumer's figures; None where there is none."""
        values = [
            value
            for _, figure in self._figures(pace)
            if figure.consumer == consumer and (value := getattr(figure, field)) is not None
        ]
        return Spread.of(values) if values else None

    def ratio(
        self, consumer: str, other: str, field: str, pace: Pace = None, other_field: str | None = None
    ) -> Spread | None:
        """Of one consumer's figure to another's (`other_field` of it, where that differs) of the same round; None where they
        share no round."""
        ours = self._by_round(consumer, field, pace)
        theirs = self._by_round(other, other_field or field, pace)
        ratios = [value / theirs[number] for number, value in ours.items() if number in theirs]
        return Spread.of(ratios) if ratios else None

    def _by_round(self, consumer: str, field: str, pace: Pace) -> dict[int, float]:
        return {
            number: value
            for number, figure in self._figures(pace)
            if figure.consumer == consumer and (value := getattr(figure, field)) is not None
        }

    def shares(self, consumer: str, pace: Pace = None) -> Spread | None:
        """What arrived of what was published."""
        values = [its.arrived / its.published for _, its in self._figures(pace) if its.consumer == consumer]
        return Spread.of(values) if values else None

    def _figures(self, pace: Pace) -> Iterator[tuple[int, Drained | Lived]]:
        if pace is None:
            yield from self.drained
        elif pace == "quiet":
            yield from self.quiet
        else:
            yield from ((number, figure) for number, figure in self.lived if figure.rate == pace)
