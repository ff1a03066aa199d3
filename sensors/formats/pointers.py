"""JSON pointers (RFC 6901), as options of formats."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator

MISSING: Final = object()
"""What a pointer finds where there is nothing."""


def _a_pointer(text: str) -> str:
    if text and not text.startswith("/"):
        raise ValueError(f'must be a JSON pointer: "" for all of it, or "/{text}"')
    if "~" in text.replace("~0", "").replace("~1", ""):
        raise ValueError("must be a JSON pointer: write ~ as ~0 and / within a name as ~1")
    return text


PointerText = Annotated[str, AfterValidator(_a_pointer)]
"""A JSON pointer as an option."""


class Pointer:
    """A JSON pointer, ready to look."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.steps = tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])

    def __call__(self, value: Any) -> Any:
        """What it points at in `value`, else MISSING."""
        for step in self.steps:
            if isinstance(value, dict):
                value = value.get(step, MISSING)
            elif isinstance(value, list) and _is_index(step) and int(step) < len(value):
                value = value[int(step)]
            else:
                return MISSING
        return value


def _is_index(step: str) -> bool:
    return step.isdecimal() and step.isascii() and len(step) < 10 and (step == "0" or step[0] != "0")
