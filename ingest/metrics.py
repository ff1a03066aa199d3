"""Metrics: a snapshot in the text format of Prometheus. The only file that names prometheus_client.

Nothing is counted here: each scrape renders the snapshot of its moment, so metrics cost the hot path nothing. Counters of
messages and readings are the ledger's, so they go on over a restart.
"""

from collections.abc import Callable, Iterator

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ingest.health import Snapshot

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_PREFIX = "cityflux_ingest_"


class Metrics(Collector):
    """Renders what `look` gives: the snapshot and its age [s], or None before the first."""

    def __init__(self, look: Callable[[], tuple[Snapshot, float] | None]) -> None:
        self._look = look
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """One scrape."""
        return generate_latest(self._registry)

    def describe(self) -> Iterator[Metric]:
        """Nothing: the names need not be known before the first snapshot."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Everything that the snapshot knows."""
        looked = self._look()
        if looked is None:
            return
        now, age_s = looked
        ledger = now.ledger
        for name, help_text, count in (
            ("messages_journalled", "Deliveries made durable, and acknowledged.", ledger.journalled),
            ("messages_written", "Deliveries settled that left no dead letter.", ledger.written),
            ("messages_refused", "Deliveries settled that left a dead letter.", ledger.refused),
            ("readings_decoded", "Readings found in settled deliveries.", ledger.readings_decoded),
            ("readings_written", "Readings stored.", ledger.readings_written),
            ("readings_refused", "Readings refused whole.", ledger.readings_refused),
            ("quantities_refused", "Single values refused.", ledger.quantities_refused),
            ("reconnects", "Connections to the broker after the first of this process.", max(0, now.connections - 1)),
            ("sessions_lost", "Gaps: times our session or subscription was lost.", now.gaps),
        ):
            yield CounterMetricFamily(_PREFIX + name, help_text, value=count)
        for name, help_text, value in (
            ("pending_messages", "Deliveries in the journal that wait for the store.", ledger.pending),
            ("pending_bytes", "Their size.", now.pending_bytes),
            ("journal_cap_bytes", "Pending bytes at which reading and acknowledging stop.", now.cap_bytes),
            ("journal_full", "1 while reading and acknowledging are stopped.", now.journal_full is not None),
            ("journal_up", "0 while the journal cannot be used.", now.journal_failure is None),
            ("connected", "1 while connected and subscribed.", now.connected),
            ("silent", "1 while connected and nothing comes, not even our heartbeat.", now.silent),
            ("session_taken", "1 when another client has our session; ingest has stopped taking.", now.taken),
            ("last_message_age_seconds", "Since a message came.", now.message_age_s),
            ("last_heartbeat_age_seconds", "Since our heartbeat came back.", now.heartbeat_age_s),
            ("store_up", "0 while store or books keep the journal from being settled.", now.store_failure is None),
            ("settled_messages_per_second", "Over the last ten seconds.", now.settled_per_s),
            ("backlog_left_seconds", "Until the journal is empty, as of late.", now.backlog_left_s),
            ("snapshot_age_seconds", "Since ingest's loop last looked at itself.", age_s),
        ):
            if value is not None:
                yield GaugeMetricFamily(_PREFIX + name, help_text, value=value)
        expected = GaugeMetricFamily(_PREFIX + "stations_expected", "Active stations with a period.", labels=["family"])
        overdue = GaugeMetricFamily(_PREFIX + "stations_overdue", "Of these, silent for too long.", labels=["family"])
        for family, attendance in now.attendance.items():
            expected.add_metric([family], attendance.expected)
            overdue.add_metric([family], attendance.overdue)
        yield from (expected, overdue)
