"""Real servers that tests start: where they are found, and what happens where one is missing."""

import os
import socket
from typing import NoReturn

import pytest


def missing(what: str, how: str) -> NoReturn:
    """Skip the test, saying what is missing and how to get it; under CITYFLUX_TEST_REQUIRE=1 fail it."""
    text = f"{what} is missing: {how}"
    if os.environ.get("CITYFLUX_TEST_REQUIRE") == "1":
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
