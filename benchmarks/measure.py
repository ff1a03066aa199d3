"""What a process and everything it started has used so far, from /proc; and on what machine. Linux only."""

import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple, Self

_TICKS = os.sysconf("SC_CLK_TCK")
_LIBRARIES = ("mqtt5", "msgspec", "sqlalchemy", "aiohttp", "paho-mqtt", "aiomqtt", "influxdb-client")


class Usage(NamedTuple):
    """Of a process tree: CPU [s] user + system, bytes it had the disk written, the sum of peak resident memory [MB]."""

    cpu_s: float
    disk_bytes: int
    memory_mb: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Now. A child that ends between two looks is in its parent's CPU, once the parent has waited for it."""
        cpu, disk, memory = 0, 0, 0
        for member in _tree(pid):
            with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                folder = Path(f"/proc/{member}")
                # proc(5), counted from the field after the name in brackets: utime, stime, cutime, cstime.
                cpu += sum(map(int, (folder / "stat").read_text().rpartition(")")[2].split()[11:15]))
                disk += _field(folder / "io", "write_bytes")
                memory += _field(folder / "status", "VmHWM")
        return cls(cpu / _TICKS, disk, memory / 1024)


def _tree(pid: int) -> Iterator[int]:
    """The process and all its descendants."""
    yield pid
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))


def _field(path: Path, name: str) -> int:
    """The number after `name:`; 0 where there is none (a process that has ended but was not waited for has no memory)."""
    for line in path.read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0])
    return 0


def machine() -> dict[str, str]:
    """What the figures depend on: processor, memory, system, and the versions of all that took part."""
    processor = next((x for x in Path("/proc/cpuinfo").read_text().splitlines() if x.startswith("model name")), ": ?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    about = {
        "processor": f"{os.cpu_count()} × {processor.partition(':')[2].strip()}",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "cityflux": said("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"),
    }
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            about[name] = version(name)
    return about


def said(*command: str) -> str:
    """The first line of what a program says; "?" where it is not there."""
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "?"
    return (told.stdout or told.stderr).strip().partition("\n")[0] or "?"
