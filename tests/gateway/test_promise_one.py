"""Promise 1: verification is never silently off, whatever the API and the imported certificates."""

import contextlib
import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path

import certifi
import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.config.route.v3.route_components_pb2 import VirtualHost
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import CertificateValidationContext, SubjectAltNameMatcher
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from hypothesis import given
from hypothesis import strategies as st

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint, Origin, parse_endpoint
from holdfast.apis.catalog.endpoint_group import EndpointGroup, GroupKind, Member, SessionKind, check_group
from holdfast.apis.catalog.health_check import HealthCheck
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.errors import InvalidField
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.formats.parsing import parse
from holdfast.certificates.identity import ReferenceIdentifier, parse_reference
from holdfast.certificates.revocation import read_revocation_lists
from holdfast.certificates.trust import TlsVersion, TrustSet
from holdfast.gateway.resources.apis import ApiResources, build_api
from holdfast.gateway.resources.cluster_names import name_cluster
from holdfast.gateway.resources.resource import CLUSTER, SECRET, make_resource
from holdfast.gateway.resources.tls import refuses_backend
from issuing import DAY, ed25519_key, issue, revoke
from trusting import trust_set

pytestmark = pytest.mark.long

NOW = datetime.now(UTC)
PUBLIC_ROOTS = Path(certifi.where()).read_text("ascii")
Trust = Mapping[Origin, TrustSet]
ROOT = issue(ca=True)
IMPORTED = [
    parse(leaf.pem).certificates[0]
    for leaf in (
        ROOT,
        issue("backend.test", by=ROOT),
        issue("backend.test", ca=None, identified=False),
        issue(common_name="no name", key=ed25519_key()),
        issue("backend.test", start=-9 * DAY, end=-DAY),
    )
]

REVOCATION = read_revocation_lists(revoke(ROOT))
ENDPOINT = parse_endpoint("https://backend.test")
API = Api("id", "default", "any", "/any", "1.0", State.PUBLISHED, ENDPOINT, None, "", "anna", NOW, NOW)

labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
names = st.lists(labels, min_size=1, max_size=3).map(lambda parts: ".".join([*parts, "test"]))
IPV6 = st.ip_addresses(v=6).filter(lambda address: not address.ipv4_mapped)  # endpoints reject these
addresses = st.one_of(st.ip_addresses(v=4).map(str), IPV6.map(lambda address: f"[{address}]"))


@st.composite
def endpoints(draw: st.DrawFn) -> Endpoint:
    scheme, host = draw(st.sampled_from(["https", "http"])), draw(st.one_of(names, addresses, st.just("SAME.test.")))
    port = draw(st.one_of(st.just(""), st.integers(1, 65535).map(lambda number: f":{number}")))
    return parse_endpoint(f"{scheme}://{host}{port}{draw(st.sampled_from(['', '/', '/base', '/a/b/']))}")


@st.composite
def groups(draw: st.DrawFn) -> EndpointGroup:
    further = draw(st.lists(endpoints(), max_size=3))
    check = draw(st.sampled_from([None, HealthCheck()]))
    members = tuple(Member(endpoint, draw(st.integers(1, 100)), draw(st.integers(1, 4))) for endpoint in further)
    kind, session = draw(st.sampled_from(GroupKind)), draw(st.sampled_from(SessionKind))
    return EndpointGroup(kind, members, session=session, health_check=check)


def keep_valid_groups(api: Api) -> Api:
    """Leave out members that REST refuses."""
    return replace(
        api,
        production_group=keep_valid_members(api.production, api.production_group),
        sandbox_group=keep_valid_members(api.sandbox, api.sandbox_group),
    )


def keep_valid_members(first: Endpoint | None, group: EndpointGroup | None) -> EndpointGroup | None:
    if first is None or group is None:
        return None
    valid: EndpointGroup = replace(group, members=())
    for member in group.members:
        with contextlib.suppress(InvalidField):
            longer = replace(valid, members=(*valid.members, member))
            check_group(first, longer, "")
            valid = longer
    return valid


apis = st.builds(
    replace,
    st.just(API),
    id=st.uuids().map(str),
    organization=st.sampled_from(["default", "other"]),
    state=st.sampled_from(State),
    production=st.none() | endpoints(),
    sandbox=st.none() | endpoints(),
    production_group=st.none() | groups(),
    sandbox_group=st.none() | groups(),
).map(keep_valid_groups)


@st.composite
def trusting(draw: st.DrawFn, api: Api) -> Trust:
    origins = {endpoint.origin for endpoint in api.endpoints if endpoint.origin.is_secure}
    return {origin: draw(trust_sets(origin.reference)) for origin in sorted(origins)}


