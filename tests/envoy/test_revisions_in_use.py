"""Gateways serve the revision that is deployed to their group."""

from typing import Any

import pytest

from backends import Backend
from issuing import issue
from load import Load
from running import Holdfast, PublishedApi, wait_until

pytestmark = pytest.mark.envoy
HOST = "127.0.0.1"


def create_revision(holdfast: Holdfast, api: PublishedApi) -> str:
    response = holdfast.rest.post(f"/apis/{api.id}/revisions", json={})
    response.raise_for_status()
    return str(response.json()["id"])


def deploy(holdfast: Holdfast, api: PublishedApi, revision: str, group: str = "Default") -> None:
    params = {"revisionId": revision}
    response = holdfast.rest.post(f"/apis/{api.id}/deploy-revision", params=params, json=[{"name": group}])
    response.raise_for_status()


def test_rolling_back_and_forth_under_load_fails_no_request(holdfast: Holdfast):
    """Also if the revisions have different backends, base paths and certificates."""
    certificates = issue(HOST), issue(HOST)
    with Backend(certificates[0]) as one, Backend(certificates[1]) as two:
        api = holdfast.publish_api(one.url("/v1"))
        holdfast.import_certificate(one.url(), certificates[0].pem)
        first = create_revision(holdfast, api)
        holdfast.change_endpoints(api, two.url("/v2"))
        holdfast.import_certificate(two.url(), certificates[1].pem)
        second = create_revision(holdfast, api)
        deploy(holdfast, api, first)
        wait_until(lambda: holdfast.call(api.path).json()["path"] == "/v1")
        with Load(holdfast, api.path, reconnects=True) as load:
            for backend, revision in ((two, second), (one, first)) * 5:
                count = backend.requests
                deploy(holdfast, api, revision)
                wait_until(lambda backend=backend, count=count: backend.requests > count + 10)
        assert set(load.answers) == {"200"}, load.answers
        assert (one.paths, two.paths) == ({"/v1"}, {"/v2"})


def test_trust_of_an_endpoint_that_only_a_revision_has_is_replaced_and_deleted(holdfast: Holdfast):
    certificate, other = issue(HOST), issue(HOST)
    with Backend(certificate) as backend:
        api = holdfast.publish_api(backend.url("/v1"))
        alias = holdfast.import_certificate(backend.url(), certificate.pem)
        deploy(holdfast, api, create_revision(holdfast, api))
        holdfast.change_endpoints(api, "http://127.0.0.1:9")
        wait_until(lambda: holdfast.call(api.path).is_success)
        entries = holdfast.rest.get("/endpoint-certificates", params={"endpoint": backend.url()}).json()["certificates"]
        assert [entry["alias"] for entry in entries] == [alias]
        usage = holdfast.rest.get(f"/endpoint-certificates/{alias}/usage").json()
        assert [api["id"] for api in usage["list"]] == [api.id]

        files = {"certificate": ("other.pem", other.pem)}
        holdfast.rest.put(f"/endpoint-certificates/{alias}", files=files).raise_for_status()
        wait_until(lambda: holdfast.call(api.path).status_code == 503)
        backend.present(other)
        wait_until(lambda: holdfast.call(api.path).is_success)
        holdfast.rest.delete(f"/endpoint-certificates/{alias}").raise_for_status()
        wait_until(lambda: holdfast.call(api.path).status_code == 503)


def test_a_revision_keeps_its_group_and_its_endpoint_security(holdfast: Holdfast):
    """Also after the working copy has moved to another backend without either."""
    with Backend(None) as one, Backend(None) as two:
        api = holdfast.publish_api(one.url("/v1"))
        config = {
            "endpoint_type": "load_balance",
            "production_endpoints": [{"url": one.url("/v1")}, {"url": two.url("/v1")}],
            "endpoint_security": {
                "production": {
                    "enabled": True,
                    "type": "BASIC",
                    "username": "shop",
                    "password": "geheim",
                    "allowUnencrypted": True,
                }
            },
        }
        holdfast.rest.put(f"/apis/{api.id}", json={"endpointConfig": config}).raise_for_status()
        deploy(holdfast, api, create_revision(holdfast, api))
        new_config = {
            "endpoint_type": "http",
            "production_endpoints": {"url": "http://127.0.0.1:9"},
            "endpoint_security": {"production": {"type": "NONE"}},
        }
        holdfast.rest.put(f"/apis/{api.id}", json={"endpointConfig": new_config}).raise_for_status()
        before = one.requests, two.requests
        wait_until(lambda: holdfast.call(api.path).is_success and one.requests > before[0] and two.requests > before[1])
        answer = holdfast.call(api.path)
        assert answer.json()["headers"]["authorization"] == "Basic c2hvcDpnZWhlaW0="


def test_operations_belong_to_a_revision_and_the_default_version_does_not(holdfast: Holdfast):
    with Backend(None) as backend:
        api = holdfast.publish_api(backend.url())
        put(holdfast, api, onlyListedOperations=True, operations=[{"verb": "GET", "target": "/old"}])
        deploy(holdfast, api, create_revision(holdfast, api))
        put(holdfast, api, isDefaultVersion=True, operations=[{"verb": "GET", "target": "/new"}])
        short = api.path.rpartition("/")[0]
        wait_until(lambda: holdfast.call(f"{short}/old").is_success)
        for path in (api.path, short):
            assert [holdfast.call(f"{path}/{operation}").status_code for operation in ("old", "new")] == [200, 404]


def put(holdfast: Holdfast, api: PublishedApi, **members: Any) -> None:
    response = holdfast.rest.put(f"/apis/{api.id}", json=members)
    assert response.status_code == 200, response.text
