"""Operators create, change and delete groups of gateways on a page; others only see them."""

import re
import uuid

import pytest

from holdfast.services.access.permissions import Role
from rest.calls import PREFIX, create_api

GROUPS = f"{PREFIX}/gateways/groups"
URLS = ["http://eu.example", "https://eu.example", "", ""]
LISTEN = ["0.0.0.0:8280 [::]:8280", "0.0.0.0:8243", "", ""]


@pytest.fixture(scope="module")
def operator(enlist, sign_in):
    return sign_in(enlist("default", str(uuid.uuid4()), Role.ADMIN))


@pytest.fixture
def name():
    return f"eu {uuid.uuid4().hex[:8]}"


def item(client, name):
    """Return the part of the page about a group."""
    page = client.get("/gateways").text
    return re.search(rf'data-group="{name}">(.*?)(?:data-group=|</section>)', page, re.DOTALL)[1]


def test_a_group_is_created_changed_and_deleted(operator, name):
    form = {"name": name, "display_name": "Europe", "description": "In Frankfurt", "urls": URLS, "listen": LISTEN}
    answer = operator.post("/gateways/groups/new", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/gateways?done=group-created")
    html = item(operator, name)
    for text in ("Europe", name, "In Frankfurt", *URLS, "0.0.0.0:8280, [::]:8280", "0.0.0.0:8243", "0 APIs", "no gat"):
        assert text in html

    edit = f"/gateways/groups/{name}/edit"
    assert "0.0.0.0:8280 [::]:8280" in operator.get(edit).text
    assert operator.post(edit, data=form | {"urls": ["", "", "", ""], "listen": ["0.0.0.0:1", *LISTEN[1:]]}).is_redirect
    group = operator.get(f"{GROUPS}/{name}").json()
    assert (group["urls"], group["listen"]["production"], group["displayName"]) == ({}, ["0.0.0.0:1"], "Europe")

    delete = f"/gateways/groups/{name}/delete"
    assert "Europe has no APIs and no gateways." in operator.get(delete).text
    assert operator.post(delete).headers["location"] == "/gateways?done=group-deleted"
    assert operator.get(f"{GROUPS}/{name}").status_code == 404


def test_a_group_in_use_says_why_it_cannot_be_deleted(operator, client, name):
    assert operator.post(GROUPS, json={"name": name}).status_code == 201
    api = create_api(client, sandbox=None)
    assert client.put(f"{PREFIX}/apis/{api['id']}", json={"gatewayEnvironments": [name]}).status_code == 200
    gateway = f"eu-{uuid.uuid4().hex[:8]}"
    assert operator.post(f"{PREFIX}/gateways", json={"name": gateway, "group": name}).status_code == 201
    html = item(operator, name)
    assert "1 API ·" in html
    assert gateway in html
    dialog = operator.get(f"/gateways/groups/{name}/delete").text
    for text in ("1 API is deployed to it.", f"Its gateways are {gateway}."):
        assert text in dialog
    assert 'btn-danger">Delete' not in dialog
    assert operator.post(f"/gateways/groups/{name}/delete").status_code == 400
    operator.delete(f"{PREFIX}/gateways/{gateway}")


def test_gateways_of_the_default_group_listen_on_the_addresses_in_the_settings(operator):
    assert 'name="listen"' not in operator.get("/gateways/groups/Default/edit").text
    assert "can't be deleted" in operator.get("/gateways/groups/Default/delete").text
    before = operator.get(f"{GROUPS}/Default").json()
    form = {"description": "", "urls": ["", "", "", ""]}
    assert operator.post("/gateways/groups/Default/edit", data=form).is_redirect
    assert operator.get(f"{GROUPS}/Default").json()["listen"] == before["listen"]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("name", {"name": "-"}),
        ("displayName", {"display_name": "x" * 61}),
        ("urls-productionTls", {"urls": ["", "http://eu.example", "", ""]}),
        ("listen-sandbox", {"listen": ["", "", "eu.example:80", ""]}),
    ],
)
def test_invalid_input_of_a_group_is_explained_next_to_its_field_and_kept(operator, name, field, values):
    form = {"name": name, "display_name": "Europe", "urls": URLS, "listen": LISTEN} | values
    answer = operator.post("/gateways/groups/new", data=form)
    assert answer.status_code == 422
    assert re.search(rf'id="{field}-error"[^>]*>[^<]', answer.text)
    assert "0.0.0.0:8243" in answer.text
    assert operator.get(f"{GROUPS}/{name}").status_code == 404


def test_others_see_names_and_urls_only(operator, stranger, enlist, sign_in, name):
    body = {"name": name, "urls": {"production": URLS[0]}, "listen": {"production": ["192.0.2.7:8280"]}}
    assert operator.post(GROUPS, json=body).status_code == 201
    for client in (sign_in(enlist("default", str(uuid.uuid4()), Role.VIEWER)), stranger):
        html = item(client, name)
        assert URLS[0] in html
        for text in ("192.0.2.7", "API", "gateways/groups"):
            assert text not in html
        for page in ("new", f"{name}/edit", f"{name}/delete"):
            assert client.get(f"/gateways/groups/{page}").status_code == 403
            assert client.post(f"/gateways/groups/{page}", data={"name": "other"}).status_code == 403
    assert operator.get(f"{GROUPS}/{name}").status_code == 200
