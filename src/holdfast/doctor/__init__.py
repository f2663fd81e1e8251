"""
`holdfast doctor`: is all as it must be? Reads only, also while a Holdfast runs.
"""

from collections.abc import Iterator
from datetime import datetime

from holdfast.directories import is_held
from holdfast.doctor import environment, envoy, files, health, identity_provider, network, stored
from holdfast.doctor.check import Check
from holdfast.settings import Settings


def examine(settings: Settings, now: datetime) -> Iterator[Check]:
    """Look at everything that these settings name, one check after the other."""
    data = settings.data.expanduser()
    running = is_held(data)
    yield Check.ok("running", f"A Holdfast runs on {data}." if running else f"No Holdfast runs on {data}.")
    yield environment.platform()
    yield from environment.variables()
    yield files.clock(data, now)
    yield from files.data_directory(data)
    yield from files.secrets(settings, data)
    yield from environment.admin_password(settings)
    yield files.disk_space(data)
    yield network.tls(settings, now)
    yield network.gateway_tls(settings, now)
    yield network.connections()
    yield from network.ports(settings, running=running)
    if running:
        yield health.check(settings)
    yield from identity_provider.check(settings, now)
    yield envoy.check(settings)
    yield from stored.database(settings, data, now)
