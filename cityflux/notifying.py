"""Notifying: the file of the settings put together with receivers, and the program that tells people."""

import os
import random
from collections.abc import Mapping
from functools import partial

import structlog

from cityflux.composition import alert_rules_of, now_ms, open_books, prepare_books
from cityflux.programs import stop_signals
from cityflux.settings import Settings, SettingsError
from processors.alerts.notify.channels import Receiver
from processors.alerts.notify.config import Channel, Directory, NotifyError, address_of, load_directory, token_of
from processors.alerts.rules import Rule

log = structlog.get_logger()


async def run(settings: Settings) -> None:
    """Lines of the incidents' log → notices → people and programs. Raises SettingsError before anything is started."""
    from processors.alerts.notify.notifier import Notifier

    stopped = stop_signals()
    directory, rules = directory_of(settings), alert_rules_of(settings)
    receivers = receivers_of(settings, directory)
    _say(settings, directory, receivers, rules)
    with open_books(settings) as books:
        notifier = Notifier(
            books,
            directory,
            receivers,
            rules,
            prepare=partial(prepare_books, settings, books),
            zone=settings.zone,
            clock=now_ms,
            chance=random.Random(),  # noqa: S311 - spreads tries, no secret
        )
        await notifier.run(stopped)
    log.info("stopped")


def directory_of(settings: Settings) -> Directory:
    """Whom the city tells; nobody where the settings name no file. Raises SettingsError."""
    path = settings.notify
    if path is None:
        return Directory()
    try:
        return load_directory(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"notify {path}: {error}; point CITYFLUX_NOTIFY at a readable TOML file") from error
    except NotifyError as error:
        raise SettingsError(str(error)) from error


def receivers_of(settings: Settings, directory: Directory) -> Mapping[str, Receiver]:
    """The receiver of each channel. Raises SettingsError."""
    return {channel.name: receiver_of(settings, channel) for channel in directory.channel}


def receiver_of(settings: Settings, channel: Channel) -> Receiver:
    """How a channel is reached. Raises SettingsError."""
    place = str(settings.notify)
    try:
        if channel.mqtt:
            return _topic(settings, channel.mqtt)
        if channel.grafana:
            from processors.alerts.notify.channels.grafana import Annotations

            return Annotations(address_of(channel, place, os.environ), token_of(channel, place, os.environ), now_ms)
        from processors.alerts.notify.channels.services import Service

        return Service(address_of(channel, place, os.environ), now_ms)
    except NotifyError as error:
        raise SettingsError(str(error)) from error
    except ValueError as error:
        raise SettingsError(f"{place}: channel {channel.name!r}: {error}") from error


def _topic(settings: Settings, prefix: str) -> Receiver:
    from processors.alerts.notify.channels.mqtt import Server, Topic

    broker = settings.broker
    server = Server(
        broker.host, broker.port, broker.username, broker.password, broker.tls, broker.ca_file, broker.cert_file,
        broker.key_file, broker.version,
    )  # fmt: skip
    return Topic(server, prefix.rstrip("/"))


def _say(
    settings: Settings, directory: Directory, receivers: Mapping[str, Receiver], rules: Mapping[str, Rule]
) -> None:
    """Once, at the start: who is told, by what; and whose roles nobody has."""
    if not directory.channel:
        log.warning(
            "nobody is told of alerts: set CITYFLUX_NOTIFY to a file with channels and roles; until then "
            "`cityflux alerts list` shows them"
        )
        return
    shown = {name: receiver.shown for name, receiver in receivers.items()}
    log.info("telling", file=str(settings.notify), channels=shown)
    named = {name for role in directory.role for name in role.names}
    missing = sorted({role for rule in rules.values() for role in rule.roles} - named)
    if missing:
        first = directory.role[0].names[0]
        log.info("roles of rules that the file does not name are told as its first one", roles=missing, first=first)
