"""
`holdfast doctor`: check that everything is healthy. It only reads, and can run next to a running Holdfast.
"""

from collections.abc import Iterator
from datetime import datetime

from holdfast.doctor import database, environment, envoy, files, health, identity_provider, network
from holdfast.doctor.check import Check
from holdfast.network.sockets import CannotStart
from holdfast.server.machine.directories import GATEWAY, is_held
from holdfast.server.machine.listen_addresses import find_listen_addresses
from holdfast.server.settings import Settings


def examine(settings: Settings, now: datetime) -> Iterator[Check]:
    """Yield the results of all checks for these settings."""
    data = settings.data.expanduser()
    running = is_held(data)
    yield Check.ok(
        "running", f"Holdfast is running with {data}." if running else f"Holdfast isn't running with {data}."
    )
    yield environment.check_platform()
    yield from environment.check_variables()
    yield files.check_clock(data, now)
    yield from files.check_data_directory(data)
    yield from files.check_secret_files(settings, data)
    yield from environment.check_admin_password(settings)
    yield files.check_disk_space(data)
    yield network.check_gateway_tls(settings, now)
    yield network.check_connections()
    yield from _check_listening(settings, now, running=running)
    yield from identity_provider.check_identity_provider(settings, now)
    yield envoy.check_envoy(settings)
    yield envoy.check_log_file(data)
    yield envoy.check_sockets()
    yield from database.check_database(settings, data, now)


def _check_listening(settings: Settings, now: datetime, *, running: bool) -> Iterator[Check]:
    """Check the addresses, the certificates that are presented there, and the health of a running Holdfast."""
    try:
        addresses = find_listen_addresses(settings)
    except CannotStart as error:
        yield Check.failed("addresses", str(error), "Fix it before the next start.")
        return
    yield network.check_tls(settings, addresses.publisher, now)
    answer = health.ask(settings, addresses.publisher) if running else None
    presents = network.has_gateway_certificate(settings)
    gateway = settings.data.expanduser() / GATEWAY
    yield from network.check_ports(
        addresses, answer.failing if answer else (), gateway, running=running, presents=presents
    )
    if answer:
        yield health.check(answer)
