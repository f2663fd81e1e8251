"""The failures pages show untrusted text escaped, and only to its organization."""

from datetime import UTC, datetime

import pytest

from holdfast.gateway.failures.access_log import FailedRequest
from holdfast.gateway.failures.evidence import Evidence
from rest.calls import create_api

SCRIPT = '"><script>alert(1)</script>'


@pytest.fixture
def fail(shared_runtime, berta):
    """Report a failed request in which every text is hostile."""

    def tell(api, request_id=SCRIPT):
        shared_runtime.failures.record(
            FailedRequest(
                gateway=SCRIPT,
                cluster=f"{berta.organization}/{api['id']}/production",
                upstream=SCRIPT,
                evidence=Evidence(reason=f"SAN matcher, certificate SANs are [{SCRIPT}]"),
                request_id=request_id,
                at=datetime.now(UTC),
            )
        )

    return tell


def test_hostile_text_is_escaped(client, fail):
    fail(create_api(client))
    for parameters in ({}, {"request_id": SCRIPT}, {"request_id": f"unknown{SCRIPT}"}):
        answer = client.get("/failures", params=parameters)
        assert answer.status_code == 200
        assert "alert(1)" in answer.text
        assert "<script>alert" not in answer.text


def test_htmx_receives_only_the_list(client, fail):
    fail(create_api(client))
    whole, part = client.get("/failures"), client.get("/failures", headers={"HX-Request": "true"})
    assert "<html" in whole.text
    assert "<html" not in part.text
    assert "hostname_mismatch" in part.text
    assert whole.headers["vary"] == part.headers["vary"] == "HX-Request"


def test_failures_are_shown_only_to_their_organization(client, stranger, fail):
    api = create_api(client)
    fail(api, "of-berta")
    assert api["id"] in client.get("/failures").text
    assert api["id"] not in stranger.get("/failures").text
    assert api["id"] in client.get("/failures", params={"request_id": "of-berta"}).text
    answer = stranger.get("/failures", params={"request_id": "of-berta"})
    assert '<article class="card failure">' not in answer.text


@pytest.mark.parametrize("page", ["0", "-1", "99999999999999999999"])
def test_a_page_number_beyond_the_last_is_not_an_error(client, fail, page):
    fail(create_api(client))
    assert client.get("/failures", params={"page": page}).status_code == 200


def test_more_failures_than_fit_on_a_page_have_a_next_page(client, shared_runtime, berta):
    api = create_api(client)
    for number in range(51):
        shared_runtime.failures.record(
            FailedRequest(
                gateway=f"edge-{number}",
                cluster=f"{berta.organization}/{api['id']}/production",
                upstream="",
                evidence=Evidence(flags=frozenset({"UT"})),
                request_id="",
                at=datetime.now(UTC),
            )
        )
    first, second = (client.get("/failures", params={"page": page}).text for page in (1, 2))
    assert (first.count("<tr id="), second.count("<tr id=")) == (50, 1)
    assert "/failures?page=2" in first


def test_the_failures_page_requires_sign_in(connect, shared_runtime):
    assert connect(shared_runtime).get("/failures").headers["location"] == "/sign-in?next=%2Ffailures"
