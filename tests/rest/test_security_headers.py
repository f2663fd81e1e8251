"""Every page and every REST response has the headers of the OWASP Secure Headers Project."""

import re
import uuid

import pytest

from holdfast import rest, web
from issuing import issue
from rest.calls import APIS, CERTIFICATES, upload

EXPECTED = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-permitted-cross-domain-policies": "none",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cache-control": "no-store",
}
STREAM = "/live"


def paths(layer, runtime):
    """Return the paths of all GET routes."""
    return {path for path, operations in layer.create_door(runtime).openapi()["paths"].items() if "get" in operations}


def fill(path, api):
    values = {"api_id": api["id"], "alias": "backend", "environment": "production"}
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda match: values.get(match[1], str(uuid.uuid4())), path)


def careful(headers):
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert "camera=()" in headers["permissions-policy"].split(", ")
    security_headers = {name: headers.get(name) for name in EXPECTED}
    assert security_headers == EXPECTED
    assert "server" not in headers
    assert "strict-transport-security" not in headers  # browsers ignore it over http


@pytest.mark.parametrize("layer", [web, rest], ids=["pages", "rest"])
@pytest.mark.long
def test_every_path_has_the_security_headers(client, shared_runtime, api, layer):
    upload(client, issue("pizza.test").pem, alias="backend")
    all_paths = sorted(path for path in paths(layer, shared_runtime) if not path.endswith(STREAM))
    assert len(all_paths) > 10
    statuses = []
    for path in all_paths:
        answer = client.get(fill(path, api))
        statuses.append(answer.status_code)
        careful(answer.headers)
    assert max(statuses) < 500
    assert statuses.count(200) > len(statuses) / 3


def test_responses_without_a_session_have_the_security_headers(connect, shared_runtime, api):
    for path in (APIS, CERTIFICATES, "/apis", f"/apis/{api['id']}", "/nothing-here", "/sign-in"):
        careful(connect(shared_runtime).get(path).headers)


def test_browsers_may_cache_only_static_files(client):
    page = client.get("/sign-in").text
    (script, *_) = re.findall(r'src="([^"]+\.js[^"]*)"', page)
    headers = client.get(script).headers
    assert "immutable" in headers["cache-control"]
    other = client.get(f"{script.partition('?')[0]}?v=0123456789ab")  # of a page from another version of Holdfast
    assert (other.status_code, other.headers["cache-control"]) == (200, "no-cache")
    assert headers["x-content-type-options"] == "nosniff"
    assert "javascript" in headers["content-type"]
