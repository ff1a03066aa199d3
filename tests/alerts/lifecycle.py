"""The lifecycle of an incident as its log tells it."""

from collections.abc import Sequence

_LINES: dict[str, tuple[str, str]] = {
    "opened": ("", "frx"), "recovering": ("f", "r"), "fired again": ("r", "f"), "resolved": ("fr", "x"), "reopened": ("x", "fr"),
    "withdrawn": ("frx", "g"), "joined": ("frx", "g"), "closed": ("fr", "g"),
    "flapping": ("frx", "frx"),
}  # fmt: skip
"""From which phases (firing, recovering, resolved, gone) a line may come, and to which it leads: an incident may be opened when
it is over already. While it flaps its phases change untold. All other lines change nothing, and only an acknowledgement may
follow when it is gone."""
_PHASES = {"firing": "f", "recovering": "r", "resolved": "x"}


def wrong_in(told: Sequence[str], phase: str, *, gone: bool) -> str:
    """What is wrong with the lines of an incident's log, in order, of which this is the phase now; empty where nothing is."""
    phases = ""
    for number, what in enumerate(told):
        if what in _LINES:
            before, after = _LINES[what]
            if (number == 0) != (what == "opened") or (phases and not set(before) & set(phases)):
                return f"{what} after {told[:number]}"
            phases = after
        elif number == 0 or (phases == "g" and what != "acknowledged"):
            return f"{what} after {told[:number]}"
    now = "g" if gone else _PHASES[phase]
    return "" if now in phases else f"{phase}{', gone' if gone else ''} after {told}"
