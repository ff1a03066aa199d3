"""Stations of the laboratory whose air is polluted for hours: what alerts look at."""

import random

_HOUR_MS = 3_600_000
_BEFORE_H = 20 * 24
# PM2.5 of each level of the index [µg/m³], in HJ 633 of 2012 and of 2026.
_LEVELS = (20.0, 20.0, 20.0, 95.0, 130.0, 200.0, 300.0)

STATIONS = ("al-01", "al-02", "al-03")
"""Those that the registry knows; of all others alerts know nothing."""
REGISTRY = "\n".join(
    f'[[station]]\nid = "{name}"\nfamily = "air"\nname_zh = "{name}"\ndistrict = "gaoxin"\n' for name in STATIONS
)


class Air:
    """The hours of the stations, one after the other; some come late and some are corrected."""

    def __init__(self, rng: random.Random, now: int) -> None:
        self._rng = rng
        self._start = now // _HOUR_MS * _HOUR_MS - _BEFORE_H * _HOUR_MS
        self._next = dict.fromkeys(STATIONS, 1)
        self._left_out: list[tuple[str, int]] = []
        self._level = dict.fromkeys(STATIONS, _LEVELS[0])

    def next(self, number: int) -> tuple[tuple[str, str, int], dict[str, float | None]]:
        """The next hour of a station, with values that have the message's number in them."""
        station = self._rng.choice(STATIONS)
        if self._left_out and self._rng.random() < 0.2:
            station, hour = self._left_out.pop(self._rng.randrange(len(self._left_out)))
        elif self._next[station] > 3 and self._rng.random() < 0.1:
            hour = self._rng.randrange(1, self._next[station])
        else:
            if self._rng.random() < 0.1:
                self._left_out.append((station, self._next[station]))
                self._next[station] += 1
            hour = self._next[station]
            self._next[station] += 1
        if self._rng.random() < 0.3:
            self._level[station] = self._rng.choice(_LEVELS)
        values: dict[str, float | None] = {"so2": 5.0, "no2": 5.0, "o3": 60.0, "co": 0.5, "pm2_5": self._level[station]}
        values["pm10"] = 30 + number % 300 / 10
        return ("hour", station, self._start + hour * _HOUR_MS), values
