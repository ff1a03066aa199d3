"""Composition: the parts that settings ask for, put together. The only place that chooses an adapter."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cityflux.settings import MOST_WORKERS, PREFIX, Settings, SettingsError, read_secret
from ingest.journal import Journal
from ingest.mqtt5 import open_connection as connect_mqtt5
from ingest.settle import Horizons
from ingest.transport import Broker, Connect
from processors.plans import Plan, PlanError, load_plan, shipped_plan
from sensors.downlink import DeviceModel, DownlinkError, parse_models
from sensors.profiles import load_profile, shipped_profiles
from sensors.sources import NO_SOURCES, SourceError, Sources, parse_sources
from sensors.station_files import form_of
from sensors.stations import Registry, RegistryError
from store.books import Books
from store.port import ReadingsStore
from store.sqlite import SqliteStore

if TYPE_CHECKING:
    from processors.alerts.rules import Rule
    from processors.energy.rules import EnergyRules
    from processors.projection.projector import Projector
    from processors.traffic.rules import TrafficRules

# How long a write waits for another writer's lock: chosen longer than any transaction of ours.
PATIENCE_S = 30.0
# Of ingest, whose loop stands still while it waits: chosen so that the broker is taken from meanwhile. It tries again by itself.
INGEST_PATIENCE_S = 1.0


def now_ms() -> int:
    """The clock of every program: milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def whoami() -> str:
    """Who runs a command, for the audit."""
    return os.environ.get("SUDO_USER") or os.environ.get("USER") or f"uid {os.getuid()}"


def open_store(
    settings: Settings,
    keepsake: Journal | None = None,
    writer: Callable[[], int] | None = None,
    *,
    patience_s: float = PATIENCE_S,
) -> ReadingsStore:
    """The readings store. For InfluxDB's: `keepsake` is where it keeps points over a delete and rewrite, `writer` gives our
    number among several that write. Raises SettingsError."""
    if settings.store == "sqlite":
        make_data_folder(settings)
        return SqliteStore(settings.data_dir / "readings.sqlite", patience_s=patience_s)
    token = _influx_token(settings)
    from store.influx import InfluxStore

    return InfluxStore(
        settings.influx_url, settings.influx_org, settings.influx_bucket, token, keepsake=keepsake, writer=writer
    )


def open_projector(settings: Settings, books: Books) -> "Projector":
    """What writes the books into InfluxDB. Raises SettingsError."""
    from processors.projection.projector import Projector
    from store.influx_projected import ProjectedStore

    if settings.store != "influx":
        raise SettingsError(
            "the books are projected beside the readings: set store = influx, or leave influx_projection"
        )
    target = ProjectedStore(settings.influx_url, settings.influx_org, settings.influx_bucket, _influx_token(settings))
    return Projector(target, books, plan_of(settings), alert_rules_of(settings), zone=settings.zone, clock=now_ms)


def _influx_token(settings: Settings) -> str:
    if settings.influx_token_file is None:
        raise SettingsError(
            "influx_token_file is not set; with store = influx, point CITYFLUX_INFLUX_TOKEN_FILE at a file with the token"
        )
    return read_secret(settings.influx_token_file, "influx_token_file")


@contextmanager
def open_books(settings: Settings, *, patience_s: float = PATIENCE_S) -> Iterator[Books]:
    """The books, closed at the end; not yet prepared. Raises SettingsError."""
    if settings.books_url is None:
        make_data_folder(settings)
    books = Books(settings.books, patience_s=patience_s)
    try:
        yield books
    finally:
        books.close()


def journal_folder(settings: Settings, worker: int = 1) -> Path:
    """Where this machine's ingest, or one of its workers, keeps its journal."""
    return settings.data_dir / ("journal" if worker == 1 else f"journal-{worker}")


def journal_folders(settings: Settings) -> dict[int, Path]:
    """The journals there are on this machine, by worker."""
    return {
        worker: folder for worker in range(1, MOST_WORKERS + 1) if (folder := journal_folder(settings, worker)).is_dir()
    }


def letters_folder(settings: Settings) -> Path:
    """Where this machine's ingest puts dead letters that are too many for the books."""
    return settings.data_dir / "dead-letters"


def connect_to(broker: Broker) -> Connect:
    """The transport that speaks the broker's version."""
    if broker.version == 5:
        return connect_mqtt5
    from ingest.mqtt3 import open_connection as connect_mqtt3

    return connect_mqtt3


def horizons(settings: Settings) -> Horizons:
    """How old readings may be: live ones by the settings, replayed ones by their profile."""
    return Horizons(settings.horizon_days, {name: load_profile(name).horizon_days for name in shipped_profiles()})


def read_registry(path: Path) -> Registry:
    """The registry file: TOML, CSV or GeoJSON, as its name says. Raises SettingsError."""
    try:
        return form_of(path.name).load(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"registry {path}: {error}; point CITYFLUX_STATIONS at a readable file") from error
    except RegistryError as error:
        raise SettingsError(str(error)) from error


