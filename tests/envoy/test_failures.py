"""Causes of failed requests, as operators see them."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache, partial
from pathlib import Path
from ssl import TLSVersion

import httpx2
import pytest
from cryptography import x509
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.address_pb2 import SocketAddress
from envoy.extensions.network.dns_resolver.cares.v3.cares_dns_resolver_pb2 import CaresDnsResolverConfig

from backends import Backend, closed_port, resetting_backend, silent_backend
from damaged import damaged_backend
from gateway.edge import serve_cache
from holdfast.certificates.certificate import read_certificate
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.failures.causes import NOT_OF_BACKENDS, TOKEN_CAUSES, Cause
from holdfast.gateway.failures.explanations import EXPLANATIONS
from holdfast.gateway.process.binary import find_envoy
from holdfast.gateway.process.directory import gateway_directory
from holdfast.gateway.process.envoy import EnvoyProcess
from holdfast.gateway.resources.cluster_names import name_cluster
from holdfast.gateway.resources.clusters import build_clusters
from holdfast.gateway.resources.listeners import build_listener
from holdfast.gateway.resources.resource import CLUSTER, Resource, make_resource
from holdfast.gateway.resources.routes import build_scoped_routes, find_scope, pack_routes
from holdfast.server.clock import utc_now
from holdfast.services.failures.failure import Failure
from holdfast.services.failures.failures import Failures
from issuing import (
    CLIENTS_ONLY,
    DAY,
    MD5_WITH_RSA,
    Identity,
    alter,
    ask_clients,
    issue,
    key_usage,
    revoke,
    rsa_key,
    secp256k1,
    server_context,
    speak_only,
)
from ports import free_addresses
from running import Holdfast, PublishedApi, refusal, wait_until
from store.values import make_api
from trusting import trust_set

pytestmark = [pytest.mark.envoy, pytest.mark.long]
HOST = "127.0.0.1"
SERVER, CLIENT_CA = issue(HOST), issue(ca=True, common_name="client CA")
STRANGER = issue(common_name="stranger", by=issue(ca=True, common_name="another client CA"))
Report = dict[str, object]
Failing = Callable[[Holdfast], Report]


def failure(holdfast: Holdfast, api: PublishedApi) -> dict[str, object]:
    """Call until the failure is reported; requests that began before a change was enforced don't count."""
    request_ids = set()

    def find_failure() -> dict[str, object] | None:
        request_ids.add(holdfast.call(api.path).json()["request_id"])
        entries = holdfast.rest.get(f"/apis/{api.id}/failures").json()["list"]
        return next((entry for entry in entries if entry["requestId"] in request_ids), None)

    result = wait_until(find_failure)
    assert result
    return result


def of_backend(
    holdfast: Holdfast,
    identity: Identity | None,
    anchor: Identity | None,
    tls: ssl.SSLContext | None = None,
    client: Identity | None = None,
    code: str = "",
    **settings: object,
) -> dict[str, object]:
    """Return the failure of a backend, waiting for *code* if given, because some causes need a probe."""
    with Backend(identity, tls=tls) as backend:
        url = backend.url().replace("http:", "https:")
        api = holdfast.publish_api(url)
        if anchor:
            holdfast.import_certificate(url, anchor.pem)
        with decide(holdfast, url, client, settings):
            result = failure(holdfast, api)
            if code:
                result = wait_until(lambda: (last := failure(holdfast, api))["code"] == code and last)
        assert (result["environment"], result["gateway"]) == ("production", "local")
        assert result["upstream"] == f"{HOST}:{backend.port}"
        return result


@contextlib.contextmanager
def decide(holdfast: Holdfast, url: str, client: Identity | None, settings: dict[str, object]) -> Iterator[None]:
    """Decide until the block ends: the next backend may get the same port, and with it the same origin."""
    if client:
        holdfast.present(url, client.chain_pem + client.key_pem)
    if settings:
        holdfast.decide(url, **settings)
    try:
        yield
    finally:
        if client:
            holdfast.present_nothing(url)
        if settings:
            holdfast.decide(url)


