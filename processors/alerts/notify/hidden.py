"""Secrets in addresses: filled in from the environment or from files, and never shown."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

_NAMED = re.compile(r"\$\{(?:file:(?P<file>[^}]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*))\}")
_HIDDEN = "***"
# Whose host is a host. Of others the token may stand in its place: dingtalk://TOKEN.
_WITH_HOST = {"mailto", "mailtos", "json", "jsons", "xml", "xmls", "form", "forms", "http", "https"}
# Chosen: shorter parts of an address are words such as "v1"; a token is longer.
_SHORTEST_SECRET = 6


class SecretError(ValueError):
    """A secret that is named is not there: the message says which, and how to give it."""


class Address(NamedTuple):
    """An address with its secrets, and how it is shown: scheme and host at most."""

    url: str
    shown: str
    parts: tuple[str, ...]
    """What of it must not be seen, the longest first."""

    def __repr__(self) -> str:
        return f"Address({self.shown})"

    def __str__(self) -> str:
        return self.shown

    def masked(self, text: str) -> str:
        """A text without any part of the address that may be secret."""
        for part in self.parts:
            text = text.replace(part, _HIDDEN)
        return text


def address(text: str, environment: Mapping[str, str]) -> Address:
    """The address that a text with `${NAME}` and `${file:PATH}` gives. Raises SecretError."""
    given: list[str] = []
    url = _NAMED.sub(_from(environment, given), text)
    scheme, literal = url.partition("://")[0].lower(), urlsplit(text).netloc.rpartition("@")[2]
    host = literal if scheme in _WITH_HOST and "$" not in literal else ""
    parts = {part for part in (*given, url, *_parts(url, host)) if len(part) >= _SHORTEST_SECRET or part in given}
    return Address(url, f"{scheme}://{host or _HIDDEN}", tuple(sorted(parts, key=len, reverse=True)))


def filled(text: str, environment: Mapping[str, str]) -> str:
    """A text with its `${NAME}` and `${file:PATH}` filled in. Raises SecretError."""
    return _NAMED.sub(_from(environment, []), text)


def _from(environment: Mapping[str, str], given: list[str]) -> Callable[[re.Match[str]], str]:
    def value(found: re.Match[str]) -> str:
        name, path = found["name"], found["file"]
        if name is not None and name not in environment:
            raise SecretError(f"${{{name}}} is not in the environment; set it, or write ${{file:PATH}}")
        try:
            one = environment[name] if name is not None else Path(path).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SecretError(f"${{file:{path}}}: {error}; point it at a readable file") from error
        if not one:
            raise SecretError(f"{found[0]} is empty; give it the secret")
        given.append(one)
        return one

    return value


def _parts(url: str, host: str) -> list[str]:
    split = urlsplit(url)
    user, _, rest = split.netloc.rpartition("@")
    found = [*user.split(":"), *split.path.split("/"), *(value for _, value in parse_qsl(split.query))]
    if not host:
        found.append(rest)
    return [form for part in found for form in (part, unquote(part))]
