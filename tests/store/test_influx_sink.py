"""VictoriaMetrics as a sink of InfluxDB's wire format: it takes what is appended, without a token."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from sensors.instants import HOUR_MS
from store.influx import InfluxStore
from tests.servers import free_port, missing
from tests.servers.processes import HOST, until_listening
from tests.store.test_contract import NOON, reading


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[str]:
    """The URL of a VictoriaMetrics of its own."""
    binary = shutil.which("victoria-metrics")
    if binary is None:
        missing("victoria-metrics", "apt-get install victoria-metrics")
    port, log = free_port(), tmp_path / "victoria-metrics.log"
    options = [f"-httpListenAddr={HOST}:{port}", f"-storageDataPath={tmp_path / 'data'}", "-retentionPeriod=100y"]
    with log.open("wb") as output:
        process = subprocess.Popen([binary, *options], stdout=output, stderr=output)
    try:
        until_listening(process, port, log)
        yield f"http://{HOST}:{port}"
    finally:
        process.terminate()
        process.wait(30)


async def test_appended_readings_arrive(sink: str) -> None:
    store = InfluxStore(sink, "any", "any", "")
    assert await store.check()
    batches = [[reading(NOON + n * HOUR_MS, pm2_5=n / 10, co=0.5) for n in range(50 * b, 50 * b + 50)] for b in (0, 1)]
    for batch in batches:
        assert await store.write(batch) == []
    await store.close()
    (series,) = exported(sink, "air_hour_pm2_5")
    assert series["metric"]["station"] == "hx-01"
    assert series["timestamps"] == [r.observed_at for batch in batches for r in batch]
    assert series["values"] == [r.values["pm2_5"] for batch in batches for r in batch]


def exported(sink: str, metric: str) -> list[dict[str, Any]]:
    """The series of a metric."""
    urllib3.request("GET", f"{sink}/internal/force_flush")
    answer = urllib3.request("GET", f"{sink}/api/v1/export", fields={"match[]": metric})
    return list(map(json.loads, answer.data.splitlines()))