def assert_explained(result: dict[str, object], code: str) -> None:
    """Check that a failure has this code, and what is said about it."""
    expected = EXPLANATIONS[Cause(code)]
    assert result["code"] == code, result
    assert str(result["message"]).startswith(expected.sentence)
    if result["examinedTime"] is None:  # what the backend presents says more precisely what helps
        assert (result["remedy"], result["action"]) == (expected.remedy, expected.action)


def silent(holdfast: Holdfast) -> Report:
    with silent_backend() as url:
        api = holdfast.create_api(url)
        holdfast.change_lifecycle(api, "Publish")
        holdfast.import_certificate(url, issue(HOST).pem)
        holdfast.wait_until_served(api)
        request_id = holdfast.call(api.path).json()["request_id"]  # after 5 seconds, the time limit for connections
        (entry,) = wait_until(lambda: holdfast.rest.get(f"/apis/{api.id}/failures").json()["list"])
        assert entry["requestId"] == request_id
        return dict(entry)


def asking(version: TLSVersion) -> ssl.SSLContext:
    """Ask for a client certificate of CLIENT_CA."""
    return ask_clients(speak_only(server_context(SERVER), version), CLIENT_CA)


def chain(identity: Identity, anchor: Identity | None) -> Failing:
    return lambda holdfast: of_backend(holdfast, identity, anchor)


def weak_cipher(holdfast: Holdfast) -> Report:
    identity = issue(HOST, key=rsa_key())
    tls = speak_only(server_context(identity), TLSVersion.TLSv1_2, "AES128-GCM-SHA256")
    return of_backend(holdfast, identity, identity, tls)


def pin(holdfast: Holdfast) -> Report:
    fingerprint = read_certificate(issue(HOST).der).fingerprint
    return of_backend(holdfast, SERVER, SERVER, certificatePins=[fingerprint])


def with_crl(holdfast: Holdfast, crl: Callable[[Identity, Identity], bytes]) -> Report:
    root = issue(ca=True)
    identity = issue(HOST, by=root)
    return of_backend(holdfast, identity, root, crls=crl(root, identity).decode())


def at(where: Callable[[], AbstractContextManager[str]]) -> Failing:
    def call(holdfast: Holdfast) -> Report:
        with where() as url:
            return failure(holdfast, holdfast.publish_api(url))

    return call


def nameless(holdfast: Holdfast) -> Report:
    return failure(holdfast, holdfast.publish_api("https://nobody-has-this-name.invalid"))


def unrecognizing(holdfast: Holdfast) -> Report:
    tls = server_context(SERVER)
    tls.sni_callback = lambda *_: ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    return of_backend(holdfast, SERVER, SERVER, tls, sni="unknown.test")


