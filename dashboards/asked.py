"""What dashboards are asked for: a language, a plan and rules, a day whose standards colour them, and where explanations are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, NamedTuple

from processors.alerts.rules import Rule
from processors.plans import ComputationName, Indicator, Plan

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")

SOURCE_UID: Final = "cityflux-influx"
"""The uid of the data source: queries name it, and `cityflux dashboards push` makes it."""


class Words(NamedTuple):
    """A text in both languages."""

    zh: str
    en: str

    def of(self, language: Language) -> str:
        """In one of them."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True)
class Asked:
    """`wall` is the address of the wall, without a slash at its end; `zone` the name of the city's time zone; `tiles` of the
    ground of maps (…/{z}/{x}/{y}.png), empty where there is none."""

    language: Language
    plan: Plan
    rules: Mapping[str, Rule]
    day: date
    zone: str
    wall: str
    tiles: str = ""

    def say(self, words: Words) -> str:
        """A text in the language asked for."""
        return words.of(self.language)

    def uid(self, name: str) -> str:
        """The uid of one of our dashboards in this language: the same for ever, so that links and bookmarks hold."""
        return f"cityflux-{name}-{self.language}"

    def row(self, computation: ComputationName) -> Indicator | None:
        """The plan's row that a computation feeds; None where the plan has none."""
        return next((one for one in self.plan.indicators if one.computation == computation), None)
