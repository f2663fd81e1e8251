"""Addresses of lists that were changed by hand never cause an unexpected error."""

import base64

import pytest

PUBLISHER = "/api/am/publisher/v4"


def position(text):
    return base64.urlsafe_b64encode(text.encode()).decode()


POSITIONS = [
    "[" * 2900,
    '["9999-12-31T23:59:59-23:00", "a"]',
    '["0001-01-01T00:00:00+23:00", "a"]',
    '["\\ud800", "a"]',
    '["a", "\\ud800"]',
    '["a\\u0000", "a"]',
]


@pytest.mark.parametrize("sort", ["alias", "expires"])
@pytest.mark.parametrize("text", POSITIONS)
def test_a_tampered_position_causes_no_unexpected_error(client, text, sort):
    for name in ("after", "before"):
        assert client.get("/certificates", params={"sort": sort, name: position(text)}).status_code < 500


@pytest.mark.parametrize(
    "address",
    [
        "/certificates?query=%00",
        "/certificates?issuer=%00",
        "/certificates?query=%ED%A0%80",
        f"/watched-endpoints?page={10**30}",
        f"/notifications?page={10**30}",
        f"/apis?page={10**30}",
        f"/users?page={10**30}",
        f"/gateways?page={10**30}",
        f"/failures?page={10**30}",
        f"/expiry?page={10**30}",
        f"/audit?before=1.{10**30}",
        f"/audit?before=1.-{10**30}",
        "/audit?query=%00&user=%00&subject=%00",
        "/search?query=%00",
        f"{PUBLISHER}/endpoint-certificates?expiresBefore=0001-01-01T00:00:00%2B23:00",
        f"{PUBLISHER}/endpoint-certificates?expiresBefore=9999-12-31T23:59:59-23:00",
        f"{PUBLISHER}/endpoint-certificates-export?expiresBefore=9999-12-31T23:59:59-23:00",
        f"{PUBLISHER}/watched-endpoints?expiresBefore=9999-12-31T23:59:59-23:00",
        f"{PUBLISHER}/endpoint-certificates?query=%00&issuer=%00&label=%00",
        f"{PUBLISHER}/audit-events?before=1.{10**30}",
        f"{PUBLISHER}/endpoint-certificates?query={'a' * 60_000}",
        f"{PUBLISHER}/search?query=%00",
        f"{PUBLISHER}/expiry?period=%00",
    ],
)
def test_a_tampered_address_causes_no_unexpected_error(client, address):
    assert client.get(address).status_code < 500


@pytest.mark.parametrize("text", ["\\ud800", "a\\u0000"])
def test_a_text_that_cannot_be_stored_is_refused_in_a_body(client, text):
    body, json = f'{{"aliases": ["{text}"]}}', {"Content-Type": "application/json"}
    answer = client.post(f"{PUBLISHER}/endpoint-certificates/delete", content=body, headers=json)
    assert answer.status_code == 400
    assert "Remove it" in answer.text
