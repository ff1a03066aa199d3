"""Who is let in: MN and PW of every frame against the passwords of devices (`store/devices.py`), asked off the event loop.

That costs some 50 ms of a thread for a password not seen before. Answers, right and wrong, are remembered for RECHECK_S, so
that a station that sends a frame each second is not asked for each time, and one with a wrong password costs no more. Two
threads ask; whoever comes after waits, so that guessing takes no more of the machine than that.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from store.devices import RECHECK_S

_THREADS = 2
# Chosen: answers that are remembered; more than a city has stations. The oldest go first.
_KEPT = 4096
# As long as a name in the registry may be; longer ones are no passwords of ours.
_LONGEST_PASSWORD = 128


class Doorman:
    """`verify` is `DeviceKeys.verify`; `clock` is monotonic [s]."""

    def __init__(self, verify: Callable[[str, str], bool], clock: Callable[[], float]) -> None:
        self._verify = verify
        self._clock = clock
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="passwords")
        self._known: OrderedDict[tuple[str, bytes], tuple[bool, float]] = OrderedDict()

    async def admits(self, mn: str, pw: str | None) -> bool:
        """Whether the device is who it says. Raises BooksUnavailable where that cannot be told."""
        if pw is None or len(pw) > _LONGEST_PASSWORD:
            return False
        key = mn.casefold(), hashlib.sha256(pw.encode("utf-8", "surrogatepass")).digest()
        known = self._known.get(key)
        if known is not None and self._clock() - known[1] < RECHECK_S:
            return known[0]
        right = await asyncio.get_running_loop().run_in_executor(self._threads, self._verify, mn, pw)
        self._known[key] = right, self._clock()
        self._known.move_to_end(key)
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return right

    def close(self) -> None:
        """Ask no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
