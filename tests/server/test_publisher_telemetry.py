"""The publisher's traces, metrics and logs reach a collector that it verifies, without secrets, and cost no request."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from backends import V4
from holdfast.server.telemetry.trace_context import continue_trace
from issuing import issue
from otlp_receiver import OtlpReceiver, Span, http_receiver
from running import Holdfast, wait_until

ROOT = issue(ca=True)
DELIVERED_WITHIN = 60.0  # seconds: it delivers every 5 seconds
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(scope="module")
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver(issue(V4, by=ROOT)) as running:
        yield running


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory, receiver: OtlpReceiver) -> Iterator[Holdfast]:
    directory = tmp_path_factory.mktemp("observed")
    (directory / "ca.pem").write_bytes(ROOT.pem)
    settings = dict.fromkeys(("HOLDFAST_TRACES", "HOLDFAST_METRICS", "HOLDFAST_LOGS"), receiver.url)
    settings |= {"HOLDFAST_COLLECTOR_CA_FILE": str(directory / "ca.pem"), "HOLDFAST_TRACES_SAMPLE": "0"}
    with Holdfast(directory, HOLDFAST_WITHOUT_GATEWAY="true", **settings) as running:
        yield running


def call(holdfast: Holdfast, path: str, trace: str = TRACE, flags: str = "01") -> httpx2.Response:
    return holdfast.rest.get(path, headers={"traceparent": f"00-{trace}-{PARENT}-{flags}"})


def spans_of(receiver: OtlpReceiver, trace: str) -> list[Span]:
    return [span for span in receiver.spans if span.trace_id == trace]


@pytest.fixture(scope="module")
def response(publisher: Holdfast) -> httpx2.Response:
    """Send all requests that collectors hear of, so that tests wait for one delivery; return the first response."""
    answer = call(publisher, "/apis/s3cret?query=s3cret")
    call(publisher, "/apis", "ab" * 16, "00")
    for _ in range(3):
        publisher.rest.get("/settings")
    call(publisher, "/apis", "cd" * 16)
    return answer


def test_a_span_continues_the_callers_trace_without_path_and_query(
    response: httpx2.Response, receiver: OtlpReceiver
) -> None:
    (span,) = wait_until(lambda: spans_of(receiver, TRACE), DELIVERED_WITHIN)
    assert (span.parent_id, span.resource["service.name"]) == (PARENT, "holdfast")
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": "/api/am/publisher/v4/apis/{api_id}",
        "http.response.status_code": "400",
        "url.scheme": "http",
        "holdfast.request_id": response.headers["x-request-id"],
    }
    assert span.name == "GET /api/am/publisher/v4/apis/{api_id}"


@pytest.mark.usefixtures("response")
def test_only_traces_that_the_caller_or_the_share_samples_are_sent(receiver: OtlpReceiver) -> None:
    wait_until(lambda: spans_of(receiver, "cd" * 16), DELIVERED_WITHIN)
    assert not spans_of(receiver, "ab" * 16)
    assert {span.trace_id for span in receiver.spans} <= {TRACE, "cd" * 16}


@pytest.mark.usefixtures("response")
def test_metrics_count_all_requests(receiver: OtlpReceiver) -> None:
    def count_requests() -> int:
        durations = receiver.metrics.get("http.server.request.duration")
        return sum(
            point.count
            for point in (durations.histogram.data_points if durations else ())
            if "/settings" in str(point.attributes)
        )

    wait_until(lambda: count_requests() == 3, DELIVERED_WITHIN)
    assert receiver.metrics["holdfast.background_tasks.failing"].gauge.data_points[0].as_int == 0


def test_without_a_collector_or_with_an_untrusted_one_requests_continue(
    publisher: Holdfast, receiver: OtlpReceiver
) -> None:
    receiver.stop()
    call(publisher, "/apis", "01" * 16)
    wait_until(lambda: "can't be delivered" in str(publisher.log_lines()), DELIVERED_WITHIN)
    began = time.monotonic()
    assert {call(publisher, "/settings", "02" * 16).status_code for _ in range(50)} == {200}
    assert time.monotonic() - began < DELIVERED_WITHIN
    with OtlpReceiver(issue(V4), receiver.port) as impostor:
        wait_until(
            lambda: re.search(r"CERTIFICATE_VERIFY_FAILED|unavailable", str(publisher.log_lines()), re.IGNORECASE)
        )
        assert [impostor.spans, impostor.records, impostor.metrics] == [[], [], {}]
    receiver.start()

    def arrives() -> bool:
        call(publisher, "/apis", "03" * 16)
        return bool(spans_of(receiver, "03" * 16))

    wait_until(arrives, DELIVERED_WITHIN * 2)
    (record, *_) = wait_until(
        lambda: [record for record in receiver.records if "can't be delivered" in record.body.string_value],
        DELIVERED_WITHIN,
    )
    assert record.severity_text == "warning"


def test_over_http_from_the_next_start_on(publisher: Holdfast) -> None:
    with http_receiver() as (url, spans):
        publisher.environment["HOLDFAST_TRACES"] = url
        publisher.stop()
        publisher.start()
        call(publisher, "/apis", "04" * 16)
        wait_until(lambda: "04" * 16 in {span.trace_id for span in spans}, DELIVERED_WITHIN)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("HOLDFAST_TRACES", "ftp://a"), ("HOLDFAST_LOGS", "https://a?key=1"), ("HOLDFAST_COLLECTOR_CA_FILE", "/nowhere")],
)
def test_a_setting_that_cannot_be_used_is_named(setting: str, value: str, tmp_path: Path) -> None:
    environment = {"HOLDFAST_METRICS": "https://127.0.0.1:9", setting: value, "HOLDFAST_WITHOUT_GATEWAY": "true"}
    holdfast = Holdfast(tmp_path, **environment)
    with pytest.raises(AssertionError, match=setting):
        holdfast.start()


@pytest.mark.parametrize(
    "header",
    [
        "", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01", f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-x", f"00-{TRACE.upper()}-{PARENT}-01", f"00-{TRACE}-{PARENT}",
    ],
)  # fmt: skip
def test_a_header_that_is_not_valid_begins_a_trace(header: str) -> None:
    context = continue_trace([(b"traceparent", header.encode())], 0)
    assert (context.parent_id, context.is_sampled) == (b"", False)
    assert context.trace_id != bytes.fromhex(TRACE)


def test_a_later_version_and_a_share_apply() -> None:
    assert continue_trace([(b"traceparent", f"01-{TRACE}-{PARENT}-01-x".encode())], 0).is_sampled
    assert continue_trace([], 1).is_sampled


def test_without_collectors_nothing_of_it_is_loaded() -> None:
    script = (
        "import sys, holdfast.server.app; "
        "sending = ('opentelemetry.proto', 'holdfast.server.telemetry.opening'); "
        "assert not {name for name in sys.modules if name.startswith(sending)}"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
