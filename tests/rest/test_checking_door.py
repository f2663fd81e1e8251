"""`/apis/validate-endpoint`: requests that are rejected before a backend is contacted."""

import pytest

from holdfast.services.access.permissions import Role
from rest.calls import APIS, assert_problem, create_api

PATH = f"{APIS}/validate-endpoint"
NOWHERE = "https://127.0.0.1:1"


def check(client, endpoint, **more):
    return client.post(PATH, params={"endpointUrl": endpoint} | more)


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ("", "is missing"),
        ("nonsense", "must begin with https://"),
        ("ftp://backend.test", "must begin with https://"),
        ("http://a:b@backend.test", "user name"),
        ("http://backend.test/a\r\nx: y", "a space or a control character"),
        ("http://169.254.169.254/latest/meta-data", "allowed to connect to 169.254.169.254"),
        ("http://[::ffff:0:a9fe:a9fe]/", "aren't allowed"),
        ("http://0.0.0.0:9080/", "aren't allowed"),
        ("https://[fd00:ec2::254]", "aren't allowed"),
    ],
)
def test_an_endpoint_that_cannot_be_checked_is_refused(client, endpoint, says):
    assert_problem(check(client, endpoint), 400, "endpointUrl", says=says)


def test_a_missing_endpoint_is_named(client):
    assert_problem(client.post(PATH), 400, "endpointUrl", says="It is required")


def test_an_api_of_another_organization_is_not_found(client, stranger):
    api = create_api(client)
    assert_problem(check(stranger, NOWHERE, apiId=api["id"]), 404)
    assert check(client, NOWHERE, apiId=api["id"]).status_code == 200
    assert check(client, NOWHERE, apiId=f"{api['provider']}-Pizza-1.0.0").status_code == 200


@pytest.mark.parametrize("endpoint", [NOWHERE, NOWHERE.replace("https", "http")])
def test_without_a_gateway_the_response_says_that_none_could_be_asked(client, endpoint):
    body = check(client, endpoint).json()
    assert (body["statusCode"], body["statusMessage"]) == (0, "")
    assert body["error"].startswith("no_gateway: No gateway answered")


def test_checking_an_endpoint_needs_the_permission_to_test_it(sign_in, enlist, berta):
    for role, status in ((Role.VIEWER, 403), (Role.PUBLISHER, 200), (Role.CREATOR, 200)):
        client = sign_in(enlist(berta.organization, f"{role} of {berta.organization}", role))
        assert check(client, NOWHERE).status_code == status


def test_a_gateway_that_is_not_connected_cannot_check(client):
    assert_problem(check(client, NOWHERE, gateway="eu-1"), 400, "gateway", says="isn't connected")
