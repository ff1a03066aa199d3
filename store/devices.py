"""Passwords of devices that dial in: who may speak as which device.

A password is never kept, only scrypt of it (RFC 7914) with a salt for each device, so that the books alone let nobody in. That is
slow on purpose, and a station sends it with every frame: what was right is remembered in memory for a while, as SHA-256. A device
is named as it names itself (MN); upper and lower case are one.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import delete, select

from store.books import Books, BooksUnavailable
from store.schema import device_keys
from store.transaction import insert_into, note

# Chosen: N of scrypt, with r = 8 and p = 1: 16 MiB and some 50 ms for each guess. More would let a city's stations, all
# dialling in again after a restart, wait for minutes; over the wire such passwords travel in the clear anyway.
_COST = 1 << 14
_SALT_BYTES = 16
_LONGEST_PASSWORD = 1024
# Chosen: a password that was changed or taken away is good for so long yet.
RECHECK_S = 10.0


class _Known(NamedTuple):
    """A password that was right: its SHA-256, scrypt's answer in the books, and when that was last looked at."""

    sha256: bytes
    key: bytes
    checked_s: float


class DeviceKeys:
    """The passwords in `books`. `clock` is monotonic [s]. Any thread may ask; what is not remembered takes some 50 ms."""

    def __init__(self, books: Books, clock: Callable[[], float] = time.monotonic) -> None:
        self._books = books
        self._clock = clock
        self._known: dict[str, _Known] = {}  # bounded by the table: only what was right

    def set(self, device: str, password: str, *, who: str, now: int) -> None:
        """Give the device this password in place of the one it had. Raises ValueError where there is no password to be, or where
        it is longer than 1,024 bytes; BooksUnavailable."""
        if not password or len(password.encode()) > _LONGEST_PASSWORD:
            raise ValueError(f"the password of {device} is empty or longer than {_LONGEST_PASSWORD} bytes")
        salt = secrets.token_bytes(_SALT_BYTES)
        row = {"device": device.casefold(), "salt": salt, "key": _scrypt(password, salt, _COST), "cost": _COST}
        with self._books.writing() as connection:
            upsert = insert_into(connection, device_keys)
            connection.execute(
                upsert.on_conflict_do_update(
                    index_elements=["device"],
                    set_={name: upsert.excluded[name] for name in ("salt", "key", "cost", "set_at", "set_by")},
                ),
                {**row, "set_at": now, "set_by": who},
            )
            note(connection, now, who, "device password set", device, {})

    def remove(self, device: str, *, who: str, now: int) -> bool:
        """Take the device's password away: it is let in no more. False where it had none. Raises BooksUnavailable."""
        with self._books.writing() as connection:
            gone = connection.execute(delete(device_keys).where(device_keys.c.device == device.casefold())).rowcount
            if gone:
                note(connection, now, who, "device password removed", device, {})
        return gone > 0

    def verify(self, device: str, password: str) -> bool:
        """Whether this is the device's password; a device without one is never let in.

        What was right stays right for RECHECK_S, and while the books cannot be reached. Raises BooksUnavailable where they cannot
        and nothing is remembered.
        """
        name, given = device.casefold(), hashlib.sha256(password.encode("utf-8", "surrogatepass")).digest()
        known = self._known.get(name)
        remembered = known is not None and hmac.compare_digest(known.sha256, given)
        if known is not None and remembered and self._clock() - known.checked_s < RECHECK_S:
            return True
        try:
            with self._books.reading() as connection:
                row = connection.execute(select(device_keys).where(device_keys.c.device == name)).first()
        except BooksUnavailable:
            if remembered:
                return True
            raise
        if row is None:
            self._known.pop(name, None)
            return False
        same_key = known is not None and remembered and hmac.compare_digest(known.key, row.key)
        if not same_key and not hmac.compare_digest(_scrypt(password, row.salt, row.cost), row.key):
            return False
        self._known[name] = _Known(given, row.key, self._clock())
        return True


def _scrypt(password: str, salt: bytes, cost: int) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, n=cost, r=8, p=1)
