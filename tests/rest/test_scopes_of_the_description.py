"""Each scope that WSO2's descriptions name for an operation suffices for it on its own."""

import functools
import uuid
from datetime import timedelta
from pathlib import Path

import pytest

from holdfast.apis.definitions.documents import read_document
from holdfast.services.access.permissions import Role
from rest.calls import APIS, PREFIX, assert_problem, create_api
from rest.operations import REQUESTS, House

pytestmark = [pytest.mark.sqlite(reason="about scopes; test_one_state.py runs each operation there"), pytest.mark.long]

FOLDER = Path(__file__).parent / "wso2"


def list_pairs(name):
    """List the operations and scopes of a description, in the names of this version's operations."""
    names = {"{apiId}": "{api_id}", "{policyLevel}": "{level}", "{keyType}": "{key_type}"}
    for operation, scopes in read_document((FOLDER / f"{name}.yaml").read_bytes())["scopes"].items():
        method, path = operation.split()
        for theirs, ours in names.items():
            path = path.replace(theirs, ours)
        yield from ((f"{method.upper()} {path}", scope) for scope in scopes)


# For changes, the scopes that only v4 has are compared below, because after each change everything is put back.
V4 = {pair for pair in list_pairs("publisher-v4") if pair[0].startswith("GET") and pair[0] in REQUESTS}
PAIRS = sorted(V4.union(list_pairs("publisher-v1")))


@pytest.fixture(scope="module")
def enter(shared_runtime, enlist, sign_in, connect):
    """Create an organization with objects of every kind, and clients that authenticate with tokens."""

    def enter():
        organization, name = str(uuid.uuid4()), str(uuid.uuid4())
        admin, clara = (enlist(organization, f"{user} {name}", Role.ADMIN) for user in ("admin", "clara"))
        owner = sign_in(admin)
        house = House(shared_runtime, owner, clara)

        @functools.cache  # a user can have 100 tokens
        def bearer(scope):
            end = (shared_runtime.now() + timedelta(hours=1)).isoformat()
            body = {"name": str(uuid.uuid4()), "scopes": [scope], "expiresTime": end}
            response = owner.post(f"{PREFIX}/tokens", json=body)
            assert response.status_code == 201, response.text
            client = connect(shared_runtime, client=(organization, 50000))
            client.headers["authorization"] = f"Bearer {response.json()['token']}"
            return client

        return house, bearer

    return enter


@pytest.fixture(scope="module")
def house_and_bearer(enter):
    return enter()


@pytest.mark.parametrize(("operation", "scope"), PAIRS)
def test_each_scope_suffices_on_its_own(house_and_bearer, save, operation, scope):
    house, bearer = house_and_bearer
    client = bearer(scope)
    if operation.startswith("GET"):
        answer = house.ask(client, operation)
    else:
        put_back = save()
        answer = house.ask(client, operation)
        put_back()
    assert answer.status_code in {200, 201}, answer.text


def test_a_publisher_can_change_the_description_but_not_the_endpoints(house_and_bearer):
    house, bearer = house_and_bearer
    publisher, path = bearer("apim:api_publish"), f"{APIS}/{house.ids['api_id']}"
    api = house.owner.get(path).json()
    assert publisher.put(path, json=api | {"description": "other words"}).json()["description"] == "other words"
    url = api["endpointConfig"]["production_endpoints"]["url"]
    for elsewhere in ({"production_endpoints": {"url": "https://elsewhere.test"}}, {"sandbox_endpoints": {"url": url}}):
        config = {"endpoint_type": "http"} | elsewhere
        response = publisher.put(path, json={"endpointConfig": config, "description": "not these"})
        assert_problem(response, 403, says="Use one with the scope apim:api_create")
    assert house.owner.get(path).json() == house.owner.get(path).json() | {
        "description": "other words",
        "endpointConfig": api["endpointConfig"],
    }


def test_a_publisher_cannot_change_who_may_call(enter):
    house, bearer = enter()
    publisher, path = bearer("apim:api_publish"), f"{APIS}/{house.ids['api_id']}"
    for certificate in house.owner.get(f"{path}/client-certificates").json()["certificates"]:
        assert house.owner.delete(f"{path}/client-certificates/{certificate['alias']}").status_code == 200
    for now, schemes in ((["mutualssl"], []), ([], ["mutualssl"])):
        assert house.owner.put(path, json={"securityScheme": now}).status_code == 200
        response = publisher.put(path, json={"securityScheme": schemes})
        assert_problem(response, 403, says="Use one with the scope apim:api_create")
        assert house.owner.get(path).json()["securityScheme"] == now


def test_a_publisher_cannot_replace_the_backend_with_examples(house_and_bearer):
    house, bearer = house_and_bearer
    publisher, path = bearer("apim:api_publish"), f"{APIS}/{house.ids['api_id']}"
    response = publisher.put(path, json={"endpointImplementationType": "MOCKED_OAS"})
    assert_problem(response, 403, says="Use one with the scope apim:api_create")
    assert house.owner.get(path).json()["endpointImplementationType"] == "ENDPOINT"


def test_an_api_can_be_addressed_by_name_without_permission_to_list(house_and_bearer):
    house, bearer = house_and_bearer
    owner = house.account["name"]
    publish = {"apiId": f"{owner}-Pizza-1.0.0", "action": "Publish"}
    assert bearer("apim:api_publish").post(f"{APIS}/change-lifecycle", params=publish).status_code == 200
    for scope in ("apim:api_publish", "apim:api_create"):
        address = {"name": "Pizza", "version": "1.0.0"}
        assert bearer(scope).get(f"{APIS}/export", params=address).status_code == 200


def test_creating_an_api_does_not_need_permission_to_read_it(enter):
    _, bearer = enter()
    script = bearer("apim:api_create")
    create_api(script, "Pasta")
    assert_problem(script.get(APIS), 403)
