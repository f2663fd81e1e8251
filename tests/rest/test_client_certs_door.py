"""`/apis/{apiId}/client-certs/{keyType}`: caller certificates for one environment."""

import pytest

from issuing import issue
from rest.calls import APIS, assert_problem, create_api

ANNA, BERTA, CARLA = (issue(common_name=name) for name in ("anna", "berta", "carla"))


def post(client, path, alias, certificate):
    return client.post(path, data={"alias": alias, "tier": "Gold"}, files={"certificate": ("a.crt", certificate.pem)})


@pytest.fixture
def paths(client):
    """The collections of an API: production, sandbox, both."""
    path = f"{APIS}/{create_api(client)['id']}"
    return f"{path}/client-certs/PRODUCTION", f"{path}/client-certs/SANDBOX", f"{path}/client-certificates"


def aliases(client, path):
    return [certificate["alias"] for certificate in client.get(path).json()["certificates"]]


def test_a_certificate_belongs_to_the_environment_that_it_was_uploaded_for(client, paths):
    production, sandbox, of_both = paths
    response = post(client, production, "anna", ANNA)
    assert (response.status_code, response.headers["location"]) == (201, f"{production}/anna")
    assert response.json()["keyType"] == "PRODUCTION"
    assert post(client, sandbox.replace("SANDBOX", "sandbox"), "berta", BERTA).json()["keyType"] == "SANDBOX"
    assert post(client, of_both, "carla", CARLA).json()["keyType"] is None
    assert aliases(client, production) == ["anna", "carla"]
    assert aliases(client, sandbox) == ["berta", "carla"]
    assert aliases(client, of_both) == ["anna", "berta", "carla"]


def test_the_other_environment_does_not_have_the_certificate(client, paths):
    production, sandbox, _ = paths
    post(client, production, "anna", ANNA)
    one = f"{sandbox}/anna"
    for response in (
        client.get(one),
        client.get(f"{one}/content"),
        client.put(one, files={"certificate": ("a.crt", BERTA.pem)}),
        client.delete(one),
    ):
        assert_problem(response, 404, says="client certificate")
    one = f"{production}/anna"
    assert client.get(f"{one}/content").content == ANNA.der
    body = client.put(one, data={"tier": "Silver"}, files={"certificate": ("a.crt", BERTA.pem)}).json()
    assert (body["keyType"], body["tier"]) == ("PRODUCTION", "Silver")
    assert client.delete(one).status_code == 200
    assert aliases(client, production) == []


def test_other_key_types_are_rejected(client, paths):
    wrong = paths[0].replace("PRODUCTION", "BOTH")
    assert_problem(client.get(wrong), 400, "keyType", says="Use PRODUCTION or SANDBOX")
    assert_problem(post(client, wrong, "anna", ANNA), 400, "keyType")


def test_copies_and_archives_keep_the_environment(client, paths, stranger):
    post(client, paths[1], "anna", ANNA)
    api_id = paths[2].removeprefix(f"{APIS}/").removesuffix("/client-certificates")
    copy = client.post(f"{APIS}/copy-api", params={"apiId": api_id, "newVersion": "2"}).json()["id"]
    archive = client.get(f"{APIS}/export", params={"apiId": api_id}).content
    imported_id = stranger.post(f"{APIS}/import", files={"file": ("a.zip", archive)}).json()["id"]
    for sender, copy_id in ((client, copy), (stranger, imported_id)):
        (entry,) = sender.get(f"{APIS}/{copy_id}/client-certificates").json()["certificates"]
        assert entry["keyType"] == "SANDBOX"
