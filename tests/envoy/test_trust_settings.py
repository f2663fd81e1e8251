"""Trust settings of an endpoint, enforced by the gateway."""

import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backends import Backend
from granting import grant, grant_until
from holdfast.certificates.certificate import read_certificate
from issuing import Identity, issue, revoke
from running import Holdfast, PublishedApi, wait_until

pytestmark = pytest.mark.envoy
HOST = "127.0.0.1"
NOT_TRUSTED = "backend_not_trusted"


def settings(holdfast: Holdfast, url: str, **values: Any) -> dict[str, Any]:
    answer = holdfast.rest.put("/endpoints/trust-settings", params={"endpoint": url}, json=values)
    assert answer.status_code == 200, answer.text
    settings_now: dict[str, Any] = answer.json()
    return settings_now


def becomes(holdfast: Holdfast, api: PublishedApi, expected: str) -> bool:
    """Call until the gateway answers as is expected: nothing else says when it has followed."""

    def answer() -> str:
        response = holdfast.call(api.path)
        return "accepted" if response.status_code == 200 else str(response.json()["code"])

    return bool(wait_until(lambda: answer() == expected))


def fingerprints(identity: Identity) -> tuple[str, str]:
    certificate = read_certificate(identity.der)
    return certificate.fingerprint, certificate.spki_fingerprint


def test_a_pin_is_checked_in_addition_to_the_chain(holdfast: Holdfast):
    root = issue(ca=True)
    identity, other = issue(HOST, by=root), issue(HOST, by=root)
    with Backend(identity) as backend:
        api = holdfast.publish_trusted_api(backend.url(), root.pem)
        assert becomes(holdfast, api, "accepted")
        for number, field in enumerate(("certificatePins", "spkiPins")):
            settings(holdfast, backend.url(), **{field: [fingerprints(other)[number]]})
            assert becomes(holdfast, api, NOT_TRUSTED)
            settings(
                holdfast, backend.url(), **{field: [fingerprints(identity)[number] for identity in (other, identity)]}
            )
            assert becomes(holdfast, api, "accepted")


def test_a_pin_without_a_trusted_chain_is_not_enough(holdfast: Holdfast):
    identity = issue(HOST)
    with Backend(identity) as backend:
        api = holdfast.publish_trusted_api(backend.url(), issue(HOST).pem)
        settings(holdfast, backend.url(), certificatePins=[fingerprints(identity)[0]])
        holdfast.wait_until_trust_is_enforced(backend.url())
        assert becomes(holdfast, api, NOT_TRUSTED)


def test_a_certificate_without_a_usable_name_is_accepted_by_its_pin(holdfast: Holdfast):
    identity, other = issue(common_name="no name"), issue(common_name="another")
    with Backend(identity) as backend:
        api = holdfast.publish_trusted_api(backend.url(), identity.pem)
        assert becomes(holdfast, api, NOT_TRUSTED)
        settings(holdfast, backend.url(), anyName=True, certificatePins=[fingerprints(identity)[0]])
        assert becomes(holdfast, api, "accepted")
        backend.present(other)
        settings(holdfast, backend.url(), anyName=True, certificatePins=[fingerprints(other)[0]])
        assert becomes(holdfast, api, NOT_TRUSTED)


def test_configured_names_replace_the_host(holdfast: Holdfast):
    identity = issue("backend.internal")
    with Backend(identity) as backend:
        api = holdfast.publish_trusted_api(backend.url(), identity.pem)
        assert becomes(holdfast, api, NOT_TRUSTED)
        settings(holdfast, backend.url(), names=["other.internal", "backend.internal"])
        assert becomes(holdfast, api, "accepted")
        settings(holdfast, backend.url(), names=["other.internal", HOST])
        assert becomes(holdfast, api, NOT_TRUSTED)


def test_public_roots_are_trusted_only_if_configured(holdfast: Holdfast):
    identity = issue(HOST)
    with Backend(identity) as backend:
        api = holdfast.publish_trusted_api(backend.url(), identity.pem)
        assert becomes(holdfast, api, "accepted")
        settings(holdfast, backend.url(), anchors="public")
        assert becomes(holdfast, api, NOT_TRUSTED)
        settings(holdfast, backend.url(), anchors="imported-and-public")
        assert becomes(holdfast, api, "accepted")


def test_the_server_name_is_the_one_that_was_given(holdfast: Holdfast):
    identity = issue(HOST)
    with Backend(identity) as backend:
        api = holdfast.publish_trusted_api(backend.url(), identity.pem)
        assert becomes(holdfast, api, "accepted")
        assert backend.server_names == [None]
        settings(holdfast, backend.url(), sni="asked.internal")
        assert wait_until(lambda: holdfast.call(api.path).is_success and "asked.internal" in backend.server_names)


