"""The dialog that changes what gateways serve of an API, and which requests they let through."""

import re
import uuid

import pytest

from holdfast.services.access.permissions import Role
from rest.calls import APIS, PREFIX, create_api

FORM = {
    "default": "true",
    "listed": "true",
    "cors": "true",
    "origins": "https://shop.test\nhttp://localhost:3000",
    "methods": "GET, PUT",
    "headers": "x-key",
    "credentials": "true",
    "production": "100",
    "production_unit": "MINUTE",
    "sandbox": "",
    "sandbox_unit": "SECOND",
}
OPERATIONS = [{"target": "/pets", "verb": "GET"}]


@pytest.fixture
def api(client):
    """An API that lists an operation."""
    return create_api(client, operations=OPERATIONS)


def rules(client, api):
    body = client.get(f"{APIS}/{api['id']}").json()
    return {
        name: body.get(name) for name in ("isDefaultVersion", "onlyListedOperations", "corsConfiguration", "maxTps")
    }


def errors(answer):
    """Return the errors in a page or part, by field."""
    pattern = r'<div class="invalid-feedback" id="([a-z]+)-error"[^>]*>([^<]+)</div>'
    return {field: text for field, text in re.findall(pattern, answer.text) if text.strip()}


def test_all_rules_are_set_shown_and_removed(client, api):
    path = f"/apis/{api['id']}/request-rules"
    assert client.post(path, data=FORM).headers["location"] == f"/apis/{api['id']}?done=rules-saved"
    cors = {
        "corsConfigurationEnabled": True,
        "accessControlAllowOrigins": ["https://shop.test", "http://localhost:3000"],
        "accessControlAllowMethods": ["GET", "PUT"],
        "accessControlAllowHeaders": ["x-key"],
        "accessControlAllowCredentials": True,
    }
    expected = {"isDefaultVersion": True, "onlyListedOperations": True, "corsConfiguration": cors}
    assert rules(client, api) == expected | {"maxTps": {"production": 100, "productionTimeUnit": "MINUTE"}}
    page = client.get(path).text
    assert "https://shop.test\nhttp://localhost:3000</textarea>" in page
    assert 'value="GET, PUT"' in page
    assert '<option value="MINUTE" selected>' in page
    overview = client.get(f"/apis/{api['id']}").text
    for text in ("Yes, once it is published", "Only listed ones (1)", "with credentials", "100 per minute and gateway"):
        assert text in overview
    client.post(path, data={"origins": "kept", "production_unit": "SECOND"})
    # Switched off, the policy keeps its values.
    off = {"isDefaultVersion": False, "onlyListedOperations": False}
    assert rules(client, api) == off | {"corsConfiguration": cors | {"corsConfigurationEnabled": False}, "maxTps": None}
    assert "Left to the backend" in client.get(f"/apis/{api['id']}").text


def test_an_unchanged_form_changes_nothing(client, api):
    before = rules(client, api)
    client.post(f"/apis/{api['id']}/request-rules", data={"production_unit": "SECOND", "sandbox_unit": "SECOND"})
    assert rules(client, api) == before | {"onlyListedOperations": False}


@pytest.mark.parametrize(
    ("values", "field", "text"),
    [
        ({"production": "0"}, "production", "whole number from 1 to 1,000,000"),
        ({"sandbox": "1.5"}, "sandbox", "whole number"),
        ({"sandbox": "9" * 5000}, "sandbox", "whole number"),
        ({"sandbox": "1", "sandbox_unit": "DAY"}, "sandbox", "SECOND, MINUTE, HOUR"),
        ({"origins": "shop.test"}, "origins", "isn&#39;t an origin"),
        ({"origins": ""}, "origins", "at least one origin"),
        ({"origins": "*"}, "credentials", "instead of *"),
        ({"methods": "GET("}, "methods", "isn&#39;t the name of a method"),
        ({"headers": "a:b"}, "headers", "isn&#39;t the name of a header"),
    ],
)
def test_errors_are_next_to_their_fields_and_nothing_is_saved(client, api, values, field, text):
    before = rules(client, api)
    path = f"/apis/{api['id']}/request-rules"
    part = client.post(path, data=FORM | values, headers={"HX-Request": "true"})
    page = client.post(path, data=FORM | values)
    for answer in (part, page):
        assert answer.status_code == 422
        assert list(errors(answer)) == [field]
        assert text in errors(answer)[field]
    assert rules(client, api) == before


def test_a_path_of_another_api_is_an_error_of_the_default_version(client):
    version = create_api(client, name="other", context="/a", version="b")
    below = create_api(client, name="below", context=f"{version['context']}/b")
    answer = client.post(f"/apis/{below['id']}/request-rules", data={"default": "true"})
    assert "is already used by" in errors(answer)["default"]


def test_operations_cannot_be_required_before_there_are_some(client):
    api = create_api(client)
    path = f"/apis/{api['id']}/request-rules"
    assert re.search(r'id="listed"[^>]*disabled', client.get(path).text)
    assert "Without operations" in errors(client.post(path, data={"listed": "true"}))["listed"]


@pytest.mark.parametrize("role", [Role.PUBLISHER, Role.VIEWER])
def test_publishers_and_viewers_cannot_change_the_rules(client, api, enlist, sign_in, role):
    organization = client.get(f"{PREFIX}/account").json()["organization"]
    other = sign_in(enlist(organization, str(uuid.uuid4()), role))
    assert other.post(f"/apis/{api['id']}/request-rules", data=FORM).status_code == 403
    assert rules(client, api)["isDefaultVersion"] is False
