"""What a seed decides: store, protocol, faults. Every fault's turn comes round, and others are drawn to go with it."""

import random
from dataclasses import replace

from tests.faults.catalogue import CATALOGUE
from tests.faults.lab import Setting

_MOST_FAULTS = 5


def setting_of(seed: int, *, faults: tuple[str, ...] = (), store: str | None = None) -> Setting:
    """The setting of a seed; with `faults`, these instead of those of its own, and with `store` this one."""
    rng = random.Random(f"setting {seed}")
    # Its turn first: in a row of seeds every fault is struck.
    first = faults[0] if faults else list(CATALOGUE)[seed % len(CATALOGUE)]
    store = store or CATALOGUE[first].store or rng.choice(["sqlite", "influx"])
    needs = {CATALOGUE[name].needs for name in faults or (first,)}
    setting = Setting(
        seed,
        store,
        mqtt_version=rng.choice([5, 5, 5, 3]),
        faults=faults or (first,),
        own_clock=rng.random() < 0.15 or "own_clock" in needs,
        small_disk=rng.random() < 0.15 or "small_disk" in needs,
        broker_saves_all=rng.random() < 0.15 or "broker_saves_all" in needs,
    )
    if faults:
        return setting
    others = rng.choices([name for name in CATALOGUE if _fits(name, setting)], k=rng.randint(2, _MOST_FAULTS - 1))
    drawn = [first, *others]
    rng.shuffle(drawn)
    return replace(setting, faults=tuple(drawn))


def _fits(name: str, setting: Setting) -> bool:
    fault = CATALOGUE[name]
    return fault.store in {None, setting.store} and (fault.needs is None or getattr(setting, fault.needs))
