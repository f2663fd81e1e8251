"""`/endpoint-certificates/inspect`: what a file holds, before it is imported."""

import pytest

from issuing import DAY, issue
from rest.calls import CERTIFICATES, URL, assert_problem, unchanged


def inspect(client, data, **fields):
    return client.post(f"{CERTIFICATES}/inspect", data=fields, files={"certificate": ("backend.pem", data)})


@pytest.mark.usefixtures("api")
def test_a_file_is_described_with_its_findings_and_nothing_is_stored(client, runtime):
    other = issue("other.test", end=9 * DAY)
    with unchanged(runtime, "default"):
        body = inspect(client, other.pem + issue("pizza.test").pem, endpoint=URL).json()
    assert [each["subject"] for each in body["certificates"]] == ["CN=other.test", "CN=pizza.test"]
    assert [each["code"] for each in body["findings"]] == ["expiring", "name-mismatch"]
    assert body["ignored"] == []


def test_without_an_endpoint_names_are_not_judged(client):
    assert inspect(client, issue("other.test").pem).json()["findings"] == []


def test_a_file_that_cannot_be_used_is_refused_as_it_would_be_when_imported(client):
    one = issue("pizza.test")
    assert_problem(inspect(client, b""), 400, "certificate", says="empty")
    assert_problem(inspect(client, one.pem + one.key_pem), 400, "certificate", says="private key")
    assert_problem(inspect(client, one.pem, endpoint="nonsense"), 400, "endpoint", says="https://")
