"""
Requests to REST that many tests make, and checks of its responses.

    upload(client, issue("pizza.test").pem, alias="pizza-backend")
    assert_problem(response, 400, "alias")
"""

from contextlib import contextmanager

from store.values import contents

PREFIX = "/api/am/publisher/v4"
REMOVED = f"{PREFIX}/removed-endpoint-certificates"
APIS, CERTIFICATES, ENDPOINTS = f"{PREFIX}/apis", f"{PREFIX}/endpoint-certificates", f"{PREFIX}/endpoints"
FAILURES = f"{PREFIX}/failures"
URL, SANDBOX = "https://pizza.test:8443/base", "http://sandbox.test"
WSO2_MEMBERS = {"code", "message", "description", "moreInfo", "error"}
RFC_9457_MEMBERS = {"type", "title", "status", "detail"}


def api_body(name="Pizza", production=URL, sandbox=None, **changes):
    config = {"endpoint_type": "http"}
    if production is not None:
        config["production_endpoints"] = {"url": production}
    if sandbox is not None:
        config["sandbox_endpoints"] = {"url": sandbox}
    return {"name": name, "context": f"/{name.lower()}", "version": "1.0.0", "endpointConfig": config} | changes


def create_api(client, *arguments, **changes):
    response = client.post(APIS, json=api_body(*arguments, **changes))
    assert response.status_code == 201, response.text
    return response.json()


def upload(client, data, alias="pizza-backend", endpoint=URL, file="backend.pem", **options):
    fields = {"alias": alias, "endpoint": endpoint}
    return client.post(CERTIFICATES, data=fields, files={"certificate": (file, data)}, **options)


def replace(client, data, alias="pizza-backend", **options):
    return client.put(f"{CERTIFICATES}/{alias}", files={"certificate": ("new.pem", data)}, **options)


def assert_problem(response, status, *fields, says=""):
    """Check an error: its status, the fields that it names, and a part of its message."""
    assert response.status_code == status, response.text
    body = response.json()
    assert body.keys() == WSO2_MEMBERS | RFC_9457_MEMBERS
    assert body["code"] == body["status"] == status
    assert (body["message"], body["description"]) == (body["title"], body["detail"])
    assert body["type"].startswith("/problems/")
    assert [item["code"] for item in body["error"]] == list(fields)
    assert all(item["message"] in body["description"] or item["code"] in body["description"] for item in body["error"])
    assert says in body["description"], body["description"]
    assert "Traceback" not in response.text
    return body


@contextmanager
def assert_unchanged(runtime, organization):
    """Check that the block changes nothing in the organization: lists, audit events, changes for the gateways."""
    before = contents(runtime.store, organization)
    yield
    assert contents(runtime.store, organization) == before
