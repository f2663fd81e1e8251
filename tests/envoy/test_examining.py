"""Failing backends are tested automatically, so that operators see what they present and why they are rejected."""

from typing import Any

import pytest

from backends import Backend
from damaged import damaged_backend
from issuing import Issued, issue
from running import Holdfast, PublishedApi, wait_until

pytestmark = pytest.mark.envoy
HOST = "127.0.0.1"


def examined(holdfast: Holdfast, api: PublishedApi) -> dict[str, Any]:
    def told() -> dict[str, Any] | None:
        holdfast.call(api.path)
        found = holdfast.rest.get(f"/apis/{api.id}/failures").json()["list"]
        return next((each for each in found if each["examinedTime"]), None)

    found = wait_until(told)
    assert found
    return found


def of_backend(holdfast: Holdfast, presented: Issued, trusted: Issued) -> dict[str, Any]:
    with Backend(presented) as backend:
        return examined(holdfast, holdfast.publish_trusted_api(backend.url(), trusted.pem))


def test_a_missing_intermediate_and_an_unknown_issuer_are_distinguished(holdfast: Holdfast):
    root = issue(ca=True, common_name="root")
    intermediate = issue(by=root, ca=True, common_name="intermediate")
    found = of_backend(holdfast, issue(HOST, by=intermediate).alone, root)
    assert found["code"] == "chain_incomplete"
    assert found["difference"]["field"] == "issuer"
    assert "CN=intermediate" in found["difference"]["expected"]
    assert len(found["presented"]) == 1
    other = of_backend(holdfast, issue(HOST, by=intermediate).followed_by(intermediate, root), issue(ca=True))
    assert other["code"] == "unknown_issuer"
    assert [each["subject"] for each in other["presented"]][-1] == "CN=root"


def test_a_wrong_name_is_shown_with_the_expected_one(holdfast: Holdfast):
    presented = issue("other.test")
    found = of_backend(holdfast, presented, presented)
    assert found["difference"] == {
        "field": "subjectAltName",
        "expected": f"iPAddress {HOST}",
        "presented": "dNSName other.test",
    }


def test_a_certificate_that_cannot_be_read_is_named(holdfast: Holdfast):
    damaged = b"\x31" + issue(ca=True).der[1:]
    with damaged_backend([issue(HOST).der, damaged]) as url:
        found = examined(holdfast, holdfast.publish_api(url))
    assert (found["code"], len(found["presented"])) == ("unreadable_certificate", 1)
    (unreadable,) = found["unreadable"]
    assert (unreadable["position"], unreadable["size"]) == (2, len(damaged))
    with holdfast.browser() as browser:
        browser.post("/sign-in", data={"name": "admin", "password": holdfast.admin_password})
        page = browser.get("/failures").text
    assert "Certificate 2 can't be read: it doesn&#39;t begin like a certificate." in page


def test_a_required_client_certificate_and_a_closed_connection_are_distinguished(holdfast: Holdfast):
    presented, ca = issue(HOST), issue(ca=True)
    with Backend(presented, client_ca=ca) as backend:
        found = examined(holdfast, holdfast.publish_trusted_api(backend.url(), presented.pem))
    assert (found["code"], found["action"]) == ("client_certificate_required", "add_client_certificate")


def test_the_presented_chain_is_forgotten_when_a_change_is_enforced(holdfast: Holdfast):
    presented = issue(HOST)
    with Backend(presented) as backend:
        api = holdfast.publish_api(backend.url())
        assert examined(holdfast, api)["difference"]["presented"] != ""
        holdfast.import_certificate(backend.url(), presented.pem)
        assert holdfast.call(api.path).status_code == 200
        assert holdfast.rest.get(f"/apis/{api.id}/failures").json()["list"] == []