@st.composite
def trust_sets(draw: st.DrawFn, reference: ReferenceIdentifier) -> TrustSet:
    fingerprints = [certificate.fingerprint for certificate in IMPORTED]
    spki_fingerprints = [certificate.spki_fingerprint for certificate in IMPORTED]
    pins = draw(st.lists(st.sampled_from(fingerprints), unique=True).map(tuple))
    versions = sorted([draw(st.sampled_from(TlsVersion)), draw(st.sampled_from(TlsVersion))])
    return replace(
        trust_set(draw(st.lists(st.sampled_from(IMPORTED))), reference),
        with_public_roots=draw(st.booleans()),
        names=tuple(map(parse_reference, draw(st.lists(names, max_size=3, unique=True)))),
        any_name=bool(pins) and draw(st.booleans()),
        sni=draw(st.none() | st.just("") | names),
        certificate_pins=pins,
        spki_pins=tuple(draw(st.lists(st.sampled_from(spki_fingerprints), unique=True))),
        revocation=draw(st.sampled_from([(), REVOCATION])),
        revocation_of_path=draw(st.booleans()),
        tls_minimum=versions[0],
        tls_maximum=versions[1],
    )


@given(st.data(), apis)
def test_every_https_backend_is_verified_by_its_anchors_and_its_name(data: st.DataObject, api: Api):
    trust = data.draw(trusting(api))
    assert list(find_flaws(api, trust, build_api(api, trust))) == []


@given(apis.filter(lambda api: api.state.is_served and any(endpoint.origin.is_secure for endpoint in api.endpoints)))
def test_without_a_trust_set_no_backend_of_an_https_endpoint_is_accepted(api: Api):
    endpoints = {name_cluster(api.organization, api.id, name): api.find_endpoint(name) for name in ENVIRONMENTS}
    secure = tuple(name for name, endpoint in endpoints.items() if endpoint and endpoint.origin.is_secure)
    resources = build_api(api, {})
    assert secure
    for resource in resources.clusters:
        cluster, context = Cluster.FromString(resource.body), UpstreamTlsContext()
        cluster.transport_socket.typed_config.Unpack(context)
        pins = context.common_tls_context.validation_context.verify_certificate_hash
        assert (list(pins), len(cluster.transport_socket_matches)) == (
            ["00" * 32] if resource.name.startswith(secure) else [],
            0,
        )
        assert refuses_backend(resource) == resource.name.startswith(secure)
    assert resources.secrets == ()


@given(st.data(), apis.filter(lambda api: api.state.is_served))
def test_only_an_exception_turns_off_verification_and_its_clusters_expire_with_it(data: st.DataObject, api: Api):
    trust = data.draw(trusting(api))
    exceptions = {origin: replace(trust_set, unverified_until=NOW) for origin, trust_set in trust.items()}
    resources = build_api(api, exceptions)
    assert resources.secrets == ()
    for resource in resources.clusters:
        cluster = Cluster.FromString(resource.body)
        assert resource.expires_at == (NOW if cluster.HasField("transport_socket") else None)
    assert all(resource.expires_at is None for resource in build_api(api, trust).clusters)


def find_flaws(api: Api, trust: Trust, resources: ApiResources) -> Iterator[str]:
    """Return why another host could pass as a backend of *api*, by cluster, reading only what Envoy would receive."""
    clusters = {resource.name: Cluster.FromString(resource.body) for resource in resources.clusters}
    secrets = {resource.name: Secret.FromString(resource.body) for resource in resources.secrets}
    unknown = set(clusters)
    for environment in ENVIRONMENTS:
        endpoint, base = api.find_endpoint(environment), name_cluster(api.organization, api.id, environment)
        own = {name for name in clusters if name == base or name.startswith(f"{base}/")} if endpoint else set()
        unknown -= own
        for name in own if endpoint and endpoint.origin.is_secure else ():
            origins = [member.endpoint.origin for member in api.list_members(environment)]
            yield from (f"{name}: {flaw}" for flaw in _of_cluster(clusters[name], trust, origins, secrets))
        hosts = map(VirtualHost.FromString, resources.routes[environment])
        led_to = {route.route.cluster for host in hosts for route in host.routes if route.HasField("route")}
        yield from (f"{environment}: a route leads to {name}" for name in led_to - own)
        if api.state.is_served and endpoint and not led_to:
            yield f"{environment}: no route"
    yield from (f"{name}: of no endpoint" for name in unknown)


