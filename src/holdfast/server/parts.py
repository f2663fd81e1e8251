"""
The components of a Holdfast, connected but not started.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from holdfast.apis.gateways.gateway import is_local_gateway
from holdfast.gateway.control.service import Control
from holdfast.gateway.discovery.ads import DiscoveryService, Register
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.failures.access_log import AccessLog, FailedRequest
from holdfast.gateway.failures.token_problem import TokenProblem
from holdfast.gateway.peer import Peer
from holdfast.gateway.remote.admission import identify_by_transport
from holdfast.gateway.resources.backend_limits import BackendLimits
from holdfast.gateway.resources.resource import CLUSTER
from holdfast.network.presented_files import CertificateFiles
from holdfast.server.clock import utc_now
from holdfast.server.gateways.enrollment_keys import open_enrollment_keys
from holdfast.server.machine.listen_addresses import ListenAddresses
from holdfast.server.notifications import build_sender
from holdfast.server.settings import Settings
from holdfast.server.tls.publisher_certificate import PublisherCertificate
from holdfast.services.access.accounts import Accounts
from holdfast.services.access.single_sign_on import SingleSignOn
from holdfast.services.catalog.http1_fallback import remember_http1
from holdfast.services.control_planes.mailbox import Mailbox
from holdfast.services.control_planes.presence import Presence
from holdfast.services.failures.failures import Failures
from holdfast.services.failures.other_requests import OtherRequests
from holdfast.services.failures.sharing import SharedFailures
from holdfast.services.gateways.admissions import Admissions
from holdfast.services.gateways.connection_records import ConnectionRecords
from holdfast.services.gateways.elsewhere import GatewaysElsewhere
from holdfast.services.gateways.spreading import Spreading, find_discovery_addresses
from holdfast.services.probing.probes import Probes
from holdfast.services.probing.relay import GatewayElsewhere, Relay
from holdfast.services.publishing.distribution import Distributor
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.services.publishing.group_listeners import GroupListeners
from holdfast.services.publishing.listeners import Listeners
from holdfast.services.runtime import Runtime
from holdfast.services.traffic.causes import CauseCounts
from holdfast.services.traffic.recording import Lifetimes, TrafficRecording
from holdfast.services.watch.watch_probes import WatchProbes
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
    mailbox: Mailbox
    records: ConnectionRecords  # of the gateways, for other control planes
    spreading: Spreading
    shared_failures: SharedFailures
    watch_probes: WatchProbes  # at watched endpoints
    traffic: TrafficRecording
    causes: CauseCounts


def build_parts(
    settings: Settings,
    addresses: ListenAddresses,
    store: Store,
    sealing: Sealing,
    sso: SingleSignOn | None,
    certificates: Sequence[CertificateFiles[Any]],
    presence: Presence,
) -> Parts:
    """Build the components. *certificates* are the certificates of the publisher and the gateways."""
    groups = Groups()
    to_backends = read_backend_limits(settings)

    def presents_identity(name: str, member: str) -> bool:
        return distributor.presents_identity(name, member)

    def find_token_problem(gateway: str, backend: str) -> TokenProblem | None:
        state = control.states.find(gateway)
        return state.report.find_token_problem(backend, distributor.carries_token) if state and state.report else None

    def refuses_backend(name: str, member: str) -> bool:
        return distributor.refuses_backend(name, member)

    failures = Failures(
        groups.tell_observers_soon, utc_now, presents_identity, to_backends, find_token_problem, refuses_backend
    )
    elsewhere = GatewaysElsewhere(presence.own.id if store.is_shared else None)
    enforcements = Enforcements(groups, utc_now, failures.forget, elsewhere)
    distributor = Distributor(
        store,
        groups,
        enforcements,
        GroupListeners(
            addresses.list_by_environment(tls=False),
            addresses.list_by_environment(tls=True),
            to_backends,
            settings.trusted_proxies,
        ),
        settings.backend_drain,
        sealing=sealing,
        now=utc_now,
        limits=to_backends,
    )
    listeners = Listeners(groups.default, presence.local_gateway, addresses.gateway)
    identify = identify_by_transport(Peer(presence.local_gateway, is_on_this_machine=True))
    control = Control(identify, utc_now, groups.tell_observers_soon)
    others = partial(_find_elsewhere, elsewhere)
    mailbox = Mailbox(store, sealing, presence, utc_now)
    control.others = Relay(mailbox, control, groups, settings.probe_networks, others)
    probes = Probes(
        control,
        presence.local_gateway,
        settings.probe_networks,
        serves=partial(_serves, groups, control, others),
        limits=to_backends,
        rejects_http2=partial(remember_http1, store, utc_now),
        now=utc_now,
    )
    traffic, causes = TrafficRecording(store, read_traffic_lifetimes(settings), utc_now), CauseCounts(store, utc_now)
    control.take_traffic = traffic.take
    runtime = Runtime(
        store,
        Accounts(store, sealing),
        enforcements,
        failures,
        groups,
        probes,
        sealing,
        addresses.list_urls(tls=False),
        addresses.list_urls(tls=True),
        utc_now,
        presence,
        single_sign_on=sso,
        listening=listeners,
        server_certificates=lambda now: [files.get_state(now) for files in certificates],
        publisher_pins=partial(_find_pins, certificates, presence),
        discovery_addresses=partial(find_discovery_addresses, presence),
        discovery=(settings.advertise or settings.discovery)[0] if settings.discovery else None,
        enrollment_keys=open_enrollment_keys(settings.enrollment_key_file),
        other_requests=OtherRequests(mailbox, failures),
        gateway_states=control.states,
        elsewhere=elsewhere,
        sender=build_sender(settings),
        retire_after=timedelta(seconds=settings.retire_after),
    )
    watch_probes = WatchProbes(
        control,
        presence.local_gateway,
        settings.probe_networks,
        serves=partial(_serves, groups, control, others),
        limits=to_backends,
        at_once=settings.watch_concurrency,
    )
    services = (
        DiscoveryService(
            identify,
            groups.find_cache,
            utc_now,
            distributor.welcome if store.is_shared else None,
            drain=settings.backend_drain,
        ).register,
        AccessLog(identify, partial(_record, groups, failures, causes), utc_now).register,
        control.register,
    )
    records = ConnectionRecords(
        store, presence.own.id, groups, control.states, lambda: enforcements.revision, enforcements.list_latest
    )
    return Parts(
        runtime=runtime,
        distributor=distributor,
        listeners=listeners,
        services=services,
        admissions=Admissions(store, utc_now),
        mailbox=mailbox,
        records=records,
        spreading=Spreading(presence, control, groups, elsewhere),
        shared_failures=SharedFailures(store, failures, presence, utc_now),
        watch_probes=watch_probes,
        traffic=traffic,
        causes=causes,
    )


def read_backend_limits(settings: Settings) -> BackendLimits:
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


def read_traffic_lifetimes(settings: Settings) -> Lifetimes:
    """Return how long traffic is stored."""
    return Lifetimes(
        minutes=timedelta(hours=settings.traffic_minutes),
        hours=timedelta(days=settings.traffic_hours),
        days=timedelta(days=settings.traffic_days),
    )


def _find_pins(certificates: Sequence[CertificateFiles[Any]], presence: Presence) -> list[bytes]:
    """Return the pins of this publisher, and of the other control planes that a load balancer could choose."""
    own = [files.pin for files in certificates if isinstance(files, PublisherCertificate)]
    return [pin for pin in (*own, *(other.publisher_pin for other in presence.others)) if pin]


def _record(groups: Groups, failures: Failures, causes: CauseCounts, peer: Peer, request: FailedRequest) -> None:
    """Record a failed request, unless it is of an API that the reporting gateway doesn't serve."""
    cache = groups.find_cache(peer)
    if cache and (not request.cluster or cache.get(CLUSTER, request.cluster)) and (call := failures.record(request)):
        causes.add(call)


def _find_elsewhere(elsewhere: GatewaysElsewhere) -> dict[str, GatewayElsewhere]:
    """Return the gateways that are connected to other control planes, by name."""
    return {
        name: GatewayElsewhere(
            Peer(name, connection.gateway.group, is_local_gateway(name)), connection.control_plane.id
        )
        for name, connection in elsewhere.others.connections.items()
    }


def _serves(
    groups: Groups,
    control: Control,
    others: Callable[[], Mapping[str, GatewayElsewhere]],
    gateway: str,
    clusters: Collection[str],
) -> bool:
    """Return whether the group of a gateway has one of *clusters*, or it is next to another control plane."""
    follows = control.states.find(gateway) if gateway in control.gateways else others().get(gateway)
    if follows is None:
        return False
    if isinstance(follows, GatewayElsewhere) and follows.peer.is_on_this_machine:
        return True
    cache = groups.find_cache(follows.peer)
    return cache is not None and any(cache.get(CLUSTER, name) for name in clusters)
