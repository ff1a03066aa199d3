"""What the gateway shows of itself: a snapshot each second, as health (JSON) and as metrics (Prometheus). The only file here that
names prometheus_client. Asked from HTTP's threads (`ingest/serving.py`), also while the loop hangs."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.counts import MEANINGS

_PREFIX = "cityflux_gateway_"
# Chosen: as ingest's.
_HANGS_S = 10.0


class Snapshot(NamedTuple):
    """The gateway at one moment."""

    made_s: float
    """Of the monotonic clock, which is the event loop's [s]."""
    connected: bool
    """To the broker."""
    open: int
    """Connections now."""
    pending: int
    """Frames that wait for the broker."""
    counts: Mapping[str, int]


class Watch(Collector):
    """Where the loop shows its snapshot, and HTTP reads it."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def show(self, snapshot: Snapshot) -> None:
        """From now on this is what is known."""
        self._snapshot = snapshot

    def health(self) -> dict[str, Any]:
        """Green, or red and why."""
        now = self._snapshot
        if now is None:
            return {"status": "red", "causes": ["the gateway is starting"]}
        age_s = time.monotonic() - now.made_s
        causes = []
        if age_s > _HANGS_S:
            causes.append(f"the gateway's loop does not run: its last snapshot is {age_s:.0f} s old")
        if not now.connected:
            causes.append("there is no broker: stations are not answered, and keep their data")
        return {
            "status": "red" if causes else "green",
            "causes": causes,
            "age_s": round(age_s, 1),
            "connected": now.connected,
            "open_connections": now.open,
            "pending_frames": now.pending,
            **now.counts,
        }

    def metrics(self) -> bytes:
        """One scrape."""
        return generate_latest(self._registry)

    def describe(self) -> Iterator[Metric]:
        """Nothing: the names need not be known before the first snapshot."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Everything that the snapshot knows."""
        now = self._snapshot
        if now is None:
            return
        for name, count in now.counts.items():
            yield CounterMetricFamily(_PREFIX + name, MEANINGS[name], value=count)
        for name, help_text, value in (
            ("connected", "1 while connected to the broker.", now.connected),
            ("open_connections", "Stations connected now.", now.open),
            ("pending_frames", "Frames that wait for the broker.", now.pending),
            ("snapshot_age_seconds", "Since the loop showed all this.", time.monotonic() - now.made_s),
        ):
            yield GaugeMetricFamily(_PREFIX + name, help_text, value=value)
