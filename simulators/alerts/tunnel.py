"""A fire in a tunnel: traffic stands at once and stays, smoke fills it for an hour or more. Few incidents: what is told of the
smoke and of the traffic stands behind the fire."""

from collections.abc import Mapping
from datetime import date
from random import Random

from sensors.instants import HOUR_MS, MINUTE_MS
from simulators.alerts.air import first_day, midnight
from simulators.alerts.sending import Row, Way, entry, turns
from simulators.alerts.story import Stage, Story, incident

FIRE, AIR, TRAFFIC = "tunnel_fire", "tunnel_air", "traffic_incident"

_STEP_MS = 5 * MINUTE_MS
# Chosen: well below and far beyond the limits of standing traffic of JTG/T D70/2-02 (extinction 0.012 1/m, CO 150 cm³/m³).
_CLEAN, _SMOKE = (0.002, 0.0035), (0.025, 0.05)


def fire(seed: int, day: date | None = None) -> Story:
    """Of one direction; the other goes on as ever."""
    rng = Random(f"{seed}/alerts/fire")
    start = midnight(first_day(rng, day)) + rng.randint(6, 18) * HOUR_MS
    burns, lasts = start + rng.randint(1, 2) * HOUR_MS, rng.randint(1, 3)
    out = burns + lasts * HOUR_MS
    rows = [
        Row(name, at, _measured(rng, stands=name == "t-e" and at > burns, smoke=name == "t-e" and burns < at <= out))
        for at in range(start + _STEP_MS, out + HOUR_MS + _STEP_MS, _STEP_MS)
        for name in ("t-e", "t-w")
    ]
    # Standing traffic is known after two intervals, smoke by its mean of fifteen minutes; and so is clean air.
    full, clean = burns + 15 * MINUTE_MS, out + 15 * MINUTE_MS
    over = clean + 30 * MINUTE_MS
    stood = burns + 10 * MINUTE_MS
    truth = (
        incident(TRAFFIC, "t-e", stood, (stood, "opened", 2)),
        incident(AIR, "t-e", full, (full, "opened", 2), (clean, "recovering", 2), (over, "resolved", 2)),
        incident(FIRE, "t-e", full, (full, "opened", 1), (clean, "recovering", 1), (over, "resolved", 1)),
    )
    way = Way(most=3, window=_STEP_MS, delay_min=1, split=0.05)
    its = turns(rng, rows, way, "traffic", "minute", city=False)
    stations = tuple(
        entry(
            name, "traffic", kind="traffic", period="minute", expected_period_s=300, tunnel="t", length_km=3.2,
            capacity_pcu_h=2_000, free_flow_km_h=80, lanes=2,
        )
        for name in ("t-e", "t-w")
    )  # fmt: skip
    return Story("tunnel fire", seed, stations, (FIRE, AIR, TRAFFIC), its, (Stage(0, truth),))


def _measured(rng: Random, *, stands: bool, smoke: bool) -> Mapping[str, float]:
    driven = {"vehicles_car": float(rng.randint(40, 60)), "speed": round(rng.uniform(55, 65), 1), "occupancy": 8.0}
    if stands:
        driven = {"vehicles_car": 1.0, "speed": 3.0, "occupancy": 80.0}
    return {**driven, "tunnel_co": 30.0, "tunnel_extinction": round(rng.uniform(*(_SMOKE if smoke else _CLEAN)), 4)}
