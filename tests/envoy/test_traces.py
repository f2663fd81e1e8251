"""Traces of requests and metrics of a gateway reach a collector that it verifies, and never cost a request."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends import V4, Backend
from holdfast.gateway.process.admin_http import ask
from issuing import issue
from otlp_receiver import OtlpReceiver, Span, http_receiver
from running import Holdfast, PublishedApi, wait_until

pytestmark = pytest.mark.envoy
ROOT = issue(ca=True)
IDENTITY = issue(V4)
EXPORTED_WITHIN = 45.0  # seconds: Envoy sends spans every 5 seconds
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tracing")


@pytest.fixture(scope="module")
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver(issue(V4, by=ROOT)) as running:
        yield running


@pytest.fixture(scope="module")
def tracing(directory: Path, receiver: OtlpReceiver, server_environment: dict[str, str]) -> Iterator[Holdfast]:
    (directory / "ca.pem").write_bytes(ROOT.pem)
    settings = {
        "HOLDFAST_GATEWAY_TRACES": receiver.url,
        "HOLDFAST_GATEWAY_TRACES_CA_FILE": str(directory / "ca.pem"),
        "HOLDFAST_GATEWAY_TRACES_SAMPLE": "1",
        "HOLDFAST_GATEWAY_METRICS": receiver.url,
        "HOLDFAST_GATEWAY_METRICS_CA_FILE": str(directory / "ca.pem"),
        "HOLDFAST_GATEWAY_ACCESS_LOG": str(directory / "access.log"),
    }
    with Holdfast(directory, **server_environment, **settings) as running:
        yield running


@pytest.fixture(scope="module")
def api(tracing: Holdfast) -> Iterator[PublishedApi]:
    with Backend(IDENTITY) as backend:
        yield tracing.publish_trusted_api(backend.url(), IDENTITY.pem)


def spans_of(receiver: OtlpReceiver, path: str) -> list[Span]:
    """Return the spans of requests to *path*, those of callers first."""
    of_path = [span for span in receiver.spans if span.attributes.get("http.url") == path]
    traces = {span.trace_id for span in of_path}
    return of_path + [span for span in receiver.spans if span.trace_id in traces and span not in of_path]


def test_a_trace_continues_the_callers_and_the_backend_continues_it(
    tracing: Holdfast, api: PublishedApi, receiver: OtlpReceiver, directory: Path
) -> None:
    path = f"{api.path}/orders"
    answer = tracing.call(f"{path}?token=s3cret", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    spans = wait_until(lambda: len(spans_so_far := spans_of(receiver, path)) >= 2 and spans_so_far, EXPORTED_WITHIN)
    (of_caller,) = (span for span in spans if span.parent_id == PARENT)
    assert of_caller.trace_id == TRACE
    assert of_caller.attributes["holdfast.api"] == api.name
    assert of_caller.attributes["http.status_code"] == "200"
    assert of_caller.name == f"GET {api.name}"
    assert of_caller.resource["service.name"] == "holdfast-gateway"
    assert of_caller.resource["service.instance.id"] == "local"
    assert not any("s3cret" in value for span in spans for value in span.attributes.values())
    _, trace, sender, flags = {name.lower(): value for name, value in answer.json()["headers"].items()}[
        "traceparent"
    ].split("-")
    assert (trace, flags) == (TRACE, "01")
    assert sender in {span.span_id for span in spans}
    is_logged = wait_until(lambda: TRACE in (directory / "access.log").read_text(), EXPORTED_WITHIN)
    assert is_logged


def test_a_request_without_one_begins_a_trace_which_has_the_code_of_its_failure(
    tracing: Holdfast, api: PublishedApi, receiver: OtlpReceiver, directory: Path
) -> None:
    assert api.path
    assert tracing.call("/nothing/here").status_code == 404
    (span,) = wait_until(lambda: spans_of(receiver, "/nothing/here"), EXPORTED_WITHIN)
    assert (span.parent_id, span.attributes["holdfast.failure"]) == ("", "not_found")

    def find_traces() -> set[str]:
        lines = (directory / "access.log").read_text().splitlines()
        return {json.loads(line).get("trace_id") for line in lines}

    wait_until(lambda: span.trace_id in find_traces(), EXPORTED_WITHIN)


def test_a_failed_request_has_the_trace_on_the_page_and_in_rest(tracing: Holdfast, receiver: OtlpReceiver) -> None:
    with Backend(issue(V4)) as backend:
        failing = tracing.publish_api(backend.url())
        tracing.wait_until_served(failing)
        answer = tracing.call(f"{failing.path}/failing", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    request_id = answer.json()["request_id"]

    def traces(path: str) -> set[str | None]:
        response = tracing.rest.get(path)
        entries = response.json().get("list", [response.json()]) if response.is_success else []
        return {entry["traceId"] for entry in entries}

    wait_until(lambda: traces(f"/failures/{request_id}") == {TRACE})
    assert traces(f"/apis/{failing.id}/failures") == traces(f"/failures?apiId={failing.id}") == {TRACE}
    assert spans_of(receiver, f"{failing.path}/failing") or wait_until(
        lambda: spans_of(receiver, f"{failing.path}/failing"), EXPORTED_WITHIN
    )
    missing_id = tracing.call("/nothing/there").json()["request_id"]
    (trace,) = wait_until(lambda: traces(f"/failures/{missing_id}"))
    (span,) = wait_until(lambda: spans_of(receiver, "/nothing/there"), EXPORTED_WITHIN)
    assert span.trace_id == trace


def test_no_span_has_the_query_of_an_endpoint(tracing: Holdfast, receiver: OtlpReceiver) -> None:
    with Backend(None) as backend:
        api_with_query = tracing.publish_api(f"{backend.url('/base')}?key=f1xed")
        assert tracing.call(f"{api_with_query.path}/q?a=b").json()["path"] == "/base/q?key=f1xed&a=b"
        spans = wait_until(lambda: len(s := spans_of(receiver, f"{api_with_query.path}/q")) >= 2 and s, EXPORTED_WITHIN)
    assert not any(
        secret in value
        for span in spans
        for value in (span.name, *span.attributes.values())
        for secret in ("f1x", "a=b")
    )


def test_the_decision_of_a_caller_that_does_not_sample_applies(
    tracing: Holdfast, api: PublishedApi, receiver: OtlpReceiver
) -> None:
    tracing.call(f"{api.path}/unsampled", headers={"traceparent": f"00-{'ab' * 16}-{PARENT}-00"})
    tracing.call(f"{api.path}/sampled")
    wait_until(lambda: spans_of(receiver, f"{api.path}/sampled"), EXPORTED_WITHIN)
    assert not spans_of(receiver, f"{api.path}/unsampled")


def test_without_a_collector_or_with_an_untrusted_one_requests_continue(
    tracing: Holdfast, api: PublishedApi, receiver: OtlpReceiver
) -> None:
    receiver.stop()
    with tracing.caller() as client:
        assert {client.get(f"{api.path}/lost").status_code for _ in range(200)} == {200}
    with OtlpReceiver(issue(V4), receiver.port) as impostor, tracing.caller() as client:

        def passes() -> bool:
            assert client.get(f"{api.path}/untrusted").status_code == 200
            return _failed_handshakes(tracing) > 0

        wait_until(passes, EXPORTED_WITHIN)
        assert not impostor.spans
    receiver.start()

    def arrives() -> bool:
        tracing.call(f"{api.path}/again")
        return bool(spans_of(receiver, f"{api.path}/again"))

    wait_until(arrives, EXPORTED_WITHIN * 2)


def test_over_http_from_the_next_start_on(tracing: Holdfast, api: PublishedApi) -> None:
    with http_receiver() as (url, spans):
        tracing.environment["HOLDFAST_GATEWAY_TRACES"] = url
        tracing.stop()
        tracing.start()
        tracing.call(f"{api.path}/http")
        wait_until(lambda: f"{api.path}/http" in {span.attributes["http.url"] for span in spans}, EXPORTED_WITHIN)


def test_metrics_of_the_gateway_have_the_requests_of_each_api(
    tracing: Holdfast, api: PublishedApi, receiver: OtlpReceiver
) -> None:
    def values(name: str, **attributes: str | int) -> list[int]:
        metric = receiver.metrics.get(name)
        points = [*metric.gauge.data_points, *metric.sum.data_points] if metric else []
        values_by_attributes = [
            (point.as_int, {one.key: one.value.string_value or one.value.int_value for one in point.attributes})
            for point in points
        ]
        return [value for value, labels in values_by_attributes if labels.items() >= attributes.items()]

    def count_requests(status: int) -> int:
        labels = {"holdfast.api.id": api.id, "holdfast.environment": "production", "http.response.status_code": status}
        return sum(values("holdfast.gateway.api.requests", **labels))

    for _ in range(3):
        tracing.call(f"{api.path}/status/418")
    wait_until(lambda: count_requests(418) == 3, EXPORTED_WITHIN * 2)
    wait_until(lambda: values("holdfast.gateway.ready") == [1], EXPORTED_WITHIN)
    assert sum(values("holdfast.gateway.requests", environment="production")) >= 3
    assert receiver.metrics["holdfast.gateway.api.requests"].sum.is_monotonic
    assert receiver.metric_services == {"holdfast-gateway/local"}


def _failed_handshakes(holdfast: Holdfast) -> int:
    lines = ask(holdfast.sockets / "admin", "/clusters").splitlines()
    return sum(
        int(line.rpartition("::")[2]) for line in lines if line.startswith("collector::") and "cx_connect_fail" in line
    )
