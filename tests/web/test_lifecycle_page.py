"""The lifecycle page asks before it changes what callers get."""

import pytest

from rest.calls import APIS, create_api


@pytest.fixture
def deprecated_api(client):
    """An API that can be retired."""
    api = create_api(client)
    for action in ("Publish", "Deprecate"):
        client.post(f"{APIS}/change-lifecycle", params={"apiId": api["id"], "action": action})
    return api


def state_of(client, api):
    return client.get(f"{APIS}/{api['id']}").json()["lifeCycleStatus"]


@pytest.mark.parametrize("text", ["", "pizza", "Pizza 1.0.0"])
def test_only_who_types_the_name_of_an_api_retires_it(client, deprecated_api, text):
    answer = client.post(f"/apis/{deprecated_api['id']}/lifecycle", data={"action": "Retire", "confirmation": text})
    assert answer.status_code == 422
    assert "Type Pizza to retire it" in answer.text
    assert state_of(client, deprecated_api) == "DEPRECATED"


def test_htmx_goes_to_the_page_after_a_change_and_gets_the_error_otherwise(client, deprecated_api):
    path = f"/apis/{deprecated_api['id']}/lifecycle"
    headers = {"HX-Request": "true"}
    answer = client.post(path, data={"action": "Retire"}, headers=headers)
    assert (answer.status_code, "confirmation-error" in answer.text) == (422, True)
    answer = client.post(path, data={"action": "Retire", "confirmation": " Pizza "}, headers=headers)
    assert answer.headers["hx-redirect"].startswith(path)
    assert state_of(client, deprecated_api) == "RETIRED"


@pytest.mark.parametrize("action", ["Demote to Created", "Retire", "", "<script>"])
def test_only_a_possible_action_has_a_dialog(client, action):
    api = create_api(client)
    answer = client.get(f"/apis/{api['id']}/lifecycle/confirm", params={"action": action})
    assert answer.status_code == 422
    assert 'name="confirmation"' not in answer.text


def test_the_dialog_says_where_calls_will_go(client, deprecated_api):
    path = f"/apis/{deprecated_api['id']}/lifecycle/confirm"
    ask = {"params": {"action": "Retire"}}
    assert "will return 404 at once" in client.get(path, **ask).text
    other = create_api(client, version="2.0.0", isDefaultVersion=True)
    assert "will return 404 at once" in client.get(path, **ask).text
    client.post(f"{APIS}/change-lifecycle", params={"apiId": other["id"], "action": "Publish"})
    assert "will go to the default version, Pizza 2.0.0" in client.get(path, **ask).text
    own = client.get(f"/apis/{other['id']}/lifecycle/confirm", params={"action": "Demote to Created"}).text
    assert "/pizza</code> will return 404 at once" in own