def _of_cluster(
    cluster: Cluster, trust: Trust, origins: Sequence[Origin], secrets: Mapping[str, Secret]
) -> Iterator[str]:
    if not cluster.HasField("transport_socket"):
        yield "no TLS"
    if len(origins) == 1:
        yield from _of_socket(cluster.transport_socket, trust[origins[0]], secrets)
        if cluster.transport_socket_matches:
            yield "other TLS for some hosts"
        return
    by_member = {match.match["member"]: match for match in cluster.transport_socket_matches}
    if sorted(by_member) != sorted(map(str, origins)) or len(by_member) != len(cluster.transport_socket_matches):
        yield "other members than those of the group"
    for origin in origins:
        yield from _of_socket(by_member[str(origin)].transport_socket, trust[origin], secrets)
    if cluster.transport_socket.typed_config.value != _refusing():
        yield "hosts that nothing matches are not refused"
    for locality in cluster.load_assignment.endpoints:
        for host in locality.lb_endpoints:
            address = host.endpoint.address.socket_address
            origin = next(one for one in origins if (one.host, one.port) == (address.address, address.port_value))
            if host.metadata.filter_metadata["envoy.transport_socket_match"]["member"] != str(origin):
                yield "a host that is verified as another one"


def _refusing() -> bytes:
    context = UpstreamTlsContext()
    context.common_tls_context.validation_context.verify_certificate_hash.append("00" * 32)
    value: bytes = context.SerializeToString(deterministic=True)
    return value


def _of_socket(socket: TransportSocket, trust: TrustSet, secrets: Mapping[str, Secret]) -> Iterator[str]:
    context = UpstreamTlsContext()
    if socket.name != "envoy.transport_sockets.tls" or not socket.typed_config.Unpack(context):
        yield "no TLS context"
    common = context.common_tls_context
    if common.WhichOneof("validation_context_type") != "combined_validation_context":
        yield "no combined validation"
    context_of_both = common.combined_validation_context
    default = context_of_both.default_validation_context
    if list(default.match_typed_subject_alt_names) != [_name(name) for name in trust.names or [trust.reference]]:
        if not trust.any_name or default.match_typed_subject_alt_names:
            yield "no name check"
        if not default.verify_certificate_hash:
            yield "neither name nor pin"
    if list(default.verify_certificate_hash) != list(trust.certificate_pins):
        yield "other certificate pins"
    if [b64decode(pin).hex() for pin in default.verify_certificate_spki] != list(trust.spki_pins):
        yield "other key pins"
    yield from _of_validation(context_of_both.default_validation_context)
    secret = secrets.get(context_of_both.validation_context_sds_secret_config.name)
    if secret is None:
        yield "no such secret"
    else:
        yield from _of_validation(secret.validation_context)
        yield from _of_anchors(secret.validation_context.trusted_ca.inline_string, trust)
        if secret.validation_context.crl.inline_string != "".join(crl.pem for crl in trust.revocation):
            yield "other CRLs"


def _name(name: ReferenceIdentifier) -> SubjectAltNameMatcher:
    kind = SubjectAltNameMatcher.IP_ADDRESS if name.is_ip else SubjectAltNameMatcher.DNS
    return SubjectAltNameMatcher(san_type=kind, matcher=StringMatcher(exact=name.value))


def _of_validation(context: CertificateValidationContext) -> Iterator[str]:
    if context.trust_chain_verification != CertificateValidationContext.VERIFY_TRUST_CHAIN:
        yield "chains are not verified"
    if context.HasField("system_root_certs"):
        yield "system_root_certs verify nothing"
    if context.allow_expired_certificate:
        yield "expired certificates are accepted"


def _of_anchors(pem: str, trust: TrustSet) -> Iterator[str]:
    expected = {anchor.fingerprint for anchor in trust.anchors}
    if trust.with_public_roots or not trust.anchors:
        expected |= list_fingerprints(PUBLIC_ROOTS)
    if not expected or list_fingerprints(pem) != expected:
        yield "other anchors than those that were imported, or the public roots"


@cache
def list_fingerprints(pem: str) -> set[str]:
    """Return the certificates in a bundle."""
    blocks = re.findall("-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----", pem)
    return {sha256(b64decode(block)).hexdigest() for block in blocks}


# The check itself is tested: each of these breaks the promise, and the check detects it.

Break = Callable[[Cluster, UpstreamTlsContext, Secret], object]
ACCEPT_UNTRUSTED = CertificateValidationContext.ACCEPT_UNTRUSTED


