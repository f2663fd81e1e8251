"""
The components of a Holdfast, connected but not started.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from holdfast.apis.gateways.gateway import LOCAL_GATEWAY
from holdfast.gateway.control.service import Control
from holdfast.gateway.discovery.ads import DiscoveryService, Register
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.failures.access_log import AccessLog, FailedRequest
from holdfast.gateway.peer import Peer
from holdfast.gateway.remote.admission import identify_by_transport
from holdfast.gateway.resources.backend_limits import BackendLimits
from holdfast.gateway.resources.resource import CLUSTER
from holdfast.gateway.resources.tls import presents_identity
from holdfast.network.presented_files import CertificateFiles
from holdfast.server.clock import utc_now
from holdfast.server.https import PublisherCertificate
from holdfast.server.listen_addresses import ListenAddresses
from holdfast.server.settings import Settings
from holdfast.services.access.accounts import Accounts
from holdfast.services.access.single_sign_on import SingleSignOn
from holdfast.services.catalog.http1_fallback import remember_http1
from holdfast.services.failures.failures import Failures
from holdfast.services.gateways.admissions import Admissions
from holdfast.services.probing.probes import Probes
from holdfast.services.publishing.distribution import Distributor
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.services.publishing.group_listeners import GroupListeners
from holdfast.services.publishing.listeners import Listeners
from holdfast.services.runtime import Runtime
from holdfast.store.database import Store
from holdfast.store.sealing import Sealing


@dataclass(frozen=True, slots=True)
class Parts:
    """The components of a Holdfast."""

    runtime: Runtime
    distributor: Distributor
    listeners: Listeners
    services: Sequence[Register]  # for gateways
    admissions: Admissions


def build_parts(
    settings: Settings,
    addresses: ListenAddresses,
    store: Store,
    sealing: Sealing,
    sso: SingleSignOn | None,
    presented: Sequence[CertificateFiles[Any]],
) -> Parts:
    """Build the components. *presented* are the certificates of the publisher and the gateways."""
    groups = Groups()
    to_backends = backend_limits(settings)
    failures = Failures(groups.tell_observers_soon, utc_now, partial(_presents_identity, groups), to_backends)
    enforcements = Enforcements(groups, utc_now, failures.forget)
    distributor = Distributor(
        store,
        groups,
        enforcements,
        GroupListeners(
            addresses.by_environment(tls=False),
            addresses.by_environment(tls=True),
            to_backends,
            settings.trusted_proxies,
        ),
        settings.backend_drain,
        sealing=sealing,
        now=utc_now,
        limits=to_backends,
    )
    listeners = Listeners(groups.default, LOCAL_GATEWAY, addresses.gateway)
    identify = identify_by_transport(Peer(LOCAL_GATEWAY, is_on_this_machine=True))
    control = Control(identify, utc_now, groups.tell_observers_soon)
    probes = Probes(
        control,
        LOCAL_GATEWAY,
        settings.probe_networks,
        serves=partial(_serves, groups, control),
        limits=to_backends,
        rejects_http2=partial(remember_http1, store, utc_now),
        now=utc_now,
    )
    runtime = Runtime(
        store,
        Accounts(store),
        enforcements,
        failures,
        groups,
        probes,
        sealing,
        addresses.urls(tls=False),
        addresses.urls(tls=True),
        utc_now,
        single_sign_on=sso,
        listening=listeners,
        server_certificates=lambda now: [files.presented(now) for files in presented],
        publisher_pin=partial(_find_pin, presented),
        discovery=settings.discovery[0] if settings.discovery else None,
        gateway_states=control.states,
        retire_after=timedelta(seconds=settings.retire_after),
    )
    services = (
        DiscoveryService(identify, groups.find_cache, utc_now).register,
        AccessLog(identify, partial(_record, groups, failures), utc_now).register,
        control.register,
    )
    return Parts(runtime, distributor, listeners, services, Admissions(store, utc_now))


def backend_limits(settings: Settings) -> BackendLimits:
    """Return the limits of gateways for each backend."""
    return BackendLimits(
        idle=settings.backend_idle,
        requests=settings.backend_requests,
        connections=settings.backend_connections,
        pending=settings.backend_pending,
        websockets=settings.backend_websockets,
        header_fields=settings.header_fields,
        header_kib=settings.header_kib,
    )


def _find_pin(presented: Sequence[CertificateFiles[Any]]) -> bytes | None:
    return next((files.pin for files in presented if isinstance(files, PublisherCertificate)), None)


def _record(groups: Groups, failures: Failures, peer: Peer, request: FailedRequest) -> None:
    """Record a failed request, unless it is of an API that the reporting gateway doesn't serve."""
    cache = groups.find_cache(peer)
    if cache and (not request.cluster or cache.get(CLUSTER, request.cluster)):
        failures.record(request)


def _serves(groups: Groups, control: Control, gateway: str, clusters: Collection[str]) -> bool:
    """Return whether the group of a gateway has one of *clusters*."""
    state = control.states.of(gateway)
    cache = groups.find_cache(state.peer) if state else None
    return cache is not None and any(cache.get(CLUSTER, name) for name in clusters)


def _presents_identity(groups: Groups, cluster: str) -> bool:
    resources = (cache.get(CLUSTER, cluster) for cache in groups.caches.values())
    return any(resource is not None and presents_identity(resource) for resource in resources)
