"""The MQTT-to-InfluxDB script of every tutorial: aiomqtt, json, Point and the client's batching WriteApi. For comparison only.

    python -m benchmarks.tutorial --port 1883 --url http://127.0.0.1:8086 --token …

Written as tutorials write it, with a persistent session at QoS 1. Messages are acknowledged when they arrive, before anything
is stored, and what the WriteApi gives up on is lost.
"""

# mypy: allow-untyped-calls
# because influxdb-client has types in some places only

import argparse
import asyncio
import json

import aiomqtt
from influxdb_client import InfluxDBClient, Point, WritePrecision  # type: ignore[attr-defined,import-not-found,unused-ignore] # an extra


async def main(port: int, url: str, token: str) -> None:
    """Subscribe and write, for ever."""
    with InfluxDBClient(url, token=token, org="cityflux") as influx, influx.write_api() as write_api:
        async with aiomqtt.Client("127.0.0.1", port, identifier="tutorial", clean_session=False) as client:
            await client.subscribe("cityflux/v1/#", qos=1)
            async for message in client.messages:
                station = message.topic.value.split("/")[4]
                reading = json.loads(message.payload)
                point = Point("air_minute").tag("station", station).time(reading["at"], WritePrecision.MS)
                for name, value in reading["values"].items():
                    point.field(name, value)
                write_api.write("cityflux", record=point, write_precision=WritePrecision.MS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True)
    options = parser.parse_args()
    asyncio.run(main(options.port, options.url, options.token))
