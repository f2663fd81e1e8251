"""The pages of an API neither show nor change another API, even in the same organization."""

import re
import uuid

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from holdfast.services.access.permissions import Role
from holdfast.web import create_door
from issuing import issue
from rest.calls import CERTIFICATES, REMOVED, URL, create_api, upload
from rest.operations import House
from store.values import contents

pytestmark = pytest.mark.long

OTHER = "https://other.test"
NEW = issue("pizza.test")
CERTIFICATE = {"certificate": ("new.pem", NEW.pem)}
# By method and path below the API: a request for an object of another API, and the status of the response.
ABOUT_ANOTHER = {
    "GET /certificates/{alias}": ({}, 404),
    "GET /certificates/{alias}/delete": ({}, 404),
    "POST /certificates/{alias}/delete": ({}, 404),
    "GET /certificates/{alias}/replace": ({}, 404),
    "POST /certificates/{alias}/replace": ({"files": CERTIFICATE}, 404),
    "GET /certificates/{alias}/in-use": ({}, 404),
    "POST /certificates/{alias}/undo": ({}, 404),
    "POST /certificates/{alias}/pin": ({}, 404),
    "POST /certificates/{alias}/unpin": ({}, 404),
    "GET /certificates/{alias}/retire": ({}, 404),
    "POST /certificates/{alias}/retire": ({}, 404),
    "POST /removed-certificates/{removed_id}/restore": ({}, 404),
    "POST /new-certificate": ({"data": {"endpoint": URL, "alias": "new"}, "files": CERTIFICATE}, 422),
    "POST /certificates/inspect": ({"data": {"endpoint": URL}, "files": CERTIFICATE}, 200),
    "POST /certificates/test": ({"data": {"endpoint": URL}, "files": CERTIFICATE}, 200),
    "POST /certificates/fetch": ({"data": {"endpoint": URL}}, 200),
    "GET /new-certificate": ({"params": {"endpoint": URL}}, 200),
    "GET /callers/{alias}/replace": ({}, 404),
    "POST /callers/{alias}/replace": ({"files": CERTIFICATE}, 404),
    "GET /callers/{alias}/delete": ({}, 404),
    "POST /callers/{alias}/delete": ({}, 404),
    "GET /client-certificate/import": ({"params": {"endpoint": URL}}, 404),
    "POST /client-certificate/import": ({"params": {"endpoint": URL}, "files": CERTIFICATE}, 404),
    "GET /client-certificate/request/new": ({"params": {"endpoint": URL}}, 404),
    "POST /client-certificate/request/new": ({"params": {"endpoint": URL}, "data": {"subject": "me"}}, 404),
    "GET /client-certificate/request": ({"params": {"endpoint": URL}}, 404),
    "GET /client-certificate/request/content": ({"params": {"endpoint": URL}}, 404),
    "GET /client-certificate/answer": ({"params": {"endpoint": URL}}, 404),
    "POST /client-certificate/answer": ({"params": {"endpoint": URL}, "files": CERTIFICATE}, 404),
    "GET /client-certificate/discard": ({"params": {"endpoint": URL}}, 404),
    "POST /client-certificate/discard": ({"params": {"endpoint": URL}}, 404),
    "GET /client-certificate/remove": ({"params": {"endpoint": URL}}, 404),
    "POST /client-certificate/remove": ({"params": {"endpoint": URL}}, 404),
    "GET /trust/{environment}": ({"params": {"endpoint": URL}}, 404),
    "POST /trust/{environment}": ({"params": {"endpoint": URL}, "data": {"names": "a.test"}}, 404),
    "POST /trust/{environment}/preview": ({"params": {"endpoint": URL}}, 404),
    "GET /trust/{environment}/exception": ({"params": {"endpoint": URL}}, 404),
    "POST /trust/{environment}/exception": ({"params": {"endpoint": URL}, "data": {"reason": "a test"}}, 404),
    "POST /trust/{environment}/exception/end": ({"params": {"endpoint": URL}}, 404),
    "GET /trust/{environment}/test": ({"params": {"endpoint": URL}}, 404),
}
OBJECTS = {"alias", "removed_id", "endpoint", "replaced"}
# About an alias that doesn't exist yet.
NEW_OBJECTS = {"GET /new-certificate/alias", "POST /callers/new"}


