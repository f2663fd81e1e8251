"""Failed requests: which are stored, who can find them, and for how long."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import process_time

from holdfast.gateway.failures.access_log import FailedRequest
from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.failures.evidence import Evidence
from holdfast.server.clock import utc_now
from holdfast.services.failures import failed_calls
from holdfast.services.failures import failures as service
from holdfast.services.failures.failed_calls import MAX_REJECTIONS_WITHOUT_API, MAX_REQUESTS_OF_BACKEND
from holdfast.services.failures.failures import Failures

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
REFUSED, SELF_SIGNED = "delayed_connect_error:_Connection_refused", "depth_0:_self_signed_certificate"


def make_request(
    request_id="r1", api="default/pizza", environment="production", gateway="edge-1", reason=REFUSED, second=0
):
    return FailedRequest(
        gateway=gateway,
        cluster=f"{api}/{environment}",
        upstream="127.0.0.1:443",
        evidence=Evidence(reason=reason),
        request_id=request_id,
        at=NOW + timedelta(seconds=second),
    )


def record(*requests):
    failures = Failures(lambda: None, utc_now)
    for failed_request in requests:
        failures.record(failed_request)
    return failures


def test_each_gateway_has_its_own_failure_of_a_backend():
    failures = record(
        make_request("r1", gateway="edge-1"),
        make_request("r2", gateway="edge-2", reason=SELF_SIGNED, second=1),
        make_request("r3", gateway="edge-1", second=2),
    )
    result = [
        (failure.latest.gateway, failure.cause, failure.count) for failure in failures.list_of_organization("default")
    ]
    assert result == [("edge-2", Cause.SELF_SIGNED_NOT_TRUSTED, 1), ("edge-1", Cause.CONNECTION_REFUSED, 2)]


def test_a_failure_counts_from_the_first_time_of_its_cause():
    failures = record(make_request("r1"), make_request("r2", reason=SELF_SIGNED, second=1))
    failures.record(make_request("r3", reason=SELF_SIGNED, second=2))
    (result,) = failures.list_of_organization("default")
    assert (result.since, result.last, result.count) == (NOW + timedelta(seconds=1), NOW + timedelta(seconds=2), 2)
    assert (result.request_id, result.latest.upstream) == ("r3", "127.0.0.1:443")


def test_an_api_shows_the_gateway_that_failed_last(served_api):
    api = f"{served_api.organization}/{served_api.id}"
    failures = record(make_request("r1", api, gateway="edge-2", second=5), make_request("r2", api, gateway="edge-1"))
    assert failures.find_by_endpoint(served_api)["production", ""].request_id == "r1"
    assert {failure.latest.gateway for failure in failures.list_of_api(served_api)["production"]} == {
        "edge-1",
        "edge-2",
    }


def test_an_organization_sees_no_failure_of_another():
    failures = record(make_request("r1", "default/pizza"), make_request("r2", "other/pizza"))
    assert [failure.request_id for failure in failures.list_of_organization("default")] == ["r1"]
    assert failures.find_request("default", "r2") is None
    assert failures.find_request("other", "r2")


def test_the_same_request_id_in_two_organizations_is_two_requests():
    failures = record(make_request("r1", "default/pizza"), make_request("r1", "other/pasta"))
    first, second = failures.find_request("default", "r1"), failures.find_request("other", "r1")
    assert first
    assert second
    assert (first.api_id, second.api_id) == ("pizza", "pasta")


def test_a_stored_request_cannot_be_overwritten():
    failures = record(make_request("r1", "default/pizza"), make_request("r1", "default/pasta", reason=SELF_SIGNED))
    result = failures.find_request("default", "r1")
    assert result
    assert (result.api_id, result.cause) == ("pizza", Cause.CONNECTION_REFUSED)


def test_a_backend_that_always_fails_pushes_out_no_other_request():
    failures = record(make_request("quiet", "default/quiet"))
    for number in range(failed_calls.MAX_REQUESTS + 1000):
        failures.record(make_request(f"r{number}", "default/loud"))
    assert failures.find_request("default", "quiet")
    assert failures.find_request("default", f"r{failed_calls.MAX_REQUESTS + 999}")
    assert failures.find_request("default", f"r{failed_calls.MAX_REQUESTS + 999 - MAX_REQUESTS_OF_BACKEND}") is None


def test_the_oldest_requests_are_dropped_if_there_are_too_many(monkeypatch):
    monkeypatch.setattr(failed_calls, "MAX_REQUESTS", 3)
    failures = record(*[make_request(f"r{number}", f"default/api{number % 2}") for number in range(5)])
    assert [number for number in range(5) if failures.find_request("default", f"r{number}")] == [2, 3, 4]


def test_the_least_recently_failed_backends_are_dropped_if_there_are_too_many(monkeypatch):
    monkeypatch.setattr(service, "MAX_FAILURES", 3)
    failures = record(
        make_request("r1", "default/a", gateway="edge-1"),
        make_request("r2", "default/a", gateway="edge-2"),
        make_request("r3", "default/b"),
        make_request("r4", "default/c"),
        make_request("r5", "default/a", gateway="edge-1"),
        make_request("r6", "default/d"),
    )
    assert {failure.request_id for failure in failures.list_of_organization("default")} == {"r2", "r5", "r6"}


def test_an_enforced_change_clears_failures_and_keeps_requests(served_api):
    api = f"{served_api.organization}/{served_api.id}"
    failures = record(make_request("r1", api, gateway="edge-1"), make_request("r2", api, gateway="edge-2"))
    failures.forget(served_api.organization, served_api.id, NOW + timedelta(seconds=5))
    assert failures.find_by_endpoint(served_api) == {}
    failures.record(make_request("r3", api, second=4))
    assert failures.find_by_endpoint(served_api) == {}
    assert all(failures.find_request(served_api.organization, request_id) for request_id in ("r1", "r2", "r3"))
    failures.record(make_request("r4", api, second=6))
    assert failures.find_by_endpoint(served_api)["production", ""].request_id == "r4"


def test_requests_of_unknown_clusters_are_not_recorded():
    for cluster in (
        "default",
        "default/pizza",
        "/pizza/production",
        "default//production",
        "default/pizza/elsewhere",
    ):
        failures = Failures(lambda: None, utc_now)
        failed_request = make_request("r1")
        values = {name: getattr(failed_request, name) for name in failed_request.__slots__}
        failures.record(FailedRequest(**values | {"cluster": cluster}))
        assert failures.find_request("default", "r1") is None, cluster
        assert failures.list_of_organization("default") == [], cluster


def test_ten_thousand_failures_a_second_leave_time_for_others():
    """Recording one takes 6 µs on one core; the limit is generous for machines that run other tests, too."""
    failures, requests = Failures(lambda: None, utc_now), [make_request(f"r{number}") for number in range(10_000)]
    before = process_time()
    for failed_request in requests:
        failures.record(failed_request)
    assert process_time() - before < 1


def test_a_client_certificate_alert_depends_on_whether_one_is_presented():
    def cause(presents):
        questions = []
        failures = Failures(lambda: None, utc_now, lambda *about: bool(questions.append(about)) or presents)
        failures.record(make_request("r1", reason="TLS_error:|268436498:SSL_routines::SSLV3_ALERT_BAD_CERTIFICATE"))
        assert questions == [("default/pizza/production", "")]
        result = failures.find_request("default", "r1")
        assert result
        return result.cause

    assert cause(presents=False) is Cause.CLIENT_CERTIFICATE_REQUIRED
    assert cause(presents=True) is Cause.CLIENT_CERTIFICATE_REJECTED


def reject(request_id, cluster=""):
    evidence = Evidence(details="route_not_found", flags=frozenset({"NR"}), status=404)
    return replace(make_request(request_id), cluster=cluster, evidence=evidence)


def test_a_request_that_reached_no_api_is_found_by_anyone_who_knows_its_id():
    failures = record(reject("r1"))
    for organization in ("default", "other"):
        call = failures.find_request(organization, "r1")
        assert (call.reported_cause, call.api_id, call.environment) == (Cause.API_NOT_FOUND, "", None)
    assert failures.list_of_organization("default") == []


def test_a_request_rejected_by_an_api_is_found_by_its_organization_and_not_a_failure():
    failures = record(reject("r1", "default/pizza/production"))
    assert failures.find_request("default", "r1").api_id == "pizza"
    assert failures.find_request("other", "r1") is None
    assert failures.list_of_organization("default") == []


def test_rejected_requests_push_out_each_other_but_no_failure():
    failures = record(make_request("r1"))
    for number in range(MAX_REJECTIONS_WITHOUT_API + 1):
        failures.record(reject(f"without {number}"))
    for number in range(MAX_REQUESTS_OF_BACKEND + 1):
        failures.record(reject(f"pizza {number}", "default/pizza/production"))
    ids = ("without 0", "without 1", "pizza 0", "pizza 1", "r1")
    assert [failures.find_request("default", request_id) is not None for request_id in ids] == [
        False,
        True,
        False,
        True,
        True,
    ]


def test_a_rejected_request_cannot_take_the_id_of_a_failure():
    failures = record(reject("r1"), make_request("r1"))
    assert failures.find_request("default", "r1").reported_cause is Cause.CONNECTION_REFUSED


def test_members_of_a_group_fail_separately_and_an_attempt_that_ends_a_request_counts_once():
    evidence = Evidence(reason="Connection refused", flags=frozenset({"UF"}))
    at_one = replace(make_request("r1"), evidence=evidence, member="https://one.example")
    at_two = replace(make_request("r1"), evidence=evidence, member="https://two.example")
    failures = record(replace(at_one, is_attempt=True), replace(at_two, is_attempt=True), at_two)
    counts = {failure.latest.member: failure.count for failure in failures.list_of_organization("default")}
    assert counts == {"https://one.example": 1, "https://two.example": 1}
    call = failures.find_request("default", "r1")
    assert call
    assert (call.member, call.is_attempt) == ("https://two.example", False)
    failures.forget("default", "pizza", utc_now())
    assert not failures.list_of_organization("default")
