"""
The composition root: builds a running Holdfast from settings.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from holdfast import rest, web
from holdfast.apis.gateways.gateway import LOCAL_GATEWAY
from holdfast.gateway.agent.agent import DISCOVERY_SOCKET
from holdfast.gateway.process.binary import find_envoy
from holdfast.gateway.process.log_file import ENVOY_LOG
from holdfast.gateway.process.socket_directories import temporary_directory
from holdfast.network.addresses import Network
from holdfast.network.forwarded import ForwardedClient
from holdfast.network.presented_files import CertificateFiles, GatewayCertificate
from holdfast.network.sockets import CannotStart, listen, make_url
from holdfast.server.admin_password import ensure_admin
from holdfast.server.bodies import LARGE_BODIES, LARGE_BODIES_OF_A_USER, BodyLimit
from holdfast.server.clock import utc_now
from holdfast.server.concurrency_limit import ConcurrencyLimit
from holdfast.server.directories import GATEWAY, data_directory, database_in
from holdfast.server.discovery_port import DiscoveryPort
from holdfast.server.doors import Door, Doors
from holdfast.server.health import Health, Readiness
from holdfast.server.host_cookie import HostCookie
from holdfast.server.http_server import serving
from holdfast.server.limits import connection_limits, raise_file_limit
from holdfast.server.listen_addresses import PUBLISHER, ListenAddresses, listen_addresses
from holdfast.server.local_gateway import LocalGateway
from holdfast.server.middleware import CrossOriginProtection, SecurityHeaders
from holdfast.server.oidc import open_single_sign_on
from holdfast.server.parts import Parts, build_parts
from holdfast.server.rate_limit import RateLimit
from holdfast.server.reload import Reload
from holdfast.server.request_ids import RequestIds
from holdfast.server.sealing_keys import open_sealing, rotate_key
from holdfast.server.settings import Settings
from holdfast.server.tasks import follow_changes, follow_times, keep_books, serve_gateways
from holdfast.server.tls_settings import gateway_certificate, publisher_certificate
from holdfast.services.identities.gateway_identities import reseal_keys
from holdfast.services.publishing.distribution import Distributor
from holdfast.services.publishing.initial_state import InitialState
from holdfast.services.runtime import Runtime
from holdfast.store.database import Store
from holdfast.work.shares import Shares


@dataclass(frozen=True, slots=True)
class Instance:
    """A running Holdfast."""

    runtime: Runtime
    publisher_url: str
    new_password: str | None  # of admin, if it was created at this start
    reload: Reload


def create_asgi(
    runtime: Runtime,
    requests_per_second: float = 0.0,
    trusted_proxies: Sequence[Network] = (),
    readiness: Readiness | None = None,
) -> ASGIApp:
    """
    Create the web application: REST, OAuth and metrics at JSON_PATHS, pages everywhere else.

    *requests_per_second* is the sustained rate for one user; 0: no limit. The X-Forwarded-* headers of
    *trusted_proxies* are trusted.
    """
    pages = web.create_door(runtime)
    doors = Doors(
        Door(rest.create_door(runtime), rest.refuse, rest.unexpected_error, partial(rest.sender, runtime)),
        Door(pages, partial(web.refuse, pages), partial(web.fail, pages), partial(web.sender, runtime)),
    )
    large = Shares(LARGE_BODIES, LARGE_BODIES_OF_A_USER)
    bounded = BodyLimit(ConcurrencyLimit(doors, doors.refuse), doors.refuse, doors.identify, large)
    inner = CrossOriginProtection(HostCookie(bounded), doors.refuse)
    limited = RateLimit(inner, doors.refuse, requests_per_second) if requests_per_second else inner
    healthy = Health(limited, readiness or Readiness())
    return ForwardedClient(SecurityHeaders(RequestIds(healthy, doors.fail)), trusted_proxies)


def rotate_sealing_key(settings: Settings) -> tuple[int, int]:
    """
    Encrypt all private keys with a new sealing key; return how many there were, and how many can't be decrypted.

    Raises:
        CannotStart: There is no database, a Holdfast runs on it, or the sealing key can't be changed.
    """
    data = settings.data.expanduser()
    if not database_in(data).is_file():
        raise CannotStart(f"There is no Holdfast database in {data}. Choose its directory with --data.")
    with data_directory(data), rotate_key(settings, data) as sealing:
        store = Store(database_in(data))
        try:
            return reseal_keys(store, sealing, utc_now())
        finally:
            store.close()


@asynccontextmanager
async def run(settings: Settings) -> AsyncIterator[Instance]:
    """
    Run the publisher and the gateway next to it until the block ends, then drain requests in flight.

    Raises:
        CannotStart: An address is in use, the data directory or the identity provider's settings can't be used, only
            some of the TLS files are set, or passwords would be sent unencrypted.
        EnvoyMissing: There is no Envoy, and none is running.
        EnvoyLogUnusable: Envoy's log can't be written.
    """
    addresses = listen_addresses(settings)
    of_publisher, of_gateways = publisher_certificate(settings, addresses.publisher), gateway_certificate(settings)
    presented = [files for files in (of_publisher, of_gateways) if files]
    data = settings.data.expanduser()
    gateway = (
        None
        if settings.without_gateway
        else LocalGateway(data / GATEWAY, data / DISCOVERY_SOCKET, settings.drain_timeout)
    )
    if gateway and not gateway.is_serving:
        find_envoy(settings.envoy)
    sso = open_single_sign_on(settings)
    limits = connection_limits(raise_file_limit())
    with (
        data_directory(data),
        temporary_directory() as sockets,
        listen(addresses.publisher, PUBLISHER) as publisher_sockets,
    ):
        async with contextlib.AsyncExitStack() as stack:
            if gateway and not gateway.is_serving:
                addresses.check_free()
            sealing = open_sealing(settings, data)
            store = Store(database_in(data))
            stack.callback(store.close)
            parts = build_parts(settings, addresses, store, sealing, sso, presented)
            runtime = parts.runtime
            accounts, background = runtime.accounts, runtime.background
            password = ensure_admin(accounts, settings, data)
            if gateway:
                stack.push_async_callback(gateway.stop_own)
                await gateway.start()  # after what can prevent a start, and before what takes long
            stack.callback(lambda: accounts.failures.write(store, utc_now(), everything=True))
            if sso:
                stack.callback(sso.provider.close)
            await stack.enter_async_context(background)
            await follow_times(background, store)
            await parts.distributor.begin()
            _present(of_gateways, parts.distributor)
            follow_changes(background, runtime, parts.distributor)
            keep_books(background, runtime, settings.audit_retention)
            serve_gateways(background, parts, f"unix:{_reach(data, sockets) / DISCOVERY_SOCKET}")
            if gateway:
                background.start("local gateway", gateway.keep)
            if addresses.discovery:
                port = DiscoveryPort(addresses.discovery, parts, utc_now)
                stack.push_async_callback(port.close)
                await port.open()
                background.start("discovery port", port.follow)
            for files in presented:
                background.start(f"certificate of the {files.whose}", files.watch)
            initial_state = InitialState(parts.runtime.groups.default, LOCAL_GATEWAY)
            readiness = _readiness(parts, addresses, presented, initial_state if gateway else None)
            app = create_asgi(runtime, settings.requests_per_second, settings.trusted_proxies, readiness)
            tls = of_publisher.context if of_publisher else None
            server = await stack.enter_async_context(
                serving(app, publisher_sockets, tls, limits, settings.trusted_proxies)
            )
            if gateway:
                await gateway.wait(parts.listeners.wait(data / GATEWAY / ENVOY_LOG))
                await gateway.wait(initial_state.wait())
            url = make_url(settings.publisher[0], "https" if of_publisher else "http")
            try:
                yield Instance(runtime, url, password, Reload(settings, presented, sso))
            finally:
                readiness.draining = True
                async with asyncio.TaskGroup() as draining:
                    draining.create_task(server.drain(settings.drain_timeout))
                    if gateway:
                        draining.create_task(gateway.stop(settings.drain_timeout))


def _reach(data: Path, sockets: Path) -> Path:
    """Return a path to the data directory that is short enough for a unix socket's."""
    link = sockets / "d"
    link.symlink_to(data.absolute())
    return link


def _present(of_gateways: GatewayCertificate | None, distributor: Distributor) -> None:
    """Pass the certificate in the files to the gateways, now and after each change."""
    if of_gateways:
        of_gateways.on_change = distributor.present
        if of_gateways.current:
            distributor.present(of_gateways.current)


def _readiness(
    parts: Parts,
    addresses: ListenAddresses,
    presented: Sequence[CertificateFiles[Any]],
    initial_state: InitialState | None,
) -> Readiness:
    groups, background = parts.runtime.groups, parts.runtime.background
    conditions = {"gateway": lambda: bool(groups.gateways), "background tasks": lambda: not background.failing}
    options = [listener.option for listener in addresses.gateway]
    conditions |= {f"listener {option}": partial(parts.listeners.holds, option) for option in options}
    if initial_state:
        conditions["initial state"] = initial_state.holds
    return Readiness(conditions, partial(_degraded, presented))


def _degraded(presented: Sequence[CertificateFiles[Any]]) -> list[str]:
    return [f"{files.whose} certificate" for files in presented if files.presented(utc_now()).problem]
