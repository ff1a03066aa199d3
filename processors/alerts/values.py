"""What signals give: exact values by instant and quantity, and how each is called."""

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

VALUE = "value"
"""What a clause is of where its signal has one quantity."""
AT_LEAST = "at_least"
"""Under which a signal says that its quantity is at least so much, where it is not known wholly."""

NOT_MEASURED = "not measured"
"""What stands for a quantity that the subject does not have: it exceeds nothing. One that is only missing is not there at all."""

Known = Fraction | str
"""A number in the signal's unit, or words that are shown beside it; a clause is of numbers alone."""
Values = Mapping[int, Mapping[str, Known]]
"""By instant [ms] what is known, by quantity."""


class Outlook(dict[str, Known]):
    """What was said at an instant of windows to come (a forecast): `ahead` what is said of each by its end [ms], windows before
    it too, as far as a clause looks back at them. While less than `least_ms` [ms] lies ahead, nobody says that it stays well."""

    def __init__(self, ahead: Values, least_ms: int) -> None:
        super().__init__()
        self.ahead = ahead
        self.least_ms = least_ms


def least_of(code: str) -> str:
    """Under which a signal says that one of several quantities is at least so much."""
    return AT_LEAST if code == VALUE else f"{code}_{AT_LEAST}"


class Shown(NamedTuple):
    """How people call a quantity of a signal, and its unit; empty where it has none. `yes_no`: it is so (1) or not (0), and
    people read no number."""

    zh: str
    en: str
    unit: str = ""
    yes_no: bool = False

    def said(self, value: object) -> str:
        """A value with its names and unit, for lists."""
        return f"{self.zh} {self.en}" if self.yes_no else f"{self.zh} {self.en} {value} {self.unit}".rstrip()
