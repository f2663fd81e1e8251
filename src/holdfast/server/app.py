"""
The composition root: settings in, a running Holdfast out. The only place where parts are put together.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from starlette.types import ASGIApp

from holdfast import rest, web
from holdfast.gateway.discovery.ads import keep_serving
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.process.envoy import EnvoyProcess, find_envoy
from holdfast.gateway.resources.backend_limits import BackendLimits
from holdfast.gateway.resources.resource import CLUSTER
from holdfast.gateway.resources.tls import presents_identity
from holdfast.network.addresses import Network
from holdfast.network.forwarded import ForwardedClient
from holdfast.network.sockets import CannotStart, listen, make_url
from holdfast.server.admin_password import ensure_admin
from holdfast.server.bodies import LARGE_BODIES, LARGE_BODIES_OF_A_USER, BodyLimit
from holdfast.server.clock import utc_now
from holdfast.server.concurrency_limit import ConcurrencyLimit
from holdfast.server.directories import data_directory, database_in, temporary_directory
from holdfast.server.doors import Door, Doors
from holdfast.server.health import Health, Readiness
from holdfast.server.host_cookie import HostCookie
from holdfast.server.http_server import serving
from holdfast.server.https import CertificateFiles
from holdfast.server.limits import connection_limits, raise_file_limit
from holdfast.server.listen_addresses import PUBLISHER, listen_addresses
from holdfast.server.middleware import CrossOriginProtection, SecurityHeaders
from holdfast.server.oidc import open_single_sign_on
from holdfast.server.rate_limit import RateLimit
from holdfast.server.reload import Reload
from holdfast.server.request_ids import RequestIds
from holdfast.server.sealing_keys import open_sealing, rotate_key
from holdfast.server.settings import Settings
from holdfast.server.tls_settings import gateway_certificate, publisher_certificate
from holdfast.services.access.accounts import Accounts
from holdfast.services.catalog.http1_fallback import remember_http1
from holdfast.services.failures.failure_probes import FailureProbes
from holdfast.services.failures.failures import Failures
from holdfast.services.identities.caller_certificates import Boundaries
from holdfast.services.identities.gateway_identities import seal_anew
from holdfast.services.on_time import OnTime, repeat
from holdfast.services.probing.probes import Probes
from holdfast.services.probing.rotation_probes import RotationProbes, fetch_accepted_chain
from holdfast.services.publishing.distribution import Distributor
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.services.publishing.listeners import Listeners
from holdfast.services.retention import forget_old_rows
from holdfast.services.runtime import Runtime
from holdfast.services.trust.trust_settings import end_exceptions
from holdfast.store.database import Store
from holdfast.work.shares import Shares

EMBEDDED = "embedded"
ENVOY_LOG = "envoy.log"
FORGET_EVERY = 3600.0  # seconds between looks for rows that nobody needs any more


@dataclass(frozen=True, slots=True)
class Instance:
    """A Holdfast that is ready, and what was found out at its start."""

    runtime: Runtime
    publisher_url: str
    new_password: str | None  # of admin, when this start made it
    reload: Reload


def create_asgi(
    runtime: Runtime,
    requests_per_second: float = 0.0,
    trusted_proxies: Sequence[Network] = (),
    readiness: Readiness | None = None,
) -> ASGIApp:
    """
    Make the web application: REST below /api, tokens and metrics beside it, pages everywhere else.

    *requests_per_second* is what one user may ask for in the long run; 0 is without a limit. *trusted_proxies* are
    believed when they say for whom they ask.
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
    Seal all keys with a new sealing key and forget the old ones; give how many there were, and how many are lost.

    Raises:
        CannotStart: There is no database, a Holdfast runs on it, or the sealing key cannot be changed.
    """
    data = settings.data.expanduser()
    if not database_in(data).is_file():
        raise CannotStart(f"There is no Holdfast in {data}. Choose its directory with --data.")
    with data_directory(data), rotate_key(settings, data) as sealing:
        store = Store(database_in(data))
        try:
            return seal_anew(store, sealing, utc_now())
        finally:
            store.close()


@asynccontextmanager
async def run(settings: Settings) -> AsyncIterator[Instance]:
    """
    Run the control plane and the embedded gateway until the block ends; requests in flight then have a while to finish.

    Raises:
        CannotStart: An address is in use, the data directory or the identity provider's settings cannot be used, TLS
            files are named only in part, or passwords would travel in the clear.
        EnvoyMissing: There is no Envoy.
        EnvoyLogUnusable: What it writes can't be kept.
    """
    addresses = listen_addresses(settings)
    of_publisher, of_gateways = publisher_certificate(settings, addresses.publisher), gateway_certificate(settings)
    presented = [files for files in (of_publisher, of_gateways) if files]
    envoy = find_envoy(settings.envoy)
    sso = open_single_sign_on(settings)
    data = settings.data.expanduser()
    limits = connection_limits(raise_file_limit())
    with (
        data_directory(data),
        temporary_directory() as sockets,
        listen(addresses.publisher, PUBLISHER) as publisher_sockets,
    ):
        addresses.check_free()
        sealing = open_sealing(settings, data)
        store = Store(database_in(data))
        accounts = Accounts(store)
        password = ensure_admin(accounts, settings, data)
        process = EnvoyProcess(envoy, EMBEDDED, sockets, data / ENVOY_LOG, limits.gateway)
        cache = Cache({EMBEDDED: process.warming})
        to_backends = backend_limits(settings)
        failures = Failures(cache.tell_observers_soon, utc_now, partial(_presents_identity, cache), to_backends)
        enforcements = Enforcements(cache, utc_now, failures.forget)
        distributor = Distributor(
            store,
            cache,
            enforcements,
            addresses.by_environment(tls=False),
            settings.backend_drain,
            sealing=sealing,
            now=utc_now,
            tls_listeners=addresses.by_environment(tls=True),
            limits=to_backends,
            trusted_proxies=settings.trusted_proxies,
        )
        gateway_listeners = Listeners(cache, addresses.gateway)
        quiet = timedelta(seconds=settings.retire_after)
        probes = Probes(
            cache,
            EMBEDDED,
            process.probe_socket,
            settings.probe_networks,
            limits=to_backends,
            rejects_http2=partial(remember_http1, store, utc_now),
            now=utc_now,
        )
        runtime = Runtime(
            store,
            accounts,
            enforcements,
            failures,
            cache,
            probes,
            sealing,
            addresses.urls(tls=False),
            addresses.urls(tls=True),
            utc_now,
            single_sign_on=sso,
            listening=gateway_listeners,
            server_certificates=lambda now: [files.presented(now) for files in presented],
            retire_after=quiet,
        )

        async with contextlib.AsyncExitStack() as stack:
            stack.callback(store.close)
            stack.callback(lambda: accounts.failures.write(store, utc_now(), everything=True))
            if sso:
                stack.callback(sso.provider.close)
            stack.push_async_callback(process.stop)
            background = await stack.enter_async_context(runtime.background)
            steps = {"trust exceptions": end_exceptions, "caller certificates": Boundaries(utc_now()).pass_on}
            for name, step in steps.items():
                on_time = OnTime(store, step, utc_now)
                await on_time.begin()
                background.start(name, on_time.follow)
            await distributor.begin()
            if of_gateways:
                of_gateways.on_change = distributor.present
                if of_gateways.current:
                    distributor.present(of_gateways.current)
            background.start("publisher", distributor.follow)
            background.start("enforcement", enforcements.follow)
            background.start("examination of failures", FailureProbes(store, sealing, probes, failures, utc_now).follow)
            probe = partial(fetch_accepted_chain, store, sealing, probes, utc_now)
            background.start("observation of rotations", RotationProbes(store, probe, utc_now).follow)
            forget = partial(forget_old_rows, audit_days=settings.audit_retention)
            background.start("old rows", partial(repeat, store, forget, utc_now, FORGET_EVERY))
            background.start("failed sign-ins", partial(accounts.failures.follow, store, utc_now))
            background.start(
                "discovery", partial(keep_serving, cache, f"unix:{sockets / 'ads'}", utc_now, failures.record)
            )
            background.start("listeners", gateway_listeners.follow)
            await process.start()
            background.start("gateway process", process.keep)
            for files in presented:
                background.start(f"certificate of the {files.whose}", files.watch)
            conditions = {"gateway": lambda: bool(cache.gateways), "background tasks": lambda: not background.failing}
            options = [listener.option for listener in addresses.gateway]
            conditions |= {f"listener {option}": partial(gateway_listeners.holds, option) for option in options}
            readiness = Readiness(conditions, partial(_degraded, presented))
            app = create_asgi(runtime, settings.requests_per_second, settings.trusted_proxies, readiness)
            tls = of_publisher.context if of_publisher else None
            server = await stack.enter_async_context(
                serving(app, publisher_sockets, tls, limits, settings.trusted_proxies)
            )
            await gateway_listeners.wait(data / ENVOY_LOG)
            url = make_url(settings.publisher[0], "https" if of_publisher else "http")
            try:
                yield Instance(runtime, url, password, Reload(settings, presented, sso))
            finally:
                readiness.draining = True
                async with asyncio.TaskGroup() as draining:
                    draining.create_task(server.drain(settings.drain_timeout))
                    draining.create_task(process.drain(settings.drain_timeout))


def backend_limits(settings: Settings) -> BackendLimits:
    """Read what gateways grant each backend."""
    return BackendLimits(
        idle=settings.backend_idle,
        requests=settings.backend_requests,
        connections=settings.backend_connections,
        pending=settings.backend_pending,
        websockets=settings.backend_websockets,
        header_fields=settings.header_fields,
        header_kib=settings.header_kib,
    )


def _degraded(presented: Sequence[CertificateFiles[Any]]) -> list[str]:
    return [f"{files.whose} certificate" for files in presented if files.presented(utc_now()).problem]


def _presents_identity(cache: Cache, cluster: str) -> bool:
    resource = cache.get(CLUSTER, cluster)
    return resource is not None and presents_identity(resource)
