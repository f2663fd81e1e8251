"""The overview of an API shows its gateway environments, which a dialog changes."""

import uuid

import pytest

from holdfast.apis.gateways.group import Group
from holdfast.services.access.permissions import Role
from holdfast.store.gateways import groups
from rest.calls import APIS, PREFIX, create_api


@pytest.fixture
def europe(shared_runtime):
    """A group with addresses."""
    name = f"eu-{uuid.uuid4().hex[:8]}"
    urls = {"production": "http://eu.example", "productionTls": "https://eu.example"}
    with shared_runtime.store.write() as session:
        now = shared_runtime.now()
        groups.insert(session, Group(name, now, now, f"Europe {name}", "In Frankfurt", urls))
    return name


@pytest.fixture
def api(client):
    """An API with both endpoints."""
    return create_api(client, sandbox="http://sandbox.test")


@pytest.fixture
def path(client):
    """The path of the API at the gateways."""
    return f"/t/{client.get(f'{PREFIX}/account').json()['organization']}/pizza/1.0.0"


def test_the_overview_shows_the_addresses_in_each_environment(client, api, europe, path):
    page = client.get(f"/apis/{api['id']}").text
    assert f"http://127.0.0.1:8280{path}" in page
    assert "https://eu.example" not in page
    client.put(f"{APIS}/{api['id']}", json={"gatewayEnvironments": [europe]})
    page = client.get(f"/apis/{api['id']}").text
    assert f"Europe {europe}" in page
    assert f"https://eu.example{path}" in page
    assert f"curl http://eu.example{path}/" in page
    assert f"http://127.0.0.1:8280{path}" not in page


def test_the_overview_says_how_to_set_an_unknown_address(client, shared_runtime, api):
    name = f"asia-{uuid.uuid4().hex[:8]}"
    with shared_runtime.store.write() as session:
        groups.insert(session, Group(name, shared_runtime.now(), shared_runtime.now()))
    client.put(f"{APIS}/{api['id']}", json={"gatewayEnvironments": [name]})
    page = client.get(f"/apis/{api['id']}").text
    assert "holdfast gateway-group set" in page
    assert "curl http" not in page


def test_an_api_that_requires_certificates_is_shown_only_with_https(client, api, europe, path):
    client.put(f"{APIS}/{api['id']}", json={"gatewayEnvironments": [europe], "securityScheme": ["mutualssl"]})
    page = client.get(f"/apis/{api['id']}").text
    assert f"https://eu.example{path}" in page
    assert f"http://eu.example{path}" not in page


def test_environments_are_chosen_in_a_dialog(client, api, europe):
    path = f"/apis/{api['id']}/environments"
    page = client.get(path).text
    assert f'value="{europe}" >' in page
    assert 'value="Default" checked>' in page
    assert "In Frankfurt" in page
    response = client.post(path, data={"environment": ["Default", europe]})
    assert response.headers["location"] == f"/apis/{api['id']}?done=environments-saved"
    assert client.get(f"{APIS}/{api['id']}").json()["gatewayEnvironments"] == ["Default", europe]


@pytest.mark.parametrize("names", [[], ["moon"]])
def test_the_dialog_reports_an_invalid_choice(client, api, names):
    answer = client.post(f"/apis/{api['id']}/environments", data={"environment": names})
    assert answer.status_code == 422
    assert 'id="gatewayEnvironments-error"' in answer.text
    assert client.get(f"{APIS}/{api['id']}").json()["gatewayEnvironments"] == ["Default"]


def test_a_creator_chooses_environments_until_the_api_is_published(client, enlist, sign_in, api, europe):
    organization = client.get(f"{PREFIX}/account").json()["organization"]
    creator = sign_in(enlist(organization, str(uuid.uuid4()), Role.CREATOR))
    path = f"/apis/{api['id']}"
    assert f'href="{path}/environments"' in creator.get(path).text
    assert creator.post(f"{path}/environments", data={"environment": [europe]}).status_code == 303
    client.post(f"{APIS}/change-lifecycle", params={"apiId": api["id"], "action": "Publish"})
    assert f'href="{path}/environments"' not in creator.get(path).text
    assert creator.post(f"{path}/environments", data={"environment": ["Default"]}).status_code == 403


def test_a_published_api_without_environments_is_shown_as_not_deployed(client, api):
    url = f"{APIS}/{api['id']}"
    client.post(f"{APIS}/change-lifecycle", params={"apiId": api["id"], "action": "Publish"}).raise_for_status()
    revision = client.post(f"{url}/revisions", json={}).json()["id"]
    for step in ("deploy-revision", "undeploy-revision"):
        assert "data-undeployed" not in client.get(f"/apis/{api['id']}").text
        client.post(f"{url}/{step}", params={"revisionId": revision}, json=[{"name": "Default"}]).raise_for_status()
    assert "data-undeployed" in client.get(f"/apis/{api['id']}").text
    assert "Live on the gateways" not in find_current_state(client.get(f"/apis/{api['id']}/lifecycle").text)


def find_current_state(page):
    """Return the part of the page for the current state of the lifecycle."""
    return page.partition("aria-current=step")[2].partition("</li>")[0]