@cache
def producers() -> dict[Cause, Failing]:
    """By cause, a real backend of which the real gateway says it."""
    root = issue(ca=True)
    rsa_root = issue(ca=True, key=rsa_key())
    odd_root = issue(ca=True, key=secp256k1())
    narrow_root = issue(ca=True, permitted="elsewhere.test")
    last_ca = issue(ca=True, by=root, path_length=0, common_name="the last CA")
    no_name, other = issue(common_name=HOST), issue("other.test")
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
    forgetful = issue(HOST, by=issue(ca=True, by=root, common_name="not sent")).alone
    old, rejection = TLSVersion.TLSv1_1, Cause.CLIENT_CERTIFICATE_REJECTED
    return {
        Cause.EXPIRED: chain(issue(HOST, by=root, start=-9 * DAY, end=-2 * DAY), root),
        Cause.NOT_YET_VALID: chain(issue(HOST, by=root, start=2 * DAY), root),
        Cause.NO_SUBJECT_ALT_NAME: chain(no_name, no_name),
        Cause.HOSTNAME_MISMATCH: chain(other, other),
        Cause.SELF_SIGNED_NOT_TRUSTED: chain(issue(HOST), None),
        Cause.UNKNOWN_ISSUER: chain(issue(HOST, by=root).followed_by(root), issue(ca=True, common_name="another CA")),
        Cause.CHAIN_INCOMPLETE: lambda holdfast: of_backend(holdfast, forgetful, root, code="chain_incomplete"),
        Cause.PIN_MISMATCH: pin,
        Cause.REVOKED: lambda holdfast: with_crl(holdfast, revoke),
        Cause.CRL_STALE: lambda holdfast: with_crl(holdfast, lambda *_: revoke(issue(ca=True))),
        Cause.WEAK_SIGNATURE: chain(alter(issue(HOST, by=rsa_root), rsa_root, MD5_WITH_RSA), rsa_root),
        Cause.WEAK_KEY: chain(issue(HOST, by=odd_root), odd_root),
        Cause.KEY_USAGE_WRONG: chain(issue(HOST, by=root, key=rsa_key(), more=[key_usage()]), root),
        Cause.ISSUER_NOT_A_CA: chain(issue(HOST, by=issue(by=root, common_name="no CA")), root),
        Cause.PATH_LENGTH_EXCEEDED: chain(issue(HOST, by=issue(ca=True, by=last_ca, common_name="one more")), root),
        Cause.NAME_CONSTRAINT_VIOLATION: chain(issue(HOST, "here.test", by=narrow_root), narrow_root),
        Cause.UNKNOWN_CRITICAL_EXTENSION: chain(issue(HOST, by=root, more=[(unknown, True)]), root),
        Cause.UNREADABLE_CERTIFICATE: at(lambda: damaged_backend([SERVER.der[:-1]])),
        Cause.TLS_VERSION_MISMATCH: lambda it: of_backend(it, SERVER, SERVER, speak_only(server_context(SERVER), old)),
        Cause.CIPHER_MISMATCH: weak_cipher,
        Cause.CLIENT_CERTIFICATE_REQUIRED: lambda it: of_backend(it, SERVER, SERVER, asking(TLSVersion.TLSv1_2)),
        rejection: lambda it: of_backend(it, SERVER, SERVER, asking(TLSVersion.TLSv1_2), client=STRANGER),
        Cause.NOT_TLS: lambda holdfast: of_backend(holdfast, None, None),
        Cause.CONNECTION_REFUSED: at(closed_port),
        Cause.DNS_FAILURE: nameless,
        Cause.TIMEOUT: silent,
        Cause.OTHER: unrecognizing,
    }


ELSEWHERE = {
    Cause.TRUST_NOT_READY: "test_a_gateway_without_the_trust_of_an_endpoint_is_reported",
    Cause.BACKEND_NOT_READY: "test_a_gateway_that_is_still_resolving_a_backend_is_reported",
}
# In test_http_causes.py, test_limits.py, test_connection_authentication.py, test_endpoint_security.py,
# test_token_sign_in.py and test_gateway_identities_in_use.py.
AFTER_THE_HANDSHAKE = (
    NOT_OF_BACKENDS
    | TOKEN_CAUSES
    | {
        Cause.NOT_HTTP,
        Cause.RESPONSE_HEADERS_TOO_LARGE,
        Cause.TOO_MANY_RESPONSE_HEADERS,
        Cause.CONTRADICTORY_LENGTH,
        Cause.CLOSED_BEFORE_RESPONSE,
        Cause.CLOSED_DURING_RESPONSE,
        Cause.STREAM_REFUSED,
        Cause.TOO_MANY_OPEN_REQUESTS,
        Cause.CONNECTION_AUTHENTICATION,
        Cause.SIGN_IN_FAILED,
        Cause.STORED_DATA_UNREADABLE,
    }
)


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause not in {*ELSEWHERE, *AFTER_THE_HANDSHAKE}])
def test_every_cause_comes_from_a_real_backend_and_a_real_gateway(holdfast: Holdfast, cause: Cause):
    """A cause without a producer fails this test."""
    assert_explained(producers()[cause](holdfast), cause.value)


def test_causes_covered_elsewhere_have_a_test():
    assert {name for name in ELSEWHERE.values() if name not in globals()} == set()


def test_a_certificate_only_for_clients_has_a_wrong_usage(holdfast: Holdfast):
    root = issue(ca=True)
    assert_explained(of_backend(holdfast, issue(HOST, by=root, purpose=CLIENTS_ONLY), root), "key_usage_wrong")


