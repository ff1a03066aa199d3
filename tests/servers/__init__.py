"""Real servers that tests start: where they are found, and what happens where one is missing."""

import os
from typing import NoReturn

import pytest

from cityflux.ports import free_port

__all__ = ["free_port", "missing"]


def missing(what: str, how: str) -> NoReturn:
    """Skip the test, saying what is missing and how to get it; under CITYFLUX_TEST_REQUIRE=1 fail it."""
    text = f"{what} is missing: {how}"
    if os.environ.get("CITYFLUX_TEST_REQUIRE") == "1":
        pytest.fail(text, pytrace=False)
    pytest.skip(text)
