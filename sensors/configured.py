"""Types that several files of configuration share: what they are in words, where they are wrong."""

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator

from sensors.topics import is_id


def _an_id(text: str) -> str:
    if not is_id(text):
        raise ValueError(f"{text!r} is not an id: use 1 to 64 of a-z, 0-9 and -")
    return text


def _a_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:  # not found; a folder of zones; not a key at all
        raise ValueError(f"{name!r} is not a time zone: use a name such as Asia/Shanghai") from error
    return name


IdText = Annotated[str, AfterValidator(_an_id)]
ZoneText = Annotated[str, AfterValidator(_a_zone)]
"""The name of a time zone (IANA)."""