def test_a_ca_of_the_same_name_with_another_key_is_an_unknown_issuer(holdfast: Holdfast):
    for identified in (True, False):
        root, namesake = (issue(ca=True, common_name="Root", identified=identified) for _ in range(2))
        identity = issue(HOST, by=root, identified=identified)
        assert_explained(of_backend(holdfast, identity, namesake), "unknown_issuer")


@pytest.mark.parametrize("version", [TLSVersion.TLSv1, TLSVersion.TLSv1_1])
def test_a_backend_that_speaks_only_old_tls_has_its_code(holdfast: Holdfast, version: TLSVersion):
    identity = issue(HOST)
    tls = speak_only(server_context(identity), version)
    assert_explained(of_backend(holdfast, identity, identity, tls), "tls_version_mismatch")


@pytest.mark.parametrize("cipher", ["AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA"])
def test_a_backend_that_speaks_only_old_ciphers_has_its_code(holdfast: Holdfast, cipher: str):
    identity = issue(HOST, key=rsa_key())
    tls = speak_only(server_context(identity), TLSVersion.TLSv1_2, cipher)
    assert_explained(of_backend(holdfast, identity, identity, tls), "cipher_mismatch")


@pytest.mark.parametrize("version", [TLSVersion.TLSv1_2, TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
@pytest.mark.parametrize(
    ("client", "code"),
    [(None, "client_certificate_required"), (STRANGER, "client_certificate_rejected")],
    ids=["nothing", "stranger"],
)
def test_alerts_about_client_certificates_have_their_codes(
    holdfast: Holdfast, version: TLSVersion, client: Identity | None, code: str
):
    """In TLS 1.3 the alert comes after the handshake, when Envoy tells no more than that the connection ended."""
    assert_explained(of_backend(holdfast, SERVER, SERVER, asking(version), client, code), code)


def test_an_alert_that_says_little_is_read_by_whether_a_client_certificate_was_presented(holdfast: Holdfast):
    tomorrow = issue(common_name="tomorrow's", by=CLIENT_CA, start=DAY, end=9 * DAY)
    result = of_backend(holdfast, SERVER, SERVER, asking(TLSVersion.TLSv1_2), tomorrow)
    assert "BAD_CERTIFICATE" in str(result["reason"])
    assert_explained(result, "client_certificate_rejected")


def test_reset_and_refused_connections_are_distinguished(holdfast: Holdfast):
    with resetting_backend() as url:
        result = failure(holdfast, holdfast.publish_api(url))
    assert_explained(result, "closed_before_response")


@pytest.mark.parametrize("missing", ["of the root", "for the issuer"])
def test_a_crl_that_is_missing_is_one_that_is_stale(holdfast: Holdfast, missing: str):
    root = issue(ca=True)
    intermediate = issue(by=root, ca=True, common_name="intermediate")
    crl = revoke(intermediate if missing == "of the root" else root).decode()
    result = of_backend(holdfast, issue(HOST, by=intermediate), root, crls=crl)
    assert_explained(result, "crl_stale")


def test_a_pinned_key_that_is_not_the_backends_is_a_wrong_pin(holdfast: Holdfast):
    other = read_certificate(issue(HOST).der).spki_fingerprint
    assert_explained(of_backend(holdfast, SERVER, SERVER, spkiPins=[other]), "pin_mismatch")


def test_a_gateway_without_the_trust_of_an_endpoint_is_reported(tmp_path: Path):
    """Holdfast never sends a cluster without its secret, so this test sends only the cluster."""
    with silent_backend() as url:
        result = asyncio.run(failure_at_edge(tmp_path, url, keep))
    assert (result.cause, result.latest.gateway) == (Cause.TRUST_NOT_READY, "edge")


def test_a_gateway_that_is_still_resolving_a_backend_is_reported(tmp_path: Path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((HOST, 0))
        ask = partial(ask_at, silent.getsockname()[1])
        result = asyncio.run(failure_at_edge(tmp_path, "https://slow.test", ask, running=True))
    assert (result.cause, result.latest.gateway) == (Cause.BACKEND_NOT_READY, "edge")


def keep(cluster: Resource) -> Resource:
    """Leave a cluster as it is."""
    return cluster


def ask_at(port: int, cluster: Resource) -> Resource:
    """Let a cluster ask another DNS server, at *port* of this machine."""
    new_cluster, resolver = Cluster.FromString(cluster.body), CaresDnsResolverConfig()
    new_cluster.typed_dns_resolver_config.typed_config.Unpack(resolver)
    resolver.resolvers.add().socket_address.CopyFrom(SocketAddress(address=HOST, port_value=port))
    new_cluster.typed_dns_resolver_config.typed_config.Pack(resolver)
    return make_resource(CLUSTER, cluster.name, new_cluster)


async def failure_at_edge(
    directory: Path, url: str, change: Callable[[Resource], Resource], *, running: bool = False
) -> Failure:
    """Call an API at a gateway that has no secrets, and is given *change*d clusters at its start or when *running*."""
    api = make_api(context="/pizza", production=url)
    port = int(free_addresses(1)[0].rpartition(":")[2])
    failures, cache, endpoint = Failures(lambda: None, utc_now), Cache(), api.endpoints[0]
    trust = trust_set([read_certificate(issue(HOST).der)], endpoint.origin.reference)
    name = name_cluster(api.organization, api.id, "production")
    routes = build_scoped_routes("production", find_scope(api), pack_routes(api, "production"))
    resources = [*(change(cluster) for cluster in build_clusters(name, endpoint, trust)), routes]
    cache.apply([build_listener("production", [(HOST, port)]), *([] if running else resources)])
    with gateway_directory(directory) as own:
        process = EnvoyProcess(find_envoy, "edge", own, directory / "envoy.log", 1000, utc_now)
        server = await serve_cache(cache, f"unix:{process.sockets / 'ads'}", failures.record)
        await process.start()
        try:
            async with asyncio.timeout(60), httpx2.AsyncClient(trust_env=False) as client:
                while not failures.find_by_endpoint(api):
                    with contextlib.suppress(httpx2.TransportError):
                        if (await client.get(f"http://{HOST}:{port}{api.path}")).status_code == 404:
                            cache.apply(resources)
                    await asyncio.sleep(0.02)
        finally:
            await process.stop()
            await server.stop(0)
    return failures.find_by_endpoint(api)["production", ""]


def test_callers_cannot_choose_the_id_that_a_failure_is_found_by(holdfast: Holdfast):
    with closed_port() as url:
        api = holdfast.publish_api(url)
        request_id = holdfast.call(api.path, headers={"x-request-id": "chosen"}).json()["request_id"]
        assert request_id != "chosen"
        failed_request = wait_until(
            lambda: (answer := holdfast.rest.get(f"/failures/{request_id}")).is_success and answer.json()
        )
        assert (failed_request["apiId"], failed_request["code"], failed_request["endpoint"]) == (
            api.id,
            "connection_refused",
            url,
        )
        assert holdfast.rest.get("/failures/chosen").status_code == 404


def test_failures_are_forgotten_when_a_change_is_enforced(holdfast: Holdfast):
    identity = issue(HOST)
    with Backend(identity) as backend:
        api = holdfast.publish_api(backend.url())
        wait_until(lambda: int(str(failure(holdfast, api)["times"])) > 1)
        holdfast.import_certificate(backend.url(), identity.pem)
        assert holdfast.rest.get(f"/apis/{api.id}/failures").json() == {"count": 0, "list": []}
        assert holdfast.call(api.path).status_code == 200


def test_operators_see_the_backends_names_but_callers_do_not(holdfast: Holdfast):
    identity = issue("other.test")
    with Backend(identity) as backend:
        api = holdfast.publish_api(backend.url())
        holdfast.import_certificate(backend.url(), identity.pem)
        assert "It has dNSName other.test" in str(failure(holdfast, api)["message"])
        answer = holdfast.call(api.path)
        assert refusal(answer) == "503 backend_not_trusted"
        assert "other.test" not in answer.text
