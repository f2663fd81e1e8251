"""
The `holdfast` command.
"""

import asyncio
import gc
import signal
import sys
from collections.abc import Coroutine
from contextlib import nullcontext
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from typer import Option

from holdfast.apis.api import DEFAULT_ORGANIZATION
from holdfast.app import ADMIN, PASSWORD_FILE, Running, rotate_sealing_key, running
from holdfast.demo.story import play, stage
from holdfast.demo.tour import Tour
from holdfast.gateway.process import EnvoyMissing
from holdfast.machine import CannotStart
from holdfast.services.principal import Principal
from holdfast.settings import Settings
from holdfast.telemetry import configure_logging

T = TypeVar("T")
# Tracebacks stay plain: those that show the values of variables could show a password.
app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


Data = Annotated[Path | None, Option(metavar="DIR", help="Where everything is [default: ~/.local/share/holdfast].")]
Publisher = Annotated[str | None, Option(metavar="HOST:PORT", help="Pages and REST [default: 127.0.0.1:9080].")]
Gateway = Annotated[str | None, Option(metavar="HOST:PORT", help="Production calls [default: 127.0.0.1:8280].")]
Sandbox = Annotated[str | None, Option(metavar="HOST:PORT", help="Sandbox calls [default: 127.0.0.1:8281].")]
Demo = Annotated[bool, Option("--demo", help="Also start a backend with a self-signed certificate, to try with.")]
Once = Annotated[bool, Option("--once", help="Play it once, with data of its own, and end.")]


def main() -> None:
    """Run the command; what cannot be done is said in one sentence."""
    try:
        app()
    except (CannotStart, EnvoyMissing) as error:
        print(f"holdfast: {error}", file=sys.stderr)
        sys.exit(1)


def _tell_version(wanted: bool) -> None:
    if wanted:
        console.print(f"holdfast {version_of('holdfast')}")
        raise typer.Exit


Version = Annotated[bool, Option("--version", callback=_tell_version, is_eager=True, help="Say the version.")]


@app.callback()
def holdfast(*, _version: Version = False) -> None:
    """An API publisher and gateway that verifies every backend's certificate."""


@app.command()
def up(
    data: Data = None, publisher: Publisher = None, gateway: Gateway = None, sandbox: Sandbox = None, demo: Demo = False
) -> None:
    """
    Start the publisher and a gateway; Ctrl-C ends both.

    What an option sets, a variable can set too: HOLDFAST_DATA, HOLDFAST_PUBLISHER, HOLDFAST_GATEWAY, HOLDFAST_SANDBOX.
    HOLDFAST_ADMIN_PASSWORD is the password of admin, HOLDFAST_LOG_LEVEL one of debug, info, warning, error.
    """
    settings = _settings(data=data, publisher=publisher, gateway=gateway, sandbox=sandbox)
    asyncio.run(_until_stopped(_up(settings, demo=demo)))


@app.command()
def demo(once: Once = False) -> None:
    """
    Show what becomes of a backend with a self-signed certificate.

    With --once: refused, import, served, delete, refused, each with its time; exit 0 only if each came out right.
    Without, this is `holdfast up --demo`.
    """
    if not once:
        up(demo=True)
        return
    with stage() as options:
        came_out_right = asyncio.run(_until_stopped(_once(_settings(**options), options["admin_password"])))
    if not came_out_right:
        raise typer.Exit(1)


@app.command("rotate-sealing-key")
def rotate(data: Data = None) -> None:
    """
    Seal the private keys of client certificates with a new sealing key; Holdfast must not run meanwhile.

    When HOLDFAST_SEALING_KEY holds the key, set it to NEW,OLD before and to NEW after.
    """
    sealed, lost = rotate_sealing_key(_settings(data=data))
    console.print(f"Sealed {sealed} private key{'' if sealed == 1 else 's'} with the new sealing key.")
    if lost:
        console.print(f"{lost} could not be opened, and were left as they are: import their client certificates again.")
        raise typer.Exit(1)


async def _until_stopped(work: Coroutine[Any, Any, T]) -> T | None:
    """Do *work* until it ends or a signal comes; further signals do not disturb how it ends."""
    task = asyncio.create_task(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, lambda: task.cancelling() or task.cancel())
    try:
        return await task
    except asyncio.CancelledError:
        return None


async def _up(settings: Settings, *, demo: bool) -> None:
    data, who = settings.data.expanduser(), Principal(DEFAULT_ORGANIZATION, ADMIN)
    async with running(settings) as holdfast:
        _tell_ready(holdfast, data)
        tour = Tour(console, holdfast.runtime, who, holdfast.publisher_url, data, data / PASSWORD_FILE)
        async with tour.begin() if demo else nullcontext():
            # What was made until now stays; to look through it again and again would stop everything for 0.1 s.
            gc.collect()
            gc.freeze()
            await asyncio.Event().wait()


async def _once(settings: Settings, password: str) -> bool:
    async with running(settings) as holdfast:
        gateway = holdfast.runtime.gateways["production"]
        return await play(console, holdfast.publisher_url, gateway, (ADMIN, password), settings.data)


def _tell_ready(holdfast: Running, data: Path) -> None:
    if holdfast.new_password:
        console.print(f"User {ADMIN}, password {holdfast.new_password} (kept in {data / PASSWORD_FILE})")
    urls = holdfast.runtime.gateways
    addresses = f"publisher {holdfast.publisher_url}, gateway {urls['production']}, sandbox {urls['sandbox']}"
    console.print(f"Ready: {addresses}. Ctrl-C ends it.")


def _settings(**options: Any) -> Settings:
    try:
        settings = Settings(**{name: value for name, value in options.items() if value is not None})
        settings.data.expanduser()
    except ValidationError as error:
        first = error.errors()[0]
        name, given = str(first["loc"][0]), str(first["input"])
        told = f"HOLDFAST_{name.upper()}" if options.get(name) is None else f"--{name}"
        reason = str(first["msg"]).removeprefix("Value error, ").replace("Input should", f"{given!r} should")
        raise CannotStart(f"{told}: {reason}.") from error
    except RuntimeError as error:
        raise CannotStart(f"There is no home directory for {settings.data}. Choose another with --data.") from error
    configure_logging(settings.log_level)
    return settings