def test_a_revoked_certificate_is_refused(holdfast: Holdfast):
    root = issue(ca=True)
    identity = issue(HOST, by=root)
    with Backend(identity) as backend:
        api = holdfast.publish_trusted_api(backend.url(), root.pem)
        settings(holdfast, backend.url(), crls=revoke(root).decode())
        holdfast.wait_until_trust_is_enforced(backend.url())
        assert becomes(holdfast, api, "accepted")
        settings(holdfast, backend.url(), crls=revoke(root, identity).decode())
        assert becomes(holdfast, api, NOT_TRUSTED)
        settings(holdfast, backend.url(), crls="")
        assert becomes(holdfast, api, "accepted")


def test_the_crl_of_the_issuer_is_enough_if_configured(holdfast: Holdfast):
    root = issue(ca=True)
    intermediate = issue(by=root, ca=True, common_name="intermediate")
    identity = issue(HOST, by=intermediate)
    with Backend(identity) as backend:
        api = holdfast.publish_trusted_api(backend.url(), root.pem)
        settings(holdfast, backend.url(), crls=revoke(intermediate).decode())
        assert becomes(holdfast, api, NOT_TRUSTED)
        settings(holdfast, backend.url(), revocationOfPath=False)
        assert becomes(holdfast, api, "accepted")
        settings(holdfast, backend.url(), crls=revoke(intermediate, identity).decode(), revocationOfPath=False)
        assert becomes(holdfast, api, NOT_TRUSTED)


def test_tls_versions_are_those_that_were_chosen(holdfast: Holdfast):
    identity = issue(HOST)
    with Backend(identity) as backend:
        api = holdfast.publish_trusted_api(backend.url(), identity.pem)
        settings(holdfast, backend.url(), tlsMaximum="1.2")
        assert wait_until(lambda: holdfast.call(api.path).is_success and backend.tls_versions[-1] == "TLSv1.2")
        settings(holdfast, backend.url(), tlsMinimum="1.3")
        assert wait_until(lambda: holdfast.call(api.path).is_success and backend.tls_versions[-1] == "TLSv1.3")


def test_an_exception_switches_verification_off_until_it_ends(holdfast: Holdfast):
    with Backend(issue("other.test")) as backend:
        api = holdfast.publish_api(backend.url())
        assert becomes(holdfast, api, NOT_TRUSTED)
        grant(holdfast, backend.url(), timedelta(hours=1))
        assert becomes(holdfast, api, "accepted")
        assert wait_until(lambda: progress(holdfast, backend.url()) == "unverified")
        (exception,) = [
            entry
            for entry in holdfast.rest.get("/endpoints/trust-exceptions").json()["list"]
            if entry["origin"] == backend.url()
        ]
        assert exception["owner"] == "admin"
        response = holdfast.rest.delete("/endpoints/trust-exception", params={"endpoint": backend.url()})
        assert response.json()["exception"] is None
        assert becomes(holdfast, api, NOT_TRUSTED)


def test_an_exception_expires_automatically_even_for_open_connections(holdfast: Holdfast):
    with Backend(issue("other.test")) as backend, holdfast.caller() as caller:
        api = holdfast.publish_api(backend.url())
        grant_until(lambda: caller.get(api.path).status_code == 200, holdfast, backend.url(), timedelta(seconds=3))
        assert wait_until(lambda: caller.get(api.path).status_code == 503)
        where = {"endpoint": backend.url()}
        wait_until(lambda: holdfast.rest.get("/endpoints/trust-settings", params=where).json()["exception"] is None)
        assert becomes(holdfast, api, NOT_TRUSTED)


def progress(holdfast: Holdfast, url: str) -> str:
    answer = holdfast.rest.get("/endpoints/trust-settings", params={"endpoint": url})
    return str(answer.json()["enforcement"]["progress"])


def test_an_exception_expires_at_the_gateway_without_the_publisher(tmp_path: Path):
    with Holdfast(tmp_path) as holdfast, Backend(issue("other.test")) as backend, holdfast.caller() as caller:
        api = holdfast.publish_api(backend.url())
        grant_until(lambda: caller.get(api.path).status_code == 200, holdfast, backend.url(), timedelta(seconds=4))
        os.kill(holdfast.pid, signal.SIGSTOP)
        try:
            assert wait_until(lambda: caller.get(api.path).status_code == 503)
        finally:
            os.kill(holdfast.pid, signal.SIGCONT)
        assert becomes(holdfast, api, NOT_TRUSTED)
