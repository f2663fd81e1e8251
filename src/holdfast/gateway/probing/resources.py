"""
The resources that a gateway needs for a probe: a cluster and its secrets. Pure.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.address_pb2 import Address, SocketAddress
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint as EnvoyEndpoint
from envoy.config.endpoint.v3.endpoint_components_pb2 import LbEndpoint, LocalityLbEndpoints
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext

from holdfast.apis.catalog.endpoint import Endpoint
from holdfast.apis.identities.gateway_identity import UnsealedIdentity
from holdfast.certificates.trust import TrustSet
from holdfast.gateway.probing.constants import PREFIX
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS, BackendLimits
from holdfast.gateway.resources.clusters import build_clusters
from holdfast.gateway.resources.resource import CLUSTER, SECRET, Resource, make_resource
from holdfast.gateway.resources.tls import build_identity_secret, build_trust_secret, name_identity_secret

IDENTITY_SUFFIX = "/client"


@dataclass(frozen=True, slots=True)
class ProbeResources:
    """The resources that the gateway needs for one probe: a cluster and its secrets."""

    cluster: Resource
    secrets: tuple[Resource, ...]
    authority: str  # host and port of the backend
    server_name: str  # the SNI that the gateway sends; empty: none
    identity: str = ""  # name of the secret for traffic that has the same private key; empty: there is none

    @property
    def resources(self) -> tuple[Resource, ...]:
        """All of them, the cluster first."""
        return self.cluster, *self.secrets


def make_name() -> str:
    """Return the name for another probe."""
    return f"{PREFIX}{secrets.token_hex(8)}"


def build_probe(
    name: str,
    endpoint: Endpoint,
    trust: TrustSet | None,
    addresses: Sequence[str],
    identity: UnsealedIdentity | None = None,
    limits: BackendLimits = DEFAULT_LIMITS,
) -> ProbeResources:
    """
    Build a probe of *endpoint* at *addresses*, tried in this order, with *trust* (None only for http) and *identity*.

    *name* is the name of the cluster and its trust secret. They are identical to those for callers' requests, except
    for their names and the source of the addresses.
    """
    cluster = Cluster.FromString(build_clusters(name, endpoint, trust, identity, limits)[0].body)
    cluster.name = cluster.load_assignment.cluster_name = name
    cluster.type = Cluster.STATIC
    cluster.ClearField("dns_lookup_family")
    cluster.ClearField("typed_dns_resolver_config")
    first, *more = [_build_address(address, endpoint.origin.port) for address in addresses]
    host = EnvoyEndpoint(
        address=first, additional_addresses=[EnvoyEndpoint.AdditionalAddress(address=address) for address in more]
    )
    del cluster.load_assignment.endpoints[:]
    cluster.load_assignment.endpoints.append(LocalityLbEndpoints(lb_endpoints=[LbEndpoint(endpoint=host)]))
    secrets, server_name = [], ""
    if trust:
        server_name = _use_own_secrets(cluster, name).sni
        secrets.append(_rename(build_trust_secret(trust), name))
    if identity:
        secrets.append(_rename(build_identity_secret(identity), name + IDENTITY_SUFFIX))
    return ProbeResources(
        make_resource(CLUSTER, name, cluster),
        tuple(secrets),
        endpoint.origin.authority,
        server_name,
        name_identity_secret(identity) if identity else "",
    )


def has_key(resources: Sequence[Resource], traffic_secret: Resource | None) -> bool:
    """Return whether *resources* contain a private key other than that of *traffic_secret*."""
    certificate = Secret.FromString(traffic_secret.body).tls_certificate if traffic_secret else None
    contents = [Secret.FromString(resource.body) for resource in resources if resource.type_url == SECRET]
    return any(secret.HasField("tls_certificate") and secret.tls_certificate != certificate for secret in contents)


def list_addresses(resources: Sequence[Resource]) -> list[str]:
    """Return the addresses that the gateway connects to in a probe with these *resources*."""
    clusters = [Cluster.FromString(resource.body) for resource in resources if resource.type_url == CLUSTER]
    hosts = [
        host.endpoint
        for cluster in clusters
        for locality in cluster.load_assignment.endpoints
        for host in locality.lb_endpoints
    ]
    first = [host.address for host in hosts]
    more = [additional.address for host in hosts for additional in host.additional_addresses]
    return [address.socket_address.address for address in (*first, *more)]


def _use_own_secrets(cluster: Cluster, name: str) -> UpstreamTlsContext:
    # Callers' requests may use secrets with the same content; separate ones can be removed unconditionally.
    context = UpstreamTlsContext()
    cluster.transport_socket.typed_config.Unpack(context)
    validation = context.common_tls_context.combined_validation_context
    if validation.validation_context_sds_secret_config.name:
        validation.validation_context_sds_secret_config.name = name
    for identity in context.common_tls_context.tls_certificate_sds_secret_configs:
        identity.name = name + IDENTITY_SUFFIX
    cluster.transport_socket.typed_config.Pack(context, deterministic=True)
    return context


def _rename(resource: Resource, name: str) -> Resource:
    secret = Secret.FromString(resource.body)
    secret.name = name
    return make_resource(SECRET, name, secret)


def _build_address(address: str, port: int) -> Address:
    return Address(socket_address=SocketAddress(address=address, port_value=port))
