"""Endpoint certificates and client certificates, step by step as WSO2's description has them, with real backends."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from backends import Backend
from issuing import issue
from running import Holdfast, wait_until

pytestmark = pytest.mark.envoy
OLD, NEW, CALLER = issue("127.0.0.1"), issue("127.0.0.1"), issue(common_name="partner")


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    with Backend(OLD) as running:
        yield running


def upload(client: httpx2.Client, method: str, path: str, content: bytes, **fields: str) -> httpx2.Response:
    files: dict[str, Any] = {"certificate": ("backend.crt", content, "application/octet-stream")}
    return client.request(method, path, files=files, data=fields)


def test_an_endpoint_certificate_is_added_found_replaced_and_deleted(holdfast: Holdfast, backend: Backend):
    client, endpoint = holdfast.rest, backend.url()
    api = holdfast.publish_api(endpoint)
    response = upload(client, "POST", "/endpoint-certificates", OLD.pem, alias="flow", endpoint=endpoint)
    assert (response.status_code, response.json()["alias"], response.json()["endpoint"]) == (201, "flow", endpoint)
    conflict = upload(client, "POST", "/endpoint-certificates", NEW.pem, alias="flow", endpoint=endpoint)
    assert conflict.status_code == 409
    assert "already exists" in conflict.text
    wait_until(lambda: holdfast.call(api.path).status_code == 200)

    for query in ({"alias": "flow"}, {"endpoint": endpoint}):
        body = client.get("/endpoint-certificates", params=query | {"limit": "25", "offset": "0"}).json()
        assert [entry["alias"] for entry in body["certificates"]] == ["flow"]
        assert set(body["pagination"]) == {"offset", "limit", "total", "next", "previous"}
    details = client.get("/endpoint-certificates/flow").json()
    assert (details["status"], details["version"]) == ("Active", "3")
    assert {"from", "to"} <= details["validity"].keys()
    content = client.get("/endpoint-certificates/flow/content")
    assert (content.content, content.headers["content-type"]) == (OLD.der, "application/octet-stream")
    usage = client.get("/endpoint-certificates/flow/usage").json()
    assert [(api["id"], api["name"]) for api in usage["list"]] == [(api.id, api.name)]

    assert upload(client, "PUT", "/endpoint-certificates/flow", NEW.pem).status_code == 200
    wait_until(lambda: holdfast.call(api.path).status_code == 503)
    assert client.delete("/endpoint-certificates/flow").status_code == 200
    assert client.get("/endpoint-certificates/flow").status_code == 404
    assert client.get("/endpoint-certificates/flow/usage").json()["count"] == 0
    holdfast.delete_api(api)


def test_a_certificate_can_be_imported_before_its_api(holdfast: Holdfast, backend: Backend):
    client, endpoint = holdfast.rest, backend.url()
    assert (
        upload(client, "POST", "/endpoint-certificates", OLD.pem, alias="early", endpoint=endpoint).status_code == 201
    )
    api = holdfast.publish_api(endpoint)
    wait_until(lambda: holdfast.call(api.path).status_code == 200)
    holdfast.delete_api(api)
    assert client.delete("/endpoint-certificates/early").status_code == 200


def test_a_client_certificate_is_added_and_deleted(holdfast: Holdfast, backend: Backend):
    client, api = holdfast.rest, holdfast.create_api(backend.url())
    path = f"/apis/{api.id}/client-certificates"
    assert upload(client, "POST", path, CALLER.pem, alias="partner", tier="Unlimited").status_code == 201
    (entry,) = client.get(path).json()["certificates"]
    assert (entry["alias"], entry["tier"], entry["apiId"]) == ("partner", "Unlimited", api.id)
    assert client.get(f"{path}/partner/content").content == CALLER.der
    assert client.get(f"/apis/{api.id}").json()["securityScheme"] == ["mutualssl"]
    assert client.delete(f"{path}/partner").status_code == 200
    holdfast.delete_api(api)
