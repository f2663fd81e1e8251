"""Why a backend is not reached, as its operators are told."""

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime
from pathlib import Path
from ssl import TLSVersion

import httpx
import pytest
from cryptography import x509

from backends import Backend, closed_port, silent_backend
from holdfast.apis.api import Api
from holdfast.apis.endpoint import parse_endpoint
from holdfast.apis.lifecycle import State
from holdfast.certificates.certificate import read_certificate
from holdfast.certificates.trust import trust_set
from holdfast.gateway.ads import serve
from holdfast.gateway.cache import Cache
from holdfast.gateway.causes import EXPLANATIONS, Cause
from holdfast.gateway.clusters import clusters
from holdfast.gateway.listeners import listener
from holdfast.gateway.process import EnvoyProcess, find_envoy
from holdfast.gateway.routes import cluster_name, routes_of, scope_of, scoped_routes
from holdfast.services.failures import Failure, Failures
from issuing import (
    CLIENTS_ONLY,
    DAY,
    MD5_WITH_RSA,
    Issued,
    alter,
    ask_clients,
    issue,
    key_usage,
    rsa_key,
    secp256k1,
    server_context,
    speak_only,
)
from running import Holdfast, PublishedApi, free_addresses, refusal, wait_until

pytestmark = pytest.mark.envoy
HOST = "127.0.0.1"


def failure(holdfast: Holdfast, api: PublishedApi) -> dict[str, object]:
    """Call until operators are told of it: what began before a change was in force is not held against it."""
    called = set()

    def told() -> dict[str, object] | None:
        called.add(holdfast.call(api.path).json()["request_id"])
        found = holdfast.rest.get(f"/apis/{api.id}/failures").json()["list"]
        return next((each for each in found if each["requestId"] in called), None)

    found = wait_until(told)
    assert found
    return found


def of_backend(
    holdfast: Holdfast, presented: Issued | None, trusted: Issued | None, tls: ssl.SSLContext | None = None
) -> dict[str, object]:
    with Backend(presented, tls=tls) as backend:
        url = backend.url().replace("http:", "https:")
        api = holdfast.publish_api(url)
        if trusted:
            holdfast.import_certificate(url, trusted.pem)
        found = failure(holdfast, api)
        assert (found["environment"], found["gateway"]) == ("production", "embedded")
        assert found["upstream"] == f"{HOST}:{backend.port}"
        return found


def assert_explained(found: dict[str, object], code: str) -> None:
    """Check that a failure has this code, and what is said about it."""
    expected = EXPLANATIONS[Cause(code)]
    assert found["code"] == code, found
    assert str(found["message"]).startswith(expected.sentence)
    assert (found["remedy"], found["action"]) == (expected.remedy, expected.action)


def chains() -> dict[str, tuple[Issued, Issued | None]]:
    """By code, what a backend presents and what is trusted."""
    root = issue(ca=True)
    rsa_root = issue(ca=True, key=rsa_key())
    odd_root = issue(ca=True, key=secp256k1())
    narrow_root = issue(ca=True, permitted="elsewhere.test")
    last_ca = issue(ca=True, by=root, path_length=0, common_name="the last CA")
    nameless, other = issue(common_name=HOST), issue("other.test")
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
    return {
        "expired": (issue(HOST, by=root, start=-9 * DAY, end=-2 * DAY), root),
        "not_yet_valid": (issue(HOST, by=root, start=2 * DAY), root),
        "no_subject_alt_name": (nameless, nameless),
        "hostname_mismatch": (other, other),
        "self_signed_not_trusted": (issue(HOST), None),
        "unknown_issuer": (issue(HOST, by=root), None),
        "weak_signature": (alter(issue(HOST, by=rsa_root), rsa_root, MD5_WITH_RSA), rsa_root),
        "weak_key": (issue(HOST, by=odd_root), odd_root),
        "key_usage_wrong": (issue(HOST, by=root, key=rsa_key(), more=[key_usage()]), root),
        "issuer_not_a_ca": (issue(HOST, by=issue(by=root, common_name="no CA")), root),
        "path_length_exceeded": (issue(HOST, by=issue(ca=True, by=last_ca, common_name="one CA more")), root),
        "name_constraint_violation": (issue(HOST, "here.test", by=narrow_root), narrow_root),
        "unknown_critical_extension": (issue(HOST, by=root, more=[(unknown, True)]), root),
    }


@pytest.mark.parametrize("code", chains())
def test_each_certificate_that_is_refused_has_its_code(holdfast: Holdfast, code: str):
    presented, trusted = chains()[code]
    assert_explained(of_backend(holdfast, presented, trusted), code)


def test_a_purpose_of_clients_alone_is_a_wrong_usage(holdfast: Holdfast):
    root = issue(ca=True)
    assert_explained(of_backend(holdfast, issue(HOST, by=root, purpose=CLIENTS_ONLY), root), "key_usage_wrong")


def test_a_ca_of_the_same_name_with_another_key_is_an_unknown_issuer(holdfast: Holdfast):
    for identified in (True, False):
        root, namesake = (issue(ca=True, common_name="Root", identified=identified) for _ in range(2))
        presented = issue(HOST, by=root, identified=identified)
        assert_explained(of_backend(holdfast, presented, namesake), "unknown_issuer")


@pytest.mark.parametrize("version", [TLSVersion.TLSv1, TLSVersion.TLSv1_1])
def test_a_backend_that_speaks_only_old_tls_has_its_code(holdfast: Holdfast, version: TLSVersion):
    presented = issue(HOST)
    tls = speak_only(server_context(presented), version)
    assert_explained(of_backend(holdfast, presented, presented, tls), "tls_version_mismatch")