def sources_of(settings: Settings) -> Sources:
    """The sources of the settings; none where they name none. Raises SettingsError."""
    path = settings.sources
    if path is None:
        return NO_SOURCES
    files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
    try:
        return Sources(
            source for file in files for source in parse_sources(file.read_text("utf-8"), str(file), settings.zone)
        )
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"sources {path}: {error}; point CITYFLUX_SOURCES at a readable TOML file, or a folder of them"
        ) from error
    except SourceError as error:
        raise SettingsError(str(error)) from error


def models_of(settings: Settings) -> Mapping[str, DeviceModel]:
    """The models of devices of the settings, by name; none where they name none. Raises SettingsError."""
    path = settings.models
    if path is None:
        return {}
    try:
        return parse_models(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"models {path}: {error}; point CITYFLUX_MODELS at a readable TOML file") from error
    except DownlinkError as error:
        raise SettingsError(str(error)) from error


def prepare_books(settings: Settings, books: Books) -> None:
    """Make the books ready: their tables, and the registry file of the settings, where there is one. Unchanged entries
    are left alone. Raises BooksUnavailable, SettingsError."""
    books.prepare()
    if settings.stations is None:
        return
    try:
        books.register(read_registry(settings.stations), who=f"file {settings.stations}", now=now_ms())
    except RegistryError as error:
        raise SettingsError(f"registry {settings.stations}, with what the books hold: {error}") from error


def plan_of(settings: Settings) -> Plan:
    """The plan of the settings, or the shipped example. Raises SettingsError."""
    if settings.plan is None:
        return shipped_plan()
    try:
        return load_plan(settings.plan.read_text("utf-8"), str(settings.plan))
    except (OSError, UnicodeDecodeError, PlanError) as error:
        raise SettingsError(f"plan {settings.plan}: {error}") from error


def alert_rules_of(settings: Settings) -> "Mapping[str, Rule]":
    """The shipped alert rules, with the city's own. Raises SettingsError."""
    from processors.alerts.rules import AlertRuleError, city_rules, shipped_rules

    path = settings.alert_rules
    if path is None:
        return shipped_rules()
    try:
        return city_rules(path.read_text("utf-8"), str(path), shipped_rules())
    except AlertRuleError as error:
        raise SettingsError(str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"alert_rules {path}: {error}; point {PREFIX}ALERT_RULES at a readable TOML file, or leave it out"
        ) from error


def energy_rules(settings: Settings) -> "EnergyRules":
    """By which rules the settings have energy judged. Raises SettingsError."""
    from processors.energy.rules import EnergyRules, grid_policy
    from processors.standards.energy import energy_tables
    from processors.standards.time_of_use import TimeOfUseError, parse_time_of_use, shipped_time_of_use

    places = sorted({place for year in energy_tables().grid.years for place in year.factors})
    if settings.energy_grid_place not in places:
        raise SettingsError(
            f"energy_grid_place = {settings.energy_grid_place!r}: there is no factor of it; there are {', '.join(places)}"
        )
    policy = grid_policy(settings.energy_grid, settings.energy_grid_place)
    path = settings.energy_time_of_use
    if path is None:
        return EnergyRules(settings.energy_basis, policy, shipped_time_of_use())
    try:
        table = parse_time_of_use(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"energy_time_of_use {path}: {error}; point it at a readable TOML file") from error
    except TimeOfUseError as error:
        raise SettingsError(str(error)) from error
    return EnergyRules(settings.energy_basis, policy, table)


def traffic_rules_of(settings: Settings) -> "TrafficRules":
    """By what traffic is judged. Raises SettingsError, with the names that there are."""
    from processors.standards.tables import UnknownStandardError
    from processors.standards.traffic import traffic_tables
    from processors.standards.tunnel_air import TunnelAirError, parse_tunnel_air
    from processors.traffic.rules import traffic_rules
    from sensors.vehicles import known_coding

    path, air = settings.tunnel_air_limits, None
    try:
        traffic_tables().scheme(settings.traffic_pcu_scheme)
    except UnknownStandardError as error:
        raise SettingsError(f"traffic_pcu_scheme: {error}") from error
    try:
        known_coding(settings.traffic_vehicle_coding)
    except ValueError as error:
        raise SettingsError(f"traffic_vehicle_coding: {error}") from error
    try:
        air = None if path is None else parse_tunnel_air(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"tunnel_air_limits {path}: {error}; point CITYFLUX_TUNNEL_AIR_LIMITS at a readable TOML file"
        ) from error
    except TunnelAirError as error:
        raise SettingsError(str(error)) from error
    names = ("percent_of_day", "percent_of_period", "silence_s")
    given = {name: value for name in names if (value := getattr(settings, f"traffic_{name}")) is not None}
    return traffic_rules(settings.traffic_pcu_scheme, settings.traffic_vehicle_coding, air, **given)


def make_data_folder(settings: Settings) -> None:
    """The data folder, made where it is missing. Raises SettingsError."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"data_dir = {str(settings.data_dir)!r}: {error.strerror}; point CITYFLUX_DATA_DIR at a writable folder"
        ) from error
