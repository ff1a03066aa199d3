"""Commands of gateways, which devices dial in to: `gateway hj212`."""

import asyncio
from typing import Annotated

import typer

from cityflux import programs
from cityflux.console import settings

gateway = typer.Typer(no_args_is_help=True, help="Where devices dial in over TCP; what they send goes to the broker.")


@gateway.callback()
def _many() -> None:
    """A group, also while it has one command."""


@gateway.command()
def hj212(
    listen: Annotated[
        str, typer.Option(help="host:port; without a host on all addresses; port 0: any free one")
    ] = ":9212",
) -> None:
    """Monitors that speak HJ 212, with the passwords of `cityflux stations password`. In the foreground until SIGTERM.
    Example: cityflux gateway hj212 --listen :9212"""
    host, port = _address(listen)
    asyncio.run(programs.hj212_gateway(settings(), host, port))


def _address(listen: str) -> tuple[str | None, int]:
    """Host (None: all addresses) and port. Raises BadParameter."""
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65_535:
        raise typer.BadParameter(
            f"{listen!r} is no address: write host:port, :9212 or [::1]:9212", param_hint="--listen"
        )
    return host.removeprefix("[").removesuffix("]") or None, int(port)