def unpack_default(context: UpstreamTlsContext) -> CertificateValidationContext:
    validation: CertificateValidationContext = (
        context.common_tls_context.combined_validation_context.default_validation_context
    )
    return validation


BROKEN: dict[str, Break] = {
    "no TLS": lambda cluster, _, __: cluster.ClearField("transport_socket"),
    "another transport socket": lambda cluster, _, __: setattr(cluster.transport_socket, "name", "raw_buffer"),
    "no TLS for some hosts": lambda cluster, _, __: cluster.transport_socket_matches.add(name="some"),
    "no validation": lambda _, context, __: context.common_tls_context.ClearField("combined_validation_context"),
    "no name": lambda _, context, __: unpack_default(context).ClearField("match_typed_subject_alt_names"),
    "two names": lambda _, context, __: unpack_default(context).match_typed_subject_alt_names.add(
        san_type=SubjectAltNameMatcher.DNS, matcher={"exact": "other.test"}
    ),
    "a name that only begins so": lambda _, context, __: setattr(
        unpack_default(context).match_typed_subject_alt_names[0].matcher, "prefix", "backend"
    ),
    "a name of another kind": lambda _, context, __: setattr(
        unpack_default(context).match_typed_subject_alt_names[0], "san_type", SubjectAltNameMatcher.URI
    ),
    "untrusted accepted": lambda _, context, __: setattr(
        unpack_default(context), "trust_chain_verification", ACCEPT_UNTRUSTED
    ),
    "untrusted accepted by the secret": lambda _, __, secret: setattr(
        secret.validation_context, "trust_chain_verification", ACCEPT_UNTRUSTED
    ),
    "a pin": lambda _, context, __: unpack_default(context).verify_certificate_hash.append(IMPORTED[0].fingerprint),
    "system roots": lambda _, context, __: unpack_default(context).system_root_certs.SetInParent(),
    "system roots in the secret": lambda _, __, secret: secret.validation_context.system_root_certs.SetInParent(),
    "expired accepted": lambda _, context, __: setattr(unpack_default(context), "allow_expired_certificate", True),
    "a secret that is not there": lambda _, __, secret: setattr(secret, "name", "trust/other"),
    "no anchors": lambda _, __, secret: secret.validation_context.ClearField("trusted_ca"),
    "anchors that cannot be read": lambda _, __, secret: setattr(
        secret.validation_context.trusted_ca, "inline_string", "-----BEGIN CERTIFICATE-----"
    ),
    "other anchors": lambda _, __, secret: setattr(
        secret.validation_context.trusted_ca, "inline_string", IMPORTED[0].pem
    ),
}


@pytest.mark.parametrize("anchors", [[], IMPORTED[1:3]], ids=["public roots", "imported"])
@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_promise_is_detected(how: str, anchors: list[Certificate]):
    trust = {ENDPOINT.origin: trust_set(anchors, ENDPOINT.origin.reference)}
    resources = build_api(API, trust)
    assert list(find_flaws(API, trust, resources)) == []
    for number in range(len(resources.clusters)):
        assert list(find_flaws(API, trust, break_one(resources, number, BROKEN[how])))


def break_one(resources: ApiResources, number: int, change: Break) -> ApiResources:
    """Break one cluster, or the secret that it refers to."""
    clusters, (trust_secret,) = list(resources.clusters), resources.secrets
    cluster, secret = Cluster.FromString(clusters[number].body), Secret.FromString(trust_secret.body)
    context = UpstreamTlsContext()
    cluster.transport_socket.typed_config.Unpack(context)
    change(cluster, context, secret)
    if cluster.HasField("transport_socket"):
        cluster.transport_socket.typed_config.Pack(context)
    clusters[number] = make_resource(CLUSTER, cluster.name, cluster)
    return replace(resources, clusters=tuple(clusters), secrets=(make_resource(SECRET, secret.name, secret),))


def test_a_missing_cluster_is_detected():
    trust = {ENDPOINT.origin: trust_set([], ENDPOINT.origin.reference)}
    resources = build_api(API, trust)
    assert list(find_flaws(API, trust, replace(resources, clusters=resources.clusters[1:])))


def test_a_cluster_that_belongs_to_no_endpoint_is_detected():
    trust = {ENDPOINT.origin: trust_set([], ENDPOINT.origin.reference)}
    resources = build_api(API, trust)
    stray = make_resource(CLUSTER, "stray", Cluster(name="stray"))
    assert list(find_flaws(API, trust, replace(resources, clusters=(*resources.clusters, stray))))