@pytest.mark.parametrize("cipher", ["AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA"])
def test_a_backend_that_speaks_only_old_ciphers_has_its_code(holdfast: Holdfast, cipher: str):
    presented = issue(HOST, key=rsa_key())
    tls = speak_only(server_context(presented), TLSVersion.TLSv1_2, cipher)
    assert_explained(of_backend(holdfast, presented, presented, tls), "cipher_mismatch")


def test_a_backend_that_asks_for_a_client_certificate_is_known_in_tls_1_2_alone(holdfast: Holdfast):
    presented, ca = issue(HOST), issue(ca=True)
    tls = ask_clients(speak_only(server_context(presented), TLSVersion.TLSv1_2), ca)
    assert_explained(of_backend(holdfast, presented, presented, tls), "client_certificate_required")
    tls = ask_clients(speak_only(server_context(presented), TLSVersion.TLSv1_3), ca)
    found = of_backend(holdfast, presented, presented, tls)
    assert (found["code"], found["reason"]) == ("other", "")
    assert found["message"] == "The backend ended the connection before it answered."


def test_a_backend_that_is_not_there_has_its_codes(holdfast: Holdfast):
    assert_explained(of_backend(holdfast, None, None), "not_tls")
    with closed_port() as url:
        assert_explained(failure(holdfast, holdfast.publish_api(url)), "connection_refused")
    unknown = holdfast.publish_api("https://nobody-has-this-name.invalid")
    assert_explained(failure(holdfast, unknown), "dns_failure")


def test_a_backend_that_says_nothing_runs_out_of_time(holdfast: Holdfast):
    with silent_backend() as url:
        api = holdfast.create_api(url)
        holdfast.change_lifecycle(api, "Publish")
        holdfast.import_certificate(url, issue(HOST).pem)
        request_id = holdfast.call(api.path).json()["request_id"]  # after 5 seconds, the time limit for connections
        found = wait_until(lambda: holdfast.rest.get(f"/apis/{api.id}/failures").json()["list"])
        assert_explained(found[0], "timeout")
        assert found[0]["requestId"] == request_id


def test_a_gateway_without_what_an_endpoint_trusts_says_so(tmp_path: Path):
    """Holdfast never sends a cluster without its secret, so here the cluster goes out alone."""
    with silent_backend() as url:
        found = asyncio.run(failure_without_secret(tmp_path, url))
    assert (found.cause, found.latest.gateway) == (Cause.TRUST_NOT_READY, "edge")


async def failure_without_secret(directory: Path, url: str) -> Failure:
    api = Api(
        id="pizza",
        organization="default",
        name="Pizza",
        context="/pizza",
        version="1",
        state=State.PUBLISHED,
        production=parse_endpoint(url),
        sandbox=None,
        description="",
        provider="",
        created_at=datetime.now(UTC),
        updated_at=datetime.now(UTC),
    )
    port = int(free_addresses(1)[0].rpartition(":")[2])
    failures, cache, endpoint = Failures(lambda: None), Cache(), api.endpoints[0]
    trust = trust_set([read_certificate(issue(HOST).der)], endpoint.origin.reference)
    name = cluster_name(api.organization, api.id, "production")
    routes = scoped_routes("production", scope_of(api), [routes_of(api, "production")])
    cache.apply([*clusters(name, endpoint, trust), listener("production", HOST, port), routes])
    server = await serve(cache, f"unix:{directory / 'ads'}", failures.record)
    process = EnvoyProcess(find_envoy(), "edge", directory, directory / "envoy.log")
    await process.start()
    try:
        async with asyncio.timeout(20), httpx.AsyncClient(trust_env=False) as client:
            while not failures.of(api):
                with contextlib.suppress(httpx.TransportError):
                    await client.get(f"http://{HOST}:{port}{api.path}")
                await asyncio.sleep(0.02)
    finally:
        await process.stop()
        await server.stop(0)
    return failures.of(api)["production"]


def test_callers_cannot_choose_the_id_that_a_failure_is_found_by(holdfast: Holdfast):
    with closed_port() as url:
        api = holdfast.publish_api(url)
        given = holdfast.call(api.path, headers={"x-request-id": "chosen"}).json()["request_id"]
        assert given != "chosen"
        found = wait_until(lambda: (answer := holdfast.rest.get(f"/failures/{given}")).is_success and answer.json())
        assert (found["apiId"], found["code"], found["endpoint"]) == (api.id, "connection_refused", url)
        assert holdfast.rest.get("/failures/chosen").status_code == 404


def test_what_was_failing_is_forgotten_when_a_change_is_in_force(holdfast: Holdfast):
    presented = issue(HOST)
    with Backend(presented) as backend:
        api = holdfast.publish_api(backend.url())
        wait_until(lambda: int(str(failure(holdfast, api)["times"])) > 1)
        holdfast.import_certificate(backend.url(), presented.pem)
        assert holdfast.rest.get(f"/apis/{api.id}/failures").json() == {"count": 0, "list": []}
        assert holdfast.call(api.path).status_code == 200


def test_the_names_that_the_backend_has_are_told_to_operators_and_not_to_callers(holdfast: Holdfast):
    presented = issue("other.test")
    with Backend(presented) as backend:
        api = holdfast.publish_api(backend.url())
        holdfast.import_certificate(backend.url(), presented.pem)
        assert "It is for other.test." in str(failure(holdfast, api)["message"])
        answer = holdfast.call(api.path)
        assert refusal(answer) == "503 backend_not_trusted"
        assert "other.test" not in answer.text
