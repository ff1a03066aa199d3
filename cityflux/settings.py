"""Settings: from `cityflux.toml` and from the environment (`CITYFLUX_…`), the environment first.

The file is `CITYFLUX_CONFIG`, or `cityflux.toml` in the working folder where there is one. An unknown key is an error that
suggests the nearest known one; a wrong value is one line that names file or variable, key, value and fix.
"""

import os
import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from gateway.limits import Limits
from ingest.transport import Broker, Session
from sensors.topics import HEARTBEATS, SUBSCRIPTION

PREFIX = "CITYFLUX_"
MOST_WORKERS = 64
_SHARE = "cityflux"  # where there are several workers and mqtt_share is not set
# Variables with our prefix that are not settings: where the file is, and what only tests read.
_NOT_SETTINGS = ("CITYFLUX_CONFIG", "CITYFLUX_REAL_DATA", "CITYFLUX_TEST_")


class SettingsError(Exception):
    """The configuration is wrong; the message is the one line to show."""


class Settings(BaseSettings):
    """Every setting of every program, with its default."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    data_dir: Path = Field(Path("data"), description="journal, books and SQLite readings live here")
    stations: Path | None = Field(
        None, description="registry file (TOML, CSV or GeoJSON); read into the books at start"
    )
    sources: Path | None = Field(
        None,
        description="sources (TOML), a file or a folder of files: what the platform sends, beside the native format",
    )
    models: Path | None = Field(None, description="models of devices (TOML): the commands that each takes")
    timezone: str = Field("Asia/Shanghai", description="the city's civil time")

    mqtt_url: str = Field("mqtt://127.0.0.1:1883", description="mqtt://user@host:port, mqtts://…; ?version=3 for 3.1.1")
    mqtt_password_file: Path | None = None
    mqtt_ca_file: Path | None = None
    mqtt_cert_file: Path | None = None
    mqtt_key_file: Path | None = None
    mqtt_client_id: str = Field("cityflux-ingest", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    mqtt_keep_alive_s: int = Field(30, ge=1, le=3600)
    mqtt_session_expiry_s: int = Field(7 * 24 * 3600, ge=60)
    mqtt_heartbeat_s: float = Field(
        10, ge=0, le=3600, description="our own message through the broker and back; 0: none"
    )
    presence_every_s: float = Field(10, ge=1, le=10, description="how often ingest tells which stations were heard")
    mqtt_share: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        description="name of the shared subscription (MQTT 5) whose ingests, here and on other machines, share the messages",
    )
    ingest_workers: int = Field(
        1,
        ge=0,
        le=MOST_WORKERS,
        description="ingest processes here that share the messages; 0: give all sessions up and end",
    )
    in_flight: int = Field(20_000, ge=1, le=65_535, description="unacknowledged messages at once")
    payload_cap_bytes: int = Field(256 * 1024, ge=1024, le=16 * 1024 * 1024)

    journal_cap_bytes: int = Field(1 << 30, ge=1 << 20, description="pending messages on disk, at most")
    disk_reserve_bytes: int = Field(256 << 20, ge=0, description="free disk below which nothing is taken")
    dead_letters_cap_bytes: int = Field(
        1 << 30, ge=1 << 16, description="dead letters in the books, at most; the oldest move into files in data_dir"
    )
    horizon_days: int = Field(400, ge=1, le=20_000, description="a live reading older than this is a dead letter")

    store: Literal["sqlite", "influx"] = "sqlite"
    influx_url: str = "http://127.0.0.1:8086"
    influx_org: str = "cityflux"
    influx_bucket: str = "cityflux"
    influx_token_file: Path | None = None
    influx_projection: bool = Field(
        False, description="process writes what the books say into InfluxDB too, for Grafana; needs `setup influx`"
    )
    grafana_url: str = "http://127.0.0.1:3000"
    grafana_token_file: Path | None = Field(None, description="token of a service account of role Admin")
    grafana_influx_url: str | None = Field(None, description="InfluxDB as Grafana reaches it; default: influx_url")
    grafana_influx_token_file: Path | None = Field(
        None, description="the token that Grafana reads InfluxDB with; without it the data source is left as it is"
    )
    grafana_tiles_url: str | None = Field(
        None, description="tiles of the ground of maps, e.g. http://tiles/{z}/{x}/{y}.png; default: none is loaded"
    )
    books_url: str | None = Field(None, description="SQLAlchemy URL; default: books.sqlite in data_dir")

    plan: Path | None = Field(None, description="plan file (TOML); default: the shipped example")
    realtime_variant: Literal["CNEMC-realtime", "clause"] = "CNEMC-realtime"
    grace_hours: int = Field(1, ge=0, le=24 * 31, description="how long after its end a day stays open")

    notify: Path | None = Field(
        None, description="whom alerts are told (TOML): channels, people, roster; none: nobody, they are listed"
    )

    opendata_publisher: str | None = Field(
        None, min_length=1, description="who publishes the open data, as people read it"
    )
    opendata_licence: Path | None = Field(None, description="text file that every export has as its licence")

    # How much makes a mean of water; None: as processors/standards/water-evaluation.toml has it.
    water_values_of_day: int | None = Field(None, ge=1, le=1_440, description="values that make a day of a section")
    water_percent_of_month: int | None = Field(None, ge=1, le=100, description="days that make a month of it [%]")
    water_months_of_quarter: int | None = Field(None, ge=1, le=3, description="months that make a quarter of it")
    water_months_of_year: int | None = Field(None, ge=1, le=12, description="months that make a year of it")
    water_saturation: bool = Field(False, description="whether oxygen of 90 % of saturation is class I")

    energy_basis: Literal["equivalent", "coal_equivalent"] = Field(
        "equivalent",
        description="standard coal of electricity: 当量值, or 等价值 (coal_per_kwh of the year is entered)",
    )
    # Chosen: a year that runs has no factor of its own yet; every result names the one it took.
    energy_grid: str = Field(
        "latest",
        pattern=r"^(latest|year|\d{4})$",
        description="the grid's CO2 factor: the latest by then, the year's own, or that of one year for all",
    )
    energy_grid_place: str = Field("national", description="whose factor: national, or a province such as chongqing")
    energy_time_of_use: Path | None = Field(
        None, description="times of use of electricity (TOML); default: the shipped example"
    )

    # How traffic is judged; None: as processors/traffic/rules.py has it.
    traffic_pcu_scheme: str = Field("JTG-B01-2014-design", description="scheme of passenger car units, by name")
    traffic_vehicle_coding: str = Field("cityflux", description="what the numbers of vehicle_class mean, by name")
    traffic_percent_of_day: int | None = Field(None, ge=1, le=100, description="intervals that make a day's flow [%]")
    traffic_percent_of_period: int | None = Field(None, ge=1, le=100, description="days that make a longer period [%]")
    traffic_silence_s: int | None = Field(None, ge=1, le=86_400, description="silence of single vehicles that is none")
    tunnel_air_limits: Path | None = Field(None, description="limits of the air in tunnels (TOML); default: as shipped")

    ingest_http_host: str = Field("127.0.0.1", description="where ingest answers /health and /metrics")
    ingest_http_port: int = Field(9108, ge=-1, le=65_535, description="0: any free one; -1: none")

    hj212_http_host: str = Field("127.0.0.1", description="where the HJ 212 gateway answers /health and /metrics")
    hj212_http_port: int = Field(9107, ge=-1, le=65_535, description="0: any free one; -1: none")
    # Its bounds. Chosen for a city of some hundred stations, many of them behind one address of a mobile network.
    hj212_connections: int = Field(2_000, ge=1, le=50_000, description="stations connected to the gateway at once")
    hj212_connections_per_address: int = Field(200, ge=1, description="of them from one address")
    # Minute data come each 10 minutes unless set otherwise (MinInterval); hourly ones may be all that a station sends.
    hj212_first_frame_s: float = Field(900, gt=0, description="until the first frame with a right password")
    hj212_idle_s: float = Field(7_500, gt=0, description="between frames, then a connection is closed")
    # A frame of 1,036 bytes takes 9 s over the slowest line that is in use, of 1,200 bit/s.
    hj212_frame_s: float = Field(60, gt=0, description="from the first byte of a frame to its last")
    hj212_garbage_bytes: int = Field(65_536, ge=1, description="bytes without a whole frame")
    hj212_in_flight: int = Field(32, ge=1, le=65_535, description="frames of a connection that wait for the broker")
    hj212_pending_frames: int = Field(20_000, ge=1, description="frames of all connections that wait for the broker")
    hj212_pending_bytes: int = Field(16 << 20, ge=1 << 12, description="their size")
    # A station gives up after three tries of 10 s (HJ 212-2017, table 1), and dials in again.
    hj212_broker_s: float = Field(60, gt=0, description="a frame waits so long for room among them")
    hj212_unread_bytes: int = Field(16_384, ge=0, description="answers that a station has not read, then it is cut off")

    alert_rules: Path | None = Field(
        None, description="the city's own alert rules (TOML): they replace shipped ones of the same code"
    )

    wall_host: str = "127.0.0.1"
    wall_port: int = Field(8080, ge=0, le=65_535)
    wall_url: str | None = Field(
        None, description="the wall as people's browsers reach it; default: wall_host and wall_port"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, then what the caller read from the file."""
        return (env_settings, init_settings)

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("is not a time zone; use an IANA name such as Asia/Shanghai") from error
        return name

    @field_validator("mqtt_url")
    @classmethod
    def _is_a_broker(cls, url: str) -> str:
        _parse_mqtt_url(url)
        return url

    @property
    def zone(self) -> ZoneInfo:
        """The city's civil time."""
        return ZoneInfo(self.timezone)

    @property
    def books(self) -> str:
        """The books' SQLAlchemy URL."""
        return self.books_url or f"sqlite:///{self.data_dir / 'books.sqlite'}"

    @property
    def broker(self) -> Broker:
        """Where the broker is and who we are to it. Raises SettingsError where the password file cannot be read."""
        host, port, tls, username, password, version = _parse_mqtt_url(self.mqtt_url)
        if self.mqtt_password_file is not None:
            password = read_secret(self.mqtt_password_file, "mqtt_password_file")
        return Broker(
            host, port, username, password, tls, self.mqtt_ca_file, self.mqtt_cert_file, self.mqtt_key_file, version
        )

    @property
    def hj212_limits(self) -> Limits:
        """The bounds of the HJ 212 gateway."""
        return Limits(**{name: getattr(self, f"hj212_{name}") for name in Limits._fields})

    @property
    def share(self) -> str | None:
        """The shared subscription that ingest takes part in; None: it takes everything alone. Raises SettingsError."""
        share = self.mqtt_share or (_SHARE if self.ingest_workers > 1 else None)
        if share is not None and self.broker.version != 5:
            raise SettingsError(
                f"mqtt_url = {self.mqtt_url!r}: MQTT 3.1.1 has no shared subscriptions; without ?version=3, or with "
                "ingest_workers = 1 and no mqtt_share"
            )
        return share

    def ingest_http_port_of(self, worker: int) -> int:
        """Where a worker answers: the first on the port of the settings, each further one on the next."""
        return self.ingest_http_port + worker - 1 if self.ingest_http_port > 0 else self.ingest_http_port

    def session(self, worker: int = 1, subscriptions: Sequence[str] = (SUBSCRIPTION,)) -> Session:
        """How ingest, or one of its workers, subscribes. Raises SettingsError."""
        client_id = self.mqtt_client_id if worker == 1 else f"{self.mqtt_client_id}-{worker}"
        share = self.share
        return Session(
            client_id,
            # Everybody of a share gets a part; what is for one of them comes by a subscription of his own.
            tuple(subscriptions)
            if share is None
            else (*(f"$share/{share}/{each}" for each in subscriptions), f"{HEARTBEATS}{client_id}"),
            expiry_s=self.mqtt_session_expiry_s,
            keep_alive_s=self.mqtt_keep_alive_s,
            in_flight=self.in_flight,
            payload_cap=self.payload_cap_bytes,
        )


