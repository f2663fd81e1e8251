"""
The implementation of `holdfast up`, `demo`, `doctor` and `rotate-sealing-key`. The only CLI module that imports the
server.
"""

import asyncio
import os
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from rich.console import Console

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.cli.server.failures import failures_in_words
from holdfast.cli.server.local import CHECKS_LOG, read_settings
from holdfast.cli.server.signals import run_until_stopped
from holdfast.network.sockets import CannotStart
from holdfast.server.access.admin_password import PASSWORD_FILE
from holdfast.server.app import Instance, run
from holdfast.server.clock import utc_now
from holdfast.server.reload import Reload
from holdfast.server.sealing.rotation import rotate_sealing_key
from holdfast.server.settings import Settings
from holdfast.server.variables import find_unknown_variables
from holdfast.services.access.accounts import ADMIN
from holdfast.services.access.principal import Principal
from holdfast.work.garbage import retain

if TYPE_CHECKING:
    from holdfast.doctor.check import Check

log = structlog.get_logger()
console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


def serve(options: dict[str, Any], *, demo: bool) -> None:
    """Run the publisher and a gateway until a signal arrives. Raises CommandFailed."""
    with failures_in_words():
        settings = read_settings(options)
        for name, advice in find_unknown_variables(os.environ).items():
            log.warning("unknown variable", variable=name, advice=advice)
        hangup = asyncio.Event()
        run_until_stopped(_run_up(settings, hangup, demo=demo), hangup)


def demonstrate() -> bool:
    """Run the demo once, and return whether each step succeeded."""
    from holdfast.demo.story import stage  # `up` doesn't need it

    with failures_in_words(), stage() as options:
        return bool(run_until_stopped(_run_demo(read_settings(options), options["admin_password"])))


def reseal_keys(options: dict[str, Any]) -> bool:
    """Encrypt all secrets with a new sealing key, and return whether all succeeded. Raises CommandFailed."""
    with failures_in_words():
        count, lost_secrets = rotate_sealing_key(read_settings(options))
    console.print(f"Encrypted {count} secret{'' if count == 1 else 's'} with the new sealing key.")
    if lost_secrets:
        console.print(f"Couldn't decrypt {lost_secrets}, which stay as they are. `holdfast doctor` says what to do.")
    return not lost_secrets


def diagnose(options: dict[str, Any]) -> "list[Check]":
    """Run all checks; if the settings are invalid, that is the only one."""
    from holdfast.doctor import examine  # `up` doesn't need it
    from holdfast.doctor.check import Check

    try:
        settings = read_settings(options, CHECKS_LOG)
    except CannotStart as error:
        return [Check.failed("settings", str(error), "Correct it. The other checks were skipped.")]
    return [Check.ok("settings", "Valid."), *examine(settings, utc_now())]


async def _reload_at(hangup: asyncio.Event, reload: Reload) -> None:
    """Reload files at each *hangup*, including one during the start."""
    while True:
        await hangup.wait()
        hangup.clear()
        reload.run()


async def _run_up(settings: Settings, hangup: asyncio.Event, *, demo: bool) -> None:
    data = settings.data.expanduser()
    async with run(settings) as holdfast:
        _tell_ready(holdfast, data, with_gateway=not settings.without_gateway)
        reloading = partial(_reload_at, hangup, holdfast.reload)
        holdfast.runtime.background.start("reading files again", reloading)
        async with _begin_tour(holdfast, data) if demo else nullcontext():
            retain()
            await asyncio.Event().wait()


def _begin_tour(holdfast: Instance, data: Path) -> AbstractAsyncContextManager[None]:
    from holdfast.demo.tour import Tour  # only `--demo` needs it

    user = Principal(DEFAULT_ORGANIZATION, ADMIN)
    password = _find_password(holdfast, data)
    return Tour(console, holdfast.runtime, user, holdfast.publisher_url, data, password).begin()


async def _run_demo(settings: Settings, password: str) -> bool:
    from holdfast.demo.story import play

    async with run(settings) as holdfast:
        gateway = holdfast.runtime.gateways["production"]
        return await play(console, holdfast.publisher_url, gateway, (ADMIN, password), settings.data)


def _tell_ready(holdfast: Instance, data: Path, *, with_gateway: bool) -> None:
    if holdfast.new_password:
        console.print(f"Password of {ADMIN}: {holdfast.new_password} (stored in {data / PASSWORD_FILE})")
    for certificate in holdfast.runtime.server_certificates(utc_now()):
        if certificate.problem:
            console.print(f"Warning: {certificate.problem} The files are reloaded within a minute.")
    if not with_gateway:
        advice = "If no gateway is running, start one with `holdfast gateway run`."
        console.print(f"Ready: publisher {holdfast.publisher_url}. {advice} Press Ctrl-C to stop.")
        return
    urls = holdfast.runtime.gateways
    addresses = f"publisher {holdfast.publisher_url}, gateway {urls['production']}, sandbox {urls['sandbox']}"
    if over_tls := " and ".join(holdfast.runtime.tls_gateways.values()):
        addresses += f", and over TLS {over_tls}"
    console.print(f"Ready: {addresses}. Press Ctrl-C to stop.")


def _find_password(holdfast: Instance, data: Path) -> str:
    """Describe where the password of admin is, without repeating it."""
    if holdfast.new_password:
        return "the password above"
    file = data / PASSWORD_FILE
    return f"the password in {file.resolve()}" if file.exists() else "its password"
