"""Headers for browsers, and protection against pages of other origins."""

import pytest

from holdfast.server.middleware.bodies import MAX_BODY
from issuing import issue
from rest.calls import APIS, CERTIFICATES, api_body, assert_problem, assert_unchanged, upload

FOREIGN = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:9080"},
    {"sec-fetch-site": "nonsense"},
    {"origin": "https://evil.test"},
    {"origin": "http://127.0.0.1:9081"},
    {"origin": "http://127.0.0.1"},
    {"origin": "http://127.0.0.1:9080.evil.test"},
    {"origin": "null"},
    {"origin": ""},
    {"origin": "http://["},
]
OWN = [
    {},
    {"sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "none"},
    {"origin": "http://127.0.0.1:9080"},
    {"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:9080"},
]


def test_a_page_of_another_origin_cannot_change_anything(client, shared_runtime, berta, api):
    with assert_unchanged(shared_runtime, berta.organization):
        for headers in FOREIGN:
            assert_problem(client.delete(f"{APIS}/{api['id']}", headers=headers), 403, says="another origin")
        for response in (
            client.post(APIS, json=api_body("New"), headers=headers),
            client.put(f"{APIS}/{api['id']}", json=api_body(), headers=headers),
            upload(client, issue("pizza.test").pem, headers=headers),
        ):
            assert_problem(response, 403, says="another origin")
        assert "another origin" in client.post("/sign-out", headers=headers).text


def test_own_pages_and_programs_can_change_things(client):
    for number, headers in enumerate(OWN):
        assert client.post(APIS, json=api_body(f"Api{number}"), headers=headers).status_code == 201


def test_cross_origin_reads_are_allowed_because_browsers_hide_the_response(client):
    response = client.get(APIS, headers={"sec-fetch-site": "cross-site", "origin": "https://evil.test"})
    assert response.status_code == 200
    assert "access-control-allow-origin" not in response.headers
    assert response.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", APIS, {}),
        ("GET", f"{CERTIFICATES}/nobody", {}),
        ("GET", "/sign-in", {}),
        ("GET", "/nothing-here", {}),
        ("POST", APIS, {"sec-fetch-site": "cross-site"}),
        ("GET", APIS, {"authorization": "Basic x"}),
    ],
)
def test_every_response_has_the_security_headers(client, method, path, headers):
    response_headers = client.request(method, path, headers=headers).headers
    policy = dict(part.split(" ", 1) for part in response_headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert response_headers["x-content-type-options"] == "nosniff"
    assert response_headers["referrer-policy"] == response_headers["cross-origin-opener-policy"] == "same-origin"
    assert response_headers["cache-control"] == "no-store"
    assert "server" not in response_headers


def test_a_body_without_a_declared_length_is_measured_too(client):
    def endless():
        for _ in range(MAX_BODY // 65536 + 1):
            yield bytes(65536)

    assert_problem(client.post(CERTIFICATES, content=endless()), 413, says="larger than 2048 KiB")
