"""The search finds what the user may see, by everything that people know about it."""

import re
import uuid

import pytest
from cryptography.hazmat.primitives import hashes

from holdfast.services.access.permissions import Role
from issuing import issue
from rest.calls import PREFIX

HOST = "the-search.test"
ISSUED = issue(HOST, common_name="Search backend")
RESULT = re.compile(r'id="search-result-[\d-]+" href="([^"]+)"')


@pytest.fixture(scope="module")
def organization():
    return str(uuid.uuid4())


@pytest.fixture(scope="module")
def admin(enlist, sign_in, organization):
    """An admin, with an API at HOST and its certificate."""
    client = sign_in(enlist(organization, f"zoe-{uuid.uuid4()}", Role.ADMIN))
    endpoint = f"https://{HOST}:32841/base"
    config = {"endpoint_type": "http", "production_endpoints": {"url": endpoint}}
    body = {"name": "Orders", "context": "/order-entry", "version": "2.3.1", "endpointConfig": config}
    api = client.post(f"{PREFIX}/apis", json=body).json()
    files = {"certificate": ("a.pem", ISSUED.pem)}
    data = {"alias": "searched", "endpoint": endpoint}
    assert client.post(f"{PREFIX}/endpoint-certificates", data=data, files=files).status_code == 201
    client.api = f"/apis/{api['id']}"
    return client


def find(client, query):
    answer = client.get("/search", params={"query": query}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return RESULT.findall(answer.text)


@pytest.mark.parametrize(
    "query", ["orders", "ORD", "/order-entry", "2.3.1", "orders 2.3", HOST, "32841", f"  {HOST}  orders "]
)
def test_an_api_is_found_by_name_version_context_and_endpoint(admin, query):
    assert admin.api in find(admin, query)


@pytest.mark.parametrize("query", ["searched", HOST, "search backend"])
def test_a_certificate_is_found_by_alias_host_and_names(admin, query):
    assert "/certificates/searched" in find(admin, query)


def test_a_certificate_is_found_by_fingerprint_and_serial_number(admin):

    fingerprint = ISSUED.certificate.fingerprint(hashes.SHA256()).hex()
    serial = f"{ISSUED.certificate.serial_number:x}"
    pairs = ":".join(fingerprint[i : i + 2] for i in range(0, 64, 2)).upper()
    for query in (fingerprint, fingerprint[:16], pairs, serial):
        assert "/certificates/searched" in find(admin, query), query


def test_pages_actions_and_users_are_found_only_by_those_who_may_open_them(admin, enlist, sign_in, organization):
    viewer = sign_in(enlist(organization, f"zoe-{uuid.uuid4()}", Role.VIEWER))
    assert find(admin, "create user") == ["/new-user"]
    assert len([path for path in find(admin, "zoe-") if path.startswith("/users/")]) == 2
    assert find(viewer, "create user") == find(viewer, "zoe-") == []
    assert admin.api in find(viewer, "orders")


def test_nothing_of_another_organization_is_found(admin, client):
    assert find(client, HOST) == find(client, "order-entry") == []
    assert admin.api not in find(client, "orders")


@pytest.mark.parametrize("query", ["", "%", "_", "\0", "'", "x" * 5000, "<script>"])
def test_no_query_fails(admin, query):
    assert admin.get("/search", params={"query": query}).status_code == 200
