"""Groups of gateways over REST, and the APIs that are deployed to them."""

import uuid

import pytest

from holdfast.server.clock import utc_now
from holdfast.services.access.permissions import Role
from rest.calls import APIS, PREFIX, api_body, assert_problem, create_api

GROUPS, SETTINGS = f"{PREFIX}/gateways/groups", f"{PREFIX}/settings"
URLS = {"production": "http://eu.example", "productionTls": "https://eu.example", "sandbox": "http://eu.example:81"}


@pytest.fixture(scope="module")
def operator(enlist, sign_in):
    """A client of an admin of the default organization."""
    return sign_in(enlist("default", str(uuid.uuid4()), Role.ADMIN))


@pytest.fixture
def group(operator):
    """The name of a new group."""
    name = f"eu {uuid.uuid4().hex[:8]}"
    assert operator.post(GROUPS, json={"name": name}).status_code == 201
    yield name
    operator.delete(f"{GROUPS}/{name}")


def environments(client):
    return {environment["name"]: environment for environment in client.get(SETTINGS).json()["environment"]}


def test_a_group_is_created_changed_and_deleted(operator):
    listen = {"production": ["0.0.0.0:8290", "[::]:8290"]}
    body = {"name": "eu-1", "displayName": "Europe", "description": "Frankfurt", "urls": URLS, "listen": listen}
    response = operator.post(GROUPS, json=body)
    assert response.status_code == 201, response.text
    assert response.json() | body == response.json()
    assert (response.json()["apis"], response.json()["connectedGateways"]) == (0, 0)
    assert operator.get(f"{GROUPS}/eu-1").json() == response.json()
    answer = operator.put(f"{GROUPS}/eu-1", json={"description": "", "urls": {}}).json()
    assert (answer["description"], answer["urls"], answer["displayName"]) == ("", {}, "Europe")
    assert answer["listen"] == listen
    assert "eu-1" in [group["name"] for group in operator.get(GROUPS).json()["list"]]
    assert operator.delete(f"{GROUPS}/eu-1").status_code == 204
    assert_problem(operator.get(f"{GROUPS}/eu-1"), 404)


def test_the_default_group_has_the_addresses_in_the_settings_and_cannot_be_deleted(operator):
    default = operator.get(f"{GROUPS}/Default").json()
    assert default["urls"]["production"] == "http://127.0.0.1:8280"
    assert_problem(operator.delete(f"{GROUPS}/Default"), 409, "name")
    listen = {"production": ["127.0.0.1:1"]}
    assert_problem(operator.put(f"{GROUPS}/Default", json={"listen": listen}), 400, "listen")
    urls = {"production": "http://api.example"}
    assert operator.put(f"{GROUPS}/Default", json={"urls": urls}).json()["urls"]["production"] == urls["production"]
    assert operator.put(f"{GROUPS}/Default", json={"urls": {}}).json()["urls"] == default["urls"]


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("name", {"name": "-"}),
        ("name", {"name": "x" * 61}),
        ("displayName", {"displayName": "\u202e"}),
        ("displayName", {"displayName": "x" * 61}),
        ("description", {"description": "x" * 1001}),
        ("urls.production", {"urls": {"production": "https://eu.example"}}),
        ("urls.sandboxTls", {"urls": {"sandboxTls": "https://eu.example/?a"}}),
        ("urls.sandbox", {"urls": {"sandbox": "eu.example"}}),
        ("listen.production", {"listen": {"production": ["localhost:8280"]}}),
        ("listen.production", {"listen": {"production": ["0.0.0.0:0"]}}),
        ("listen.sandbox", {"listen": {"production": ["0.0.0.0:1"], "sandbox": ["0.0.0.0:1"]}}),
        ("listen.sandbox", {"listen": {"sandbox": [f"0.0.0.0:{port}" for port in range(1, 10)]}}),
    ],
)
def test_values_that_a_group_cannot_have_are_rejected(operator, field, body):
    assert_problem(operator.post(GROUPS, json={"name": "eu-2"} | body), 400, field)


def test_the_name_of_a_group_is_taken_in_any_case(operator):
    assert_problem(operator.post(GROUPS, json={"name": "default"}), 409, "name")


def test_only_admins_of_the_default_organization_manage_groups(client, stranger):
    for other in (client, stranger):
        assert other.get(GROUPS).status_code == 403
        assert other.post(GROUPS, json={"name": "mine"}).status_code == 403
        assert other.put(f"{GROUPS}/Default", json={}).status_code == 403
        assert other.delete(f"{GROUPS}/Default").status_code == 403


def test_settings_list_the_groups_as_environments(operator, client, group):
    operator.put(f"{GROUPS}/{group}", json={"displayName": "Europe", "urls": URLS})
    environment = environments(client)[group]
    assert (environment["displayName"], environment["type"]) == ("Europe", "hybrid")
    assert environment["endpoints"] == {"http": URLS["production"], "https": URLS["productionTls"]}
    assert environment["sandboxEndpoints"] == {"http": URLS["sandbox"]}
    assert environment["vhosts"] == [{"host": "eu.example", "httpContext": "", "httpPort": 80, "httpsPort": 443}]
    assert client.get(f"{SETTINGS}/gateway-environments").json()["list"] == list(environments(client).values())
    assert environments(client)["Default"]["endpoints"]["http"] == "http://127.0.0.1:8280"


