"""Topic filters with placeholders: `env/{district}/+/{station}/data` says which topics a source takes, and what their levels
are.

A level is a word, `+` (any), a placeholder in braces (any, and named), or, as the last one, `#` (whatever follows). MQTT's rules
hold (OASIS MQTT 5.0 §4.7): wildcards fill whole levels, and do not match a first level that begins with `$`.
"""

import re
from collections.abc import Mapping
from typing import Literal, get_args

Placeholder = Literal["district", "station", "device"]
"""What a level can say: district and station by id, device by its own name."""

PLACEHOLDERS: tuple[str, ...] = get_args(Placeholder)

_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
_ANY = "+"
_REST = "#"


class FilterError(ValueError):
    """The filter is none: the message says which level is wrong and what it may be."""


class TopicFilter:
    """Raises FilterError."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._levels = text.split("/")
        self._names: list[tuple[int, str]] = []
        for place, level in enumerate(self._levels):
            if (found := _PLACEHOLDER.fullmatch(level)) is not None:
                self._name(place, found[1])
            elif (level == _REST and place < len(self._levels) - 1) or (
                level not in {_ANY, _REST} and re.search(r"[+#{}\0]", level)
            ):
                raise FilterError(
                    f"level {level!r} of {text!r}: write a word, +, {{name}}, or # as the last level, each alone in its level"
                )
        self.subscription = "/".join(self._plain())
        """What to subscribe to: placeholders as `+`."""

    def _name(self, place: int, name: str) -> None:
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{placeholder}}}" for placeholder in PLACEHOLDERS)
            raise FilterError(
                f"{{{name}}} of {self.text!r} is not a placeholder: use {known}, or + where it does not matter"
            )
        if name in dict(map(reversed, self._names)):  # type: ignore[arg-type]  # pairs, turned round
            raise FilterError(f"{{{name}}} is twice in {self.text!r}: use + for one of them")
        self._names.append((place, name))

    def _plain(self) -> list[str]:
        return [_ANY if _PLACEHOLDER.fullmatch(level) else level for level in self._levels]

    @property
    def placeholders(self) -> frozenset[str]:
        """The names in it."""
        return frozenset(name for _, name in self._names)

    def match(self, topic: str) -> Mapping[str, str] | None:
        """The topic's level by placeholder, or None where the filter does not take it."""
        levels = topic.split("/")
        return {name: levels[place] for place, name in self._names} if _takes(self._plain(), levels) else None

    def overlaps(self, other: str) -> bool:
        """Whether there is a topic that both this filter and the plain filter `other` take."""
        return _meet(self._plain(), other.split("/"))


def _takes(pattern: list[str], levels: list[str]) -> bool:
    if levels[0].startswith("$") and pattern[0] in {_ANY, _REST}:
        return False
    if pattern[-1] == _REST:
        # "a/#" takes "a" too.
        if len(levels) < len(pattern) - 1:
            return False
        pattern = pattern[:-1]
        levels = levels[: len(pattern)]
    return len(levels) == len(pattern) and all(
        want in {_ANY, level} for want, level in zip(pattern, levels, strict=True)
    )


def _meet(one: list[str], two: list[str]) -> bool:
    if {one[0], two[0]} & {_ANY, _REST} and (one[0].startswith("$") or two[0].startswith("$")):
        return False
    for place in range(max(len(one), len(two))):
        a, b = one[place : place + 1], two[place : place + 1]
        if a == [_REST] or b == [_REST]:
            return True
        if not a or not b:
            # "a/#" meets "a": what is left of the longer one is # alone.
            return [*one, *two][-1:] == [_REST] and (one[place:] or two[place:]) == [_REST]
        if a != b and _ANY not in (*a, *b):
            return False
    return True