def load_settings() -> Settings:
    """Settings from the file and the environment. Raises SettingsError with one line that names what is wrong."""
    environment = os.environ
    file = Path(environment.get("CITYFLUX_CONFIG", "cityflux.toml"))
    if "CITYFLUX_CONFIG" in environment and not file.is_file():
        raise SettingsError(f"CITYFLUX_CONFIG: {file} is not a file; set it to your cityflux.toml")
    table = _read_file(file) if file.is_file() else {}
    for key in table:
        if key not in Settings.model_fields:
            raise SettingsError(f"{file}: unknown key {key!r} (value {table[key]!r}); {_nearest(key)}")
    for name in environment:
        key = name.removeprefix(PREFIX).lower()
        if name.startswith(PREFIX) and not name.startswith(_NOT_SETTINGS) and key not in Settings.model_fields:
            raise SettingsError(f"environment: unknown variable {name}; {_nearest(key, PREFIX)}")
    try:
        return Settings(**table)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else "?"
        variable = f"{PREFIX}{key.upper()}"
        place = f"environment: {variable}" if variable in environment else f"{file}: {key}"
        message = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{place} = {first['input']!r}: {message[0].lower()}{message[1:]}") from error


def read_secret(path: Path, key: str) -> str:
    """The first line of a secret's file. Raises SettingsError."""
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{key} = {str(path)!r}: {error.strerror}; point it at a readable file") from error


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"{path}: {error}; mend the file") from error


def _nearest(key: str, prefix: str = "") -> str:
    near = get_close_matches(key, Settings.model_fields, n=1, cutoff=0.5)
    if near:
        return f"did you mean {prefix + near[0].upper() if prefix else near[0]}?"
    return "`cityflux doctor --settings` lists the known ones"


def _parse_mqtt_url(url: str) -> tuple[str, int, bool, str | None, str | None, int]:
    """(host, port, tls, username, password, MQTT version). Raises ValueError."""
    fix = "write mqtt://user@host:port, mqtts://… for TLS, ?version=3 for MQTT 3.1.1"
    parts = urlsplit(url)
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname or parts.path not in {"", "/"}:
        raise ValueError(f"is not a broker's address; {fix}")
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f"has a wrong port; {fix}") from error
    query = parse_qs(parts.query, keep_blank_values=True)
    version = query.pop("version", ["5"])[-1]
    if query or version not in {"3", "5"}:
        raise ValueError(f"has an unknown option; {fix}")
    tls = parts.scheme == "mqtts"
    return (
        parts.hostname,
        port or (8883 if tls else 1883),
        tls,
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
        int(version),
    )
