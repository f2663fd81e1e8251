"""`/metrics`: metrics of the user's organization."""

from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from holdfast.services.background import Background, TaskState
from issuing import issue
from rest.calls import ENDPOINTS, URL, upload
from store.values import read

pytestmark = pytest.mark.usefixtures("api")


def numbers(client):
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.text)
    return {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}


def test_there_are_metrics_of_certificates_exceptions_and_gateways(client, shared_runtime, berta):
    backend = issue("pizza.test")
    upload(client, backend.pem)
    until = shared_runtime.now() + timedelta(days=1)
    body = {"reason": "renewed today, they say", "until": until.isoformat()}
    client.put(f"{ENDPOINTS}/trust-exception", params={"endpoint": URL}, json=body)
    metrics = numbers(client)
    assert metrics["holdfast_gateways_connected",] == 0
    end = "holdfast_trust_exception_end_timestamp_seconds"
    assert metrics[end, ("origin", "https://pizza.test:8443"), ("owner", berta.name)] == until.timestamp()
    last = "holdfast_endpoint_certificate_not_after_timestamp_seconds"
    expected = read(backend).not_after.timestamp()
    assert metrics[last, ("alias", "pizza-backend"), ("endpoint", URL)] == expected


def test_there_are_metrics_of_background_tasks(client, monkeypatch):
    monkeypatch.setattr(Background, "states", (TaskState("publisher", 3, "disk"), TaskState("discovery")))
    metrics = numbers(client)
    for task, running, failures in (("publisher", 0, 3), ("discovery", 1, 0)):
        assert metrics["holdfast_background_task_running", ("task", task)] == running
        assert metrics["holdfast_background_task_failures_total", ("task", task)] == failures


def test_metrics_do_not_include_other_organizations(client, stranger):
    upload(client, issue("pizza.test").pem)
    assert [key for key in numbers(stranger) if "pizza" in str(key)] == []


def test_metrics_require_authentication(connect, shared_runtime):
    assert connect(shared_runtime).get("/metrics").status_code == 401
