"""`/failures`: of all APIs, of one API, and of one request."""

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.gateway.failures.access_log import FailedRequest
from holdfast.gateway.failures.evidence import Evidence
from rest.calls import APIS, FAILURES, SANDBOX, URL, assert_problem, create_api

NOW = datetime.now(UTC)
REFUSED, SELF_SIGNED = "delayed_connect_error:_Connection_refused", "depth_0:_self_signed_certificate"
COMMON = {
    "environment",
    "gateway",
    "upstream",
    "code",
    "message",
    "remedy",
    "action",
    "reason",
    "flags",
    "requestId",
    "traceId",
}
COMMON |= {"examinedTime", "presented", "unreadable", "difference", "causes", "suggestedCertificate"}
NAMES = {"apiId", "apiName", "apiVersion", "endpoint"}
SUMS = {"since", "last", "times", "endpoint"}


@pytest.fixture
def fail(shared_runtime, berta):
    """Report a failed request, as a gateway does."""

    def tell(api, request_id, reason=REFUSED, environment="production", gateway="edge-1", second=0):
        shared_runtime.failures.record(
            FailedRequest(
                gateway=gateway,
                cluster=f"{berta.organization}/{api['id']}/{environment}",
                upstream="127.0.0.1:8443",
                evidence=Evidence(reason=reason),
                request_id=request_id,
                at=NOW + timedelta(seconds=second),
            )
        )

    return tell


def test_an_empty_list_says_since_when_failures_are_recorded(client, shared_runtime):
    assert client.get(FAILURES).json() == {
        "count": 0,
        "list": [],
        "startedTime": shared_runtime.failures.started_at.isoformat(),
        "pagination": {"offset": 0, "limit": 25, "total": 0, "next": "", "previous": ""},
    }


def test_failures_of_all_apis_are_listed_the_newest_first(client, api, fail):
    pasta = create_api(client, "Pasta")
    fail(api, "r1")
    fail(pasta, "r2", SELF_SIGNED, second=1)
    fail(api, "r3", second=2)
    first, second = client.get(FAILURES).json()["list"]
    assert first.keys() == COMMON | NAMES | SUMS | {"acknowledgement"}
    assert first | {"message": "", "remedy": ""} == {
        "apiId": pasta["id"],
        "apiName": "Pasta",
        "apiVersion": "1.0.0",
        "endpoint": URL,
        "environment": "production",
        "gateway": "edge-1",
        "upstream": "127.0.0.1:8443",
        "code": "self_signed_not_trusted",
        "message": "",
        "remedy": "",
        "action": "import_certificate",
        "reason": SELF_SIGNED,
        "flags": [],
        "requestId": "r2",
        "traceId": None,
        "since": (NOW + timedelta(seconds=1)).isoformat(),
        "last": (NOW + timedelta(seconds=1)).isoformat(),
        "times": 1,
        "examinedTime": None,
        "presented": None,
        "unreadable": None,
        "difference": None,
        "causes": [{"code": "self_signed_not_trusted", "difference": None}],
        "suggestedCertificate": None,
        "acknowledgement": None,
    }
    assert (second["apiName"], second["times"], second["requestId"]) == ("Pizza", 2, "r3")


def test_the_list_of_failures_is_paginated(client, api, fail):
    for gateway in range(3):
        fail(api, f"r{gateway}", gateway=f"edge-{gateway}", second=gateway)
    body = client.get(FAILURES, params={"limit": 2, "offset": 1}).json()
    assert (body["count"], [failure["gateway"] for failure in body["list"]]) == (2, ["edge-1", "edge-0"])
    assert body["pagination"]["total"] == 3
    assert body["pagination"]["previous"] == f"{FAILURES}?limit=2&offset=0"
    assert_problem(client.get(FAILURES, params={"limit": 0}), 400, "limit")


def test_an_api_has_a_failure_for_each_gateway_and_environment(client, api, fail):
    fail(api, "r1", gateway="edge-1")
    fail(api, "r2", gateway="edge-2", reason=SELF_SIGNED)
    fail(api, "r3", environment="sandbox")
    body = client.get(f"{APIS}/{api['id']}/failures").json()
    assert body["count"] == 3
    assert all(failure.keys() == COMMON | SUMS for failure in body["list"])
    assert {(failure["environment"], failure["gateway"], failure["code"]) for failure in body["list"]} == {
        ("production", "edge-1", "connection_refused"),
        ("production", "edge-2", "self_signed_not_trusted"),
        ("sandbox", "edge-1", "connection_refused"),
    }


def test_a_request_is_found_by_its_id(client, api, fail):
    fail(api, "r1", environment="sandbox")
    body = client.get(f"{FAILURES}/r1").json()
    assert body.keys() == COMMON | NAMES | {"time"}
    assert (body["apiName"], body["endpoint"], body["time"]) == ("Pizza", SANDBOX, NOW.isoformat())
    assert (body["code"], body["requestId"]) == ("connection_refused", "r1")


def test_a_failed_request_of_a_deleted_api_is_found_but_not_listed(client, api, fail):
    fail(api, "r1")
    client.delete(f"{APIS}/{api['id']}")
    body = client.get(f"{FAILURES}/r1").json()
    assert (body["apiId"], body["apiName"], body["apiVersion"], body["endpoint"]) == (api["id"], None, None, None)
    assert client.get(FAILURES).json()["count"] == 0


def test_failures_of_removed_endpoints_are_not_listed(client, api, fail):
    fail(api, "r1", environment="sandbox")
    assert client.get(FAILURES).json()["count"] == 1
    only_production = {"endpointConfig": {"production_endpoints": {"url": URL}}}
    assert client.put(f"{APIS}/{api['id']}", json=only_production).status_code == 200
    assert client.get(FAILURES).json()["count"] == 0


@pytest.mark.parametrize("request_id", ["unknown", "%00", "x" * 5000, "' OR '1'='1"])
def test_an_unknown_request_is_not_found(client, request_id):
    assert_problem(client.get(f"{FAILURES}/{request_id}"), 404, says="No failed request")


def test_failures_are_visible_only_to_their_organization(client, stranger, api, fail):
    fail(api, "of-berta")
    assert client.get(f"{FAILURES}/of-berta").status_code == 200
    assert stranger.get(FAILURES).json()["count"] == 0
    assert_problem(stranger.get(f"{FAILURES}/of-berta"), 404)
    assert_problem(stranger.get(f"{APIS}/{api['id']}/failures"), 404)