def test_an_api_is_deployed_to_the_default_group_unless_it_names_others(client, group):
    api = create_api(client)
    assert api["gatewayEnvironments"] == ["Default"]
    path = f"{APIS}/{api['id']}"
    assert client.put(path, json={"gatewayEnvironments": [group, "Default"]}).status_code == 200
    assert client.get(path).json()["gatewayEnvironments"] == ["Default", group]
    assert client.put(path, json={"description": "new"}).json()["gatewayEnvironments"] == ["Default", group]
    assert client.put(path, json={"gatewayEnvironments": None}).json()["gatewayEnvironments"] == ["Default"]
    assert create_api(client, "Pasta", gatewayEnvironments=[group])["gatewayEnvironments"] == [group]


def test_an_unknown_environment_is_rejected_with_the_known_ones(client, group):
    response = client.post(APIS, json=api_body(gatewayEnvironments=["Default", "moon"]))
    assert_problem(response, 400, "gatewayEnvironments")
    assert "'moon'" in response.json()["description"]
    assert "Default" in response.json()["description"]
    assert group in response.json()["description"]
    api = create_api(client)
    assert_problem(client.put(f"{APIS}/{api['id']}", json={"gatewayEnvironments": []}), 400, "gatewayEnvironments")
    assert client.get(f"{APIS}/{api['id']}").json() == api


def test_the_environment_of_older_wso2_versions_is_the_default_group(client):
    assert create_api(client, gatewayEnvironments=["Production and Sandbox"])["gatewayEnvironments"] == ["Default"]


def test_a_group_with_apis_cannot_be_deleted(operator, client, group):
    api = create_api(client, gatewayEnvironments=[group])
    assert operator.get(f"{GROUPS}/{group}").json()["apis"] == 1
    response = operator.delete(f"{GROUPS}/{group}")
    assert_problem(response, 409, "name")
    assert response.json()["description"] == f"1 API is deployed to {group}. Choose other environments for them first."
    assert client.delete(f"{APIS}/{api['id']}").status_code == 200
    assert operator.delete(f"{GROUPS}/{group}").status_code == 204


def test_a_group_with_gateways_cannot_be_deleted(operator, group):
    body = {"name": "eu-1", "group": group}
    assert operator.post(f"{PREFIX}/gateways", json=body).status_code == 201
    response = operator.delete(f"{GROUPS}/{group}")
    assert_problem(response, 409, "name")
    assert "eu-1" in response.json()["description"]
    assert operator.delete(f"{PREFIX}/gateways/eu-1").status_code == 204
    assert operator.delete(f"{GROUPS}/{group}").status_code == 204


def test_a_gateway_can_be_enrolled_only_in_a_group_that_exists(operator):
    response = operator.post(f"{PREFIX}/gateways", json={"name": "eu-1", "group": "moon"})
    assert_problem(response, 400, "group")
    assert "Default" in response.json()["description"]


def test_connected_gateways_are_counted(operator, shared_runtime, group):
    cache = shared_runtime.groups.add(group)
    cache.connect("eu-1", utc_now())
    assert operator.get(f"{GROUPS}/{group}").json()["connectedGateways"] == 1
    shared_runtime.groups.remove(group)


def test_a_creator_deploys_an_api_only_until_it_is_published(client, enlist, sign_in, group):
    organization = client.get(f"{PREFIX}/account").json()["organization"]
    creator = sign_in(enlist(organization, str(uuid.uuid4()), Role.CREATOR))
    publisher = sign_in(enlist(organization, str(uuid.uuid4()), Role.PUBLISHER))
    path = f"{APIS}/{create_api(creator)['id']}"
    assert creator.put(path, json={"gatewayEnvironments": [group]}).status_code == 200
    step = {"apiId": path.rpartition("/")[2], "action": "Publish"}
    assert publisher.post(f"{APIS}/change-lifecycle", params=step).status_code == 200
    assert_problem(creator.put(path, json={"gatewayEnvironments": ["Default"]}), 403)
    assert creator.put(path, json={"gatewayEnvironments": [group], "description": "new"}).status_code == 200
    assert publisher.put(path, json={"gatewayEnvironments": ["Default", group]}).status_code == 200


def test_a_copy_and_an_archive_keep_the_environments(client, group):
    api = create_api(client, gatewayEnvironments=[group])
    copy = client.post(f"{APIS}/copy-api", params={"apiId": api["id"], "newVersion": "2.0"})
    assert copy.json()["gatewayEnvironments"] == [group]
    archive = client.get(f"{APIS}/export", params={"apiId": api["id"]}).content
    client.delete(f"{APIS}/{api['id']}")
    assert client.post(f"{APIS}/import", files={"file": ("a.zip", archive)}).status_code == 200
    (entry,) = client.get(APIS, params={"query": "version:1.0.0", "expand": "true"}).json()["list"]
    assert entry["gatewayEnvironments"] == [group]
