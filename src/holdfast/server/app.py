"""
The composition root: builds a running Holdfast from settings.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.gateway.agent.agent import DISCOVERY_SOCKET
from holdfast.gateway.process.binary import find_envoy
from holdfast.gateway.process.log_file import ENVOY_LOG
from holdfast.gateway.process.socket_directories import temporary_directory
from holdfast.gateway.telemetry.access_log_options import AccessLogOptions
from holdfast.gateway.telemetry.collector import CollectorOptions
from holdfast.gateway.telemetry.metrics_options import MetricsOptions
from holdfast.network.presented_files import CertificateFiles, GatewayCertificate
from holdfast.network.sockets import format_address, listen, make_url
from holdfast.server.access.admin_password import ensure_admin
from holdfast.server.access.oidc import open_single_sign_on
from holdfast.server.clock import utc_now
from holdfast.server.control_planes.presence import build_presence, register
from holdfast.server.database.opening import open_store, read_location
from holdfast.server.gateways.discovery_port import DiscoveryPort
from holdfast.server.gateways.local_gateway import LocalGateway
from holdfast.server.machine.directories import GATEWAY, lock_data_directory
from holdfast.server.machine.limits import compute_connection_limits, raise_file_limit
from holdfast.server.machine.listen_addresses import PUBLISHER, ListenAddresses, find_listen_addresses
from holdfast.server.middleware.health import Readiness
from holdfast.server.parts import Parts, build_parts, read_traffic_lifetimes
from holdfast.server.reload import Reload
from holdfast.server.sealing.keys import open_sealing
from holdfast.server.settings import Settings
from holdfast.server.tasks import (
    follow_changes,
    follow_times,
    keep_books,
    notify,
    serve_gateways,
    share_gateways,
    watch_backends,
)
from holdfast.server.telemetry.observing import Observe, open_observer
from holdfast.server.tls.certificates import open_gateway_certificate, open_publisher_certificate
from holdfast.services.gateways.spreading import Spreading
from holdfast.services.inventory.completion import complete_facts
from holdfast.services.publishing.distribution import Distributor
from holdfast.services.publishing.initial_state import InitialState
from holdfast.services.runtime import Runtime
from holdfast.work.garbage import pause_collection

if TYPE_CHECKING:
    from holdfast.server.http.server import Server

SENT_AWAY_WITHIN = 5.0  # seconds for gateways to move to other control planes before this one ends


@dataclass(frozen=True, slots=True)
class Instance:
    """A running Holdfast."""

    runtime: Runtime
    publisher_url: str
    new_password: str | None  # of admin, if it was created at this start
    reload: Reload


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
    addresses = find_listen_addresses(settings)
    of_publisher, of_gateways = (
        open_publisher_certificate(settings, addresses.publisher),
        open_gateway_certificate(settings),
    )
    certificates = [files for files in (of_publisher, of_gateways) if files]
    data = settings.data.expanduser()
    location = read_location(settings, data)
    gateway = None if settings.without_gateway else _create_local_gateway(settings, data)
    if gateway and not gateway.is_serving:
        find_envoy(settings.envoy)
    sso = open_single_sign_on(settings)
    limits = compute_connection_limits(raise_file_limit())
    with (
        lock_data_directory(data),
        temporary_directory() as sockets,
        listen(addresses.publisher, PUBLISHER) as publisher_sockets,
    ):
        async with contextlib.AsyncExitStack() as stack:
            if gateway and not gateway.is_serving:
                addresses.check_free()
            sealing = open_sealing(settings, data)
            store = await open_store(location)
            stack.callback(store.close)
            presence = build_presence(settings, data, store, sealing, certificates)
            parts = build_parts(settings, addresses, store, sealing, sso, certificates, presence)
            runtime = parts.runtime
            accounts, background = runtime.accounts, runtime.background
            password = ensure_admin(accounts, settings, data)
            stack.push_async_callback(presence.end)  # after everything that acts has stopped
            await register(presence)
            if store.is_shared:
                await parts.records.begin()
            if gateway:
                stack.push_async_callback(gateway.stop_own)
                await gateway.start(presence.local_gateway)  # after what can prevent a start, before what takes long
            stack.callback(lambda: accounts.failures.write(store, utc_now(), everything=True))
            if sso:
                stack.callback(sso.provider.close)
            await stack.enter_async_context(background)
            await _start_tasks(settings, parts, of_gateways)
            serve_gateways(background, parts, f"unix:{_reach(data, sockets) / DISCOVERY_SOCKET}")
            if gateway:
                background.start("local gateway", gateway.keep)
            if addresses.discovery:
                port = DiscoveryPort(addresses.discovery, runtime, parts.services, parts.admissions)
                stack.push_async_callback(port.close)
                await port.open()
                background.start("discovery port", port.follow)
            for files in certificates:
                background.start(f"certificate of the {files.whose}", files.watch)
            initial_state = InitialState(parts.runtime.groups.default, presence.local_gateway)
            await asyncio.to_thread(complete_facts, store)
            readiness = _build_readiness(parts, addresses, certificates, initial_state if gateway else None)
            observe = await stack.enter_async_context(open_observer(settings, runtime))
            # In a thread, because gateways are served meanwhile.
            serve = await asyncio.to_thread(_load_server, runtime, settings, readiness, observe)
            tls = of_publisher.context if of_publisher else None
            server = await stack.enter_async_context(serve(publisher_sockets, tls, limits, settings.trusted_proxies))
            if gateway:
                await gateway.wait(parts.listeners.wait(data / GATEWAY / ENVOY_LOG))
                await gateway.wait(initial_state.wait())
            url = make_url(settings.publisher[0], "https" if of_publisher else "http")
            try:
                yield Instance(runtime, url, password, Reload(settings, certificates, sso))
            finally:
                readiness.draining = True
                await _drain(settings, server, parts.spreading, gateway)
                store.hurry()  # what is in flight now is background work


def _create_local_gateway(settings: Settings, data: Path) -> LocalGateway:
    options = _list_telemetry_options(settings)
    return LocalGateway(data / GATEWAY, data / DISCOVERY_SOCKET, settings.drain_timeout, options)


async def _start_tasks(settings: Settings, parts: Parts, of_gateways: GatewayCertificate | None) -> None:
    """Build the configuration of gateways, and start the tasks that don't need a connection to one."""
    runtime = parts.runtime
    background, presence = runtime.background, runtime.presence
    background.start("presence", presence.follow)
    background.start("mailbox", parts.mailbox.follow)
    background.start("failures of other control planes", parts.shared_failures.follow)
    background.start("lease", presence.lease.follow)
    await follow_times(background, runtime.store)
    await parts.distributor.begin()
    _present(of_gateways, parts.distributor)
    follow_changes(background, runtime, parts.distributor)
    if settings.watch_interval:
        watch_backends(background, parts, timedelta(seconds=settings.watch_interval))
    notify(background, runtime)
    keep_books(background, runtime, settings.audit_retention, read_traffic_lifetimes(settings))
    if runtime.store.is_shared:
        share_gateways(background, parts)


