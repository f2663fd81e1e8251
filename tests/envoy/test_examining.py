"""Failing backends are tested automatically, so that operators see what they present and why they are rejected."""

from typing import Any

import pytest

from backends import Backend
from damaged import damaged_backend
from issuing import Identity, issue
from running import Holdfast, PublishedApi, wait_until

pytestmark = pytest.mark.envoy
HOST = "127.0.0.1"


def wait_for_failure(holdfast: Holdfast, api: PublishedApi) -> dict[str, Any]:
    def find_examined() -> dict[str, Any] | None:
        holdfast.call(api.path)
        entries = holdfast.rest.get(f"/apis/{api.id}/failures").json()["list"]
        return next((entry for entry in entries if entry["examinedTime"]), None)

    failure = wait_until(find_examined)
    assert failure
    return failure


def of_backend(holdfast: Holdfast, identity: Identity, anchor: Identity) -> dict[str, Any]:
    with Backend(identity) as backend:
        return wait_for_failure(holdfast, holdfast.publish_trusted_api(backend.url(), anchor.pem))


def test_a_missing_intermediate_and_an_unknown_issuer_are_distinguished(holdfast: Holdfast):
    root = issue(ca=True, common_name="root")
    intermediate = issue(by=root, ca=True, common_name="intermediate")
    failure = of_backend(holdfast, issue(HOST, by=intermediate).alone, root)
    assert failure["code"] == "chain_incomplete"
    assert failure["difference"]["field"] == "issuer"
    assert "CN=intermediate" in failure["difference"]["expected"]
    assert len(failure["presented"]) == 1
    other = of_backend(holdfast, issue(HOST, by=intermediate).followed_by(intermediate, root), issue(ca=True))
    assert other["code"] == "unknown_issuer"
    assert [certificate["subject"] for certificate in other["presented"]][-1] == "CN=root"


def test_a_wrong_name_is_shown_with_the_expected_one(holdfast: Holdfast):
    identity = issue("other.test")
    failure = of_backend(holdfast, identity, identity)
    assert failure["difference"] == {
        "field": "subjectAltName",
        "expected": f"iPAddress {HOST}",
        "presented": "dNSName other.test",
    }


def test_a_certificate_that_cannot_be_read_is_named(holdfast: Holdfast):
    der = b"\x31" + issue(ca=True).der[1:]
    with damaged_backend([issue(HOST).der, der]) as url:
        failure = wait_for_failure(holdfast, holdfast.publish_api(url))
    assert (failure["code"], len(failure["presented"])) == ("unreadable_certificate", 1)
    (unreadable,) = failure["unreadable"]
    assert (unreadable["position"], unreadable["size"]) == (2, len(der))
    with holdfast.browser() as browser:
        browser.post("/sign-in", data={"name": "admin", "password": holdfast.admin_password})
        page = browser.get("/failures").text
    assert "Certificate 2 can't be read: it doesn&#39;t begin like a certificate." in page


def test_a_required_client_certificate_and_a_closed_connection_are_distinguished(holdfast: Holdfast):
    identity, ca = issue(HOST), issue(ca=True)
    with Backend(identity, client_ca=ca) as backend:
        failure = wait_for_failure(holdfast, holdfast.publish_trusted_api(backend.url(), identity.pem))
    assert (failure["code"], failure["action"]) == ("client_certificate_required", "add_client_certificate")


def test_the_presented_chain_is_forgotten_when_a_change_is_enforced(holdfast: Holdfast):
    identity = issue(HOST)
    with Backend(identity) as backend:
        api = holdfast.publish_api(backend.url())
        assert wait_for_failure(holdfast, api)["difference"]["presented"] != ""
        holdfast.import_certificate(backend.url(), identity.pem)
        assert holdfast.call(api.path).status_code == 200
        assert holdfast.rest.get(f"/apis/{api.id}/failures").json()["list"] == []