@pytest.fixture(scope="module")
def house(shared_runtime, enlist, sign_in):
    """An organization with the API Pizza, which has every kind of object, and the API Other, which has none."""
    organization = str(uuid.uuid4())
    owner, clara = (enlist(organization, f"{name} {organization}", Role.ADMIN) for name in ("owner", "clara"))
    house = House(shared_runtime, sign_in(owner), clara)
    house.ids |= {"other_id": create_api(house.owner, "Other", OTHER)["id"], "environment": "production"}
    return house


def names_of(dependant: Dependant) -> set[str]:
    """Return the names of all parameters of a page: in path, query and form."""
    names = {parameter.name for parameter in (*dependant.path_params, *dependant.query_params, *dependant.body_params)}
    return names.union(*(names_of(dependency) for dependency in dependant.dependencies))


def test_every_page_with_another_object_in_its_parameters_is_in_the_table(shared_runtime):
    routes = [route for route in create_door(shared_runtime).routes if isinstance(route, APIRoute)]
    about = set()
    for route in routes:
        if route.path.startswith("/apis/{api_id}") and names_of(route.dependant) & OBJECTS:
            about |= {f"{method} {route.path.removeprefix('/apis/{api_id}')}" for method in route.methods}
    assert about - NEW_OBJECTS == set(ABOUT_ANOTHER)


@pytest.mark.parametrize("page", ABOUT_ANOTHER)
def test_a_page_of_one_api_neither_shows_nor_changes_objects_of_another(house, page):
    method, template = page.split()
    fields, status = ABOUT_ANOTHER[page]
    organization = house.account["organization"]
    before = contents(house.runtime.store, organization)
    path = re.sub(r"\{(\w+)\}", lambda match: house.ids[match[1]], template)
    headers = {"HX-Request": "true"}  # parts only: whole pages show the organization's exceptions
    answer = house.owner.request(method, f"/apis/{house.ids['other_id']}{path}", headers=headers, **fields)
    assert answer.status_code == status, answer.text
    assert house.marker not in answer.text
    if status != 404:
        assert "Other 1.0.0" in answer.text
    assert contents(house.runtime.store, organization) == before


def test_fetching_for_a_replacement_is_bound_to_the_replaced_certificate(house):
    data = {"endpoint": OTHER, "replaced": "pizza-backend"}
    assert house.owner.post(f"/apis/{house.ids['other_id']}/certificates/fetch", data=data).status_code == 404
    data["pem"] = NEW.pem.decode()
    answer = house.owner.post(f"/apis/{house.ids['other_id']}/certificates/test", data=data)
    assert "https://pizza.test:8443" in answer.text


def test_the_same_pages_exist_for_the_api_that_owns_the_object(house):
    own = f"/apis/{house.ids['api_id']}"
    for page, (fields, _) in ABOUT_ANOTHER.items():
        method, template = page.split()
        if method == "GET":
            path = re.sub(r"\{(\w+)\}", lambda match: house.ids[match[1]], template)
            assert house.owner.get(own + path, **fields).status_code == 200, page


def test_a_certificate_is_shown_on_the_pages_of_every_api_with_an_endpoint_of_its_origin(house):
    api_id = create_api(house.owner, "Shared", "https://pizza.test:8443/another/path")["id"]
    assert house.owner.get(f"/apis/{api_id}/certificates/pizza-backend").status_code == 200
    fields = {"endpoint": "https://pizza.test:8443/another/path", "alias": "both", "pem": issue("pizza.test").pem}
    answer = house.owner.post(f"/apis/{api_id}/new-certificate", data=fields)
    assert answer.status_code == 303, answer.text
    assert house.owner.delete(f"{CERTIFICATES}/both").status_code == 200


def test_a_removed_certificate_is_restored_only_on_a_page_that_lists_it(house):
    assert upload(house.owner, issue("other.test").pem, "others", OTHER).status_code == 201
    assert house.owner.delete(f"{CERTIFICATES}/others").status_code == 200
    removed_certificate = next(
        certificate for certificate in house.owner.get(REMOVED).json()["list"] if certificate["alias"] == "others"
    )
    path = f"removed-certificates/{removed_certificate['id']}/restore"
    assert house.owner.post(f"/apis/{house.ids['api_id']}/{path}").status_code == 404
    assert house.owner.post(f"/apis/{house.ids['other_id']}/{path}").status_code == 303
