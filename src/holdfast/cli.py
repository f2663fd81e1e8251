"""
The `holdfast` command.
"""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from holdfast.app import PASSWORD_FILE, Running, running
from holdfast.gateway.process import EnvoyMissing
from holdfast.machine import CannotStart
from holdfast.settings import Settings
from holdfast.telemetry import configure_logging

app = typer.Typer(no_args_is_help=True, add_completion=False)
console = Console(highlight=False, soft_wrap=True)

Data = Annotated[Path | None, typer.Option(help="Where everything is kept. [default: ~/.local/share/holdfast]")]
Publisher = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="[default: 127.0.0.1:9080]")]
Gateway = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="[default: 127.0.0.1:8280]")]
Sandbox = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="[default: 127.0.0.1:8281]")]


def main() -> None:
    """Run the command; what cannot be done is said in one sentence."""
    try:
        app()
    except (CannotStart, EnvoyMissing) as error:
        print(f"holdfast: {error}", file=sys.stderr)
        sys.exit(1)


@app.callback()
def holdfast() -> None:
    """An API publisher and gateway that verifies every backend's certificate."""


@app.command()
def up(
    data: Data = None,
    publisher: Publisher = None,
    gateway: Gateway = None,
    sandbox: Sandbox = None,
) -> None:
    """Start the publisher and a gateway; Ctrl-C ends both."""
    settings = _settings(data=data, publisher=publisher, gateway=gateway, sandbox=sandbox)
    asyncio.run(_up(settings))


async def _up(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(settings) as holdfast:
        _tell_ready(holdfast, settings)
        await stop.wait()


def _tell_ready(holdfast: Running, settings: Settings) -> None:
    if holdfast.new_password:
        file = settings.data.expanduser() / PASSWORD_FILE
        console.print(f"User admin, password {holdfast.new_password} (kept in {file})", markup=False)
    gateways = holdfast.runtime.gateways
    console.print(
        f"Ready: publisher {holdfast.publisher_url}, "
        f"gateway {gateways['production']}, sandbox {gateways['sandbox']}. Ctrl-C ends it.",
        markup=False,
    )


def _settings(**options: Any) -> Settings:
    try:
        settings = Settings(**{name: value for name, value in options.items() if value is not None})
        configure_logging(settings.log_level)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        told = options.get(name) is not None
        option = f"--{name}" if told else f"HOLDFAST_{name.upper()}"
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise CannotStart(f"{option}: {reason}.") from error
    return settings