async def _drain(settings: Settings, server: "Server", spreading: Spreading, gateway: LocalGateway | None) -> None:
    """Let publisher and gateway finish requests in flight, while remote gateways move to other control planes."""
    async with asyncio.TaskGroup() as draining:
        draining.create_task(server.drain(settings.drain_timeout))
        draining.create_task(spreading.send_away(min(settings.drain_timeout, SENT_AWAY_WITHIN)))
        if gateway:
            draining.create_task(gateway.stop(settings.drain_timeout))


def _load_server(
    runtime: Runtime, settings: Settings, readiness: Readiness, observe: Observe
) -> Callable[..., AbstractAsyncContextManager["Server"]]:
    """Load REST and pages, which takes as long as everything else that is loaded; return `serve` for them."""
    with pause_collection():
        from holdfast.server.asgi import create_asgi
        from holdfast.server.http.server import serve

        app = create_asgi(runtime, settings.requests_per_second, settings.trusted_proxies, readiness, observe)
        return partial(serve, app)


def _list_telemetry_options(settings: Settings) -> Iterable[str]:
    """Return the arguments of the gateway on this machine about its access log, traces, metrics and monitoring."""
    log = AccessLogOptions(
        settings.gateway_access_log,
        settings.gateway_access_log_format,
        settings.gateway_access_log_size,
        settings.gateway_access_log_files,
    )
    traces = CollectorOptions(settings.gateway_traces, settings.gateway_traces_ca_file, settings.gateway_traces_sample)
    metrics = MetricsOptions(settings.gateway_metrics, settings.gateway_metrics_ca_file)
    monitoring = (f"--monitoring={format_address(address)}" for address in settings.gateway_monitoring)
    return (*log.to_arguments(), *traces.to_arguments(), *metrics.to_arguments(), *monitoring)


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


def _build_readiness(
    parts: Parts,
    addresses: ListenAddresses,
    certificates: Sequence[CertificateFiles[Any]],
    initial_state: InitialState | None,
) -> Readiness:
    background = parts.runtime.background
    store = parts.runtime.store
    conditions: dict[str, Callable[[], bool]] = {
        "database": lambda: store.is_reachable,
        "background tasks": lambda: not background.failing,
    }
    has_gateway = partial(_has_gateway, parts.runtime)
    options = [listener.option for listener in addresses.gateway]
    conditions |= {f"listener {option}": partial(parts.listeners.is_listening, option) for option in options}
    if initial_state:
        conditions |= {"gateway": has_gateway, "initial state": initial_state.is_complete}
    health_conditions: dict[str, Callable[[], bool]] = {"settings": lambda: not parts.runtime.presence.deviating}
    if not initial_state:
        # Not a condition of readiness: gateways elsewhere must be able to join while there is none.
        health_conditions["gateway"] = has_gateway
    return Readiness(conditions, partial(_list_degraded_parts, certificates, health_conditions))


def _has_gateway(runtime: Runtime) -> bool:
    """Return whether a gateway is connected to this or another control plane."""
    return bool(runtime.groups.gateways or runtime.elsewhere.others.connections)


def _list_degraded_parts(
    certificates: Sequence[CertificateFiles[Any]], conditions: Mapping[str, Callable[[], bool]]
) -> list[str]:
    lacking = [name for name, holds in conditions.items() if not holds()]
    return lacking + [f"{files.whose} certificate" for files in certificates if files.get_state(utc_now()).problem]
