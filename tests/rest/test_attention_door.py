"""`GET /attention`, and acknowledged failures."""

from datetime import timedelta

import pytest

from holdfast.gateway.failures.access_log import FailedRequest
from holdfast.gateway.failures.evidence import Evidence
from issuing import issue
from rest.calls import APIS, CERTIFICATES, PREFIX, upload

REFUSED = Evidence(flags=frozenset({"UF"}), reason="delayed connect error: Connection refused")
UNTRUSTED = Evidence(
    flags=frozenset({"UF"}), reason="TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED"
)


@pytest.fixture
def fail(shared_runtime, berta):
    """Report a failed request."""

    def report(api, evidence=REFUSED, gateway="local"):
        shared_runtime.failures.record(
            FailedRequest(
                gateway=gateway,
                cluster=f"{berta.organization}/{api['id']}/production",
                upstream="127.0.0.1:1",
                evidence=evidence,
                request_id="",
                at=shared_runtime.now(),
            )
        )

    return report


def items(client):
    """Return what needs attention, by kind."""
    answer = client.get(f"{PREFIX}/attention").json()
    assert answer["count"] == len(answer["list"])
    return {item["kind"]: item for item in answer["list"]}


@pytest.mark.usefixtures("api")
def test_nothing_needs_attention_in_an_organization_without_problems(client):
    assert items(client) == {}


def test_a_failing_backend_needs_attention_until_someone_acknowledges_it(client, api, fail):
    fail(api)
    item = items(client)["failing-backends"]
    assert (item["urgency"], item["count"], item["page"]) == ("now", 1, "/failures")
    assert api["name"] in item["example"]
    path = f"{APIS}/{api['id']}/failures/production/acknowledgement"
    assert client.put(path).json()["user"] == client.get(f"{PREFIX}/account").json()["name"]
    assert "failing-backends" not in items(client)
    assert client.get(f"{PREFIX}/failures").json()["list"][0]["acknowledgement"]["user"]
    assert client.delete(path).status_code == 204
    assert "failing-backends" in items(client)


def test_a_backend_that_fails_in_another_way_needs_attention_again(client, api, fail):
    fail(api)
    client.put(f"{APIS}/{api['id']}/failures/production/acknowledgement")
    fail(api)
    assert "failing-backends" not in items(client)
    fail(api, UNTRUSTED)
    assert "failing-backends" in items(client)


def test_a_backend_that_fails_at_another_gateway_needs_attention_again(client, api, fail):
    fail(api)
    client.put(f"{APIS}/{api['id']}/failures/production/acknowledgement")
    fail(api, gateway="eu-1")
    assert items(client)["failing-backends"]["count"] == 1


def test_only_a_backend_that_fails_can_be_acknowledged(client, api):
    assert client.put(f"{APIS}/{api['id']}/failures/production/acknowledgement").status_code == 404


def test_failures_are_filtered(client, api, fail, shared_runtime):
    fail(api)
    fail(api, UNTRUSTED, gateway="eu-1")
    later = (shared_runtime.now() + timedelta(hours=1)).isoformat()
    for parameters, expected in (
        ({}, 2),
        ({"apiId": api["id"]}, 2),
        ({"apiId": "another"}, 0),
        ({"code": "connection_refused"}, 1),
        ({"gateway": "eu-1"}, 1),
        ({"since": later}, 0),
        ({"acknowledged": "true"}, 0),
        ({"acknowledged": "false"}, 2),
    ):
        answer = client.get(f"{PREFIX}/failures", params=parameters).json()
        assert answer["pagination"]["total"] == expected, parameters


def test_certificates_that_no_api_uses_need_attention(client, api):
    assert upload(client, issue("pizza.test").pem).status_code == 201
    assert "unused-certificates" not in items(client)
    alias = client.get(CERTIFICATES).json()["certificates"][0]["alias"]
    assert client.delete(f"{APIS}/{api['id']}").status_code == 200
    item = items(client)["unused-certificates"]
    assert (item["count"], item["example"].partition(",")[0], item["urgency"]) == (1, alias, "later")


def test_another_organization_sees_none_of_it(stranger, api, fail):
    fail(api)
    assert items(stranger) == {}
