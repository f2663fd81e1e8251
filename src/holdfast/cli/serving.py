"""
What `holdfast up`, `demo`, `doctor` and `rotate-sealing-key` run. The only module of the command that knows the server.
"""

import asyncio
import gc
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import structlog
from pydantic import ValidationError
from rich.console import Console

from holdfast.admin_password import PASSWORD_FILE
from holdfast.apis.api import DEFAULT_ORGANIZATION
from holdfast.app import Running, rotate_sealing_key, running
from holdfast.cli.ending import exit_timer
from holdfast.cli.failures import CommandFailed
from holdfast.demo.story import play, stage
from holdfast.demo.tour import Tour
from holdfast.doctor import examine
from holdfast.doctor.check import Check
from holdfast.gateway.process import EnvoyMissing
from holdfast.machine import CannotStart
from holdfast.services.accounts import ADMIN
from holdfast.services.principal import Principal
from holdfast.services.runtime import utc_now
from holdfast.settings import Settings
from holdfast.store.errors import StoreFailure, unwritable
from holdfast.telemetry import configure_logging, log_everything
from holdfast.variables import unknown_variables

T = TypeVar("T")
log = structlog.get_logger()
console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


def serve(options: dict[str, Any], *, demo: bool) -> None:
    """Run the publisher and a gateway until a signal comes; raise CommandFailed."""
    with _said():
        settings = _settings(**options)
        for name, advice in unknown_variables(os.environ).items():
            log.warning("unknown variable", variable=name, advice=advice)
        _run(_up(settings, demo=demo))


def demonstrate() -> bool:
    """Play the story of a self-signed certificate once and say whether each step came out right."""
    with _said(), stage() as options:
        return bool(_run(_once(_settings(**options), options["admin_password"])))


def seal_anew(options: dict[str, Any]) -> bool:
    """Seal private keys with a new sealing key, say so, and say whether none is lost; raise CommandFailed."""
    with _said():
        sealed, lost = rotate_sealing_key(_settings(**options))
    console.print(f"Sealed {sealed} private key{'' if sealed == 1 else 's'} with the new sealing key.")
    if lost:
        console.print(f"{lost} could not be opened, and were left as they are: import their client certificates again.")
    return not lost


def diagnose(options: dict[str, Any]) -> list[Check]:
    """Look whether all is as it must be; settings that cannot be read are the only check then."""
    try:
        settings = _settings(**options)
    except CannotStart as error:
        return [Check.failed("settings", str(error), "Correct it; nothing else could be looked at.")]
    return [Check.ok("settings", "They can be read."), *examine(settings, utc_now())]


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except (CannotStart, EnvoyMissing, StoreFailure) as error:
        raise CommandFailed(str(error)) from error
    except OSError as error:
        if failure := unwritable(error):
            raise CommandFailed(str(failure)) from error
        if error.filename is None:
            raise
        text = f"{error.filename} can't be used ({error.strerror}). Let the user of Holdfast read and write it."
        raise CommandFailed(text) from error


def _run(work: Coroutine[Any, Any, T]) -> T | None:
    """Do *work* until it ends or a signal comes; threads that still compute then don't hold up the end for long."""
    log_everything()
    timer = exit_timer(0)
    try:
        return asyncio.run(_until_stopped(work, timer.start))
    finally:
        timer.cancel()


async def _until_stopped(work: Coroutine[Any, Any, T], stopped: Callable[[], None]) -> T | None:
    """Do *work*, then call *stopped*. A second signal ends the wait for requests in flight, too."""
    task = asyncio.create_task(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, _stop, task)
    try:
        return await task
    except asyncio.CancelledError:
        return None
    finally:
        stopped()


def _stop(task: "asyncio.Task[T]") -> None:
    if not task.cancelling():
        console.print("Stopping: requests in flight may finish first. A second Ctrl-C ends them.")
    task.cancel()


async def _up(settings: Settings, *, demo: bool) -> None:
    data, who = settings.data.expanduser(), Principal(DEFAULT_ORGANIZATION, ADMIN)
    async with running(settings) as holdfast:
        if holdfast.certificate or holdfast.gateway_certificate:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, holdfast.read_certificates_again)
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
    if over_tls := " and ".join(holdfast.runtime.tls_gateways.values()):
        addresses += f", over TLS {over_tls}"
    console.print(f"Ready: {addresses}. Ctrl-C ends it.")


def _settings(**options: Any) -> Settings:
    try:
        settings = Settings(**{name: value for name, value in options.items() if value is not None})
        settings.data.expanduser()
    except ValidationError as error:
        first = error.errors()[0]
        name, given = str(first["loc"][0]), str(first["input"])
        told = f"HOLDFAST_{name.upper()}" if options.get(name) is None else f"--{name.replace('_', '-')}"
        reason = str(first["msg"]).removeprefix("Value error, ").replace("Input should", f"{given!r} should")
        raise CannotStart(f"{told}: {reason}.") from error
    except RuntimeError as error:
        raise CannotStart(f"There is no home directory for {settings.data}. Choose another with --data.") from error
    configure_logging(settings.log_level)
    return settings
