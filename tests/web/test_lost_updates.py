"""A form that was opened before someone else's change isn't saved over it, and keeps its input."""

import re
import uuid
from html import unescape
from urllib.parse import urlencode

import pytest

from holdfast.services.access.permissions import Role
from issuing import issue
from rest.calls import PREFIX, create_api, upload

pytestmark = pytest.mark.long

HTMX = {"HX-Request": "true"}
REFUSED = re.compile("Not saved: someone has changed this( API)? since you opened it.")
FORMS = ("endpoints", "request rules", "description", "environments", "trust", "group", "channel", "owners", "user")
DIALOGS = ("request rules", "description", "trust", "group")  # htmx sends these


@pytest.fixture(scope="module")
def operator(enlist, sign_in):
    return sign_in(enlist("default", str(uuid.uuid4()), Role.ADMIN))


@pytest.fixture
def find_form(client, operator, enlist):
    """Return the client that sends a form, its path, its input, what someone else saves, and how the input is shown."""

    def find_form(kind):
        path = f"/apis/{create_api(client, sandbox=None)['id']}"
        group, user = f"eu-{uuid.uuid4().hex[:8]}", f"dora {uuid.uuid4().hex[:8]}"
        mine, theirs = "https://mine.test", "https://theirs.test"
        on = {"with_production": "true"}
        match kind:
            case "endpoints":
                with_sandbox = {"with_sandbox": "true", "sandbox": "https://sandbox.test"}
                form = (
                    "/endpoints",
                    on | {"production": mine},
                    on | with_sandbox | {"production": theirs},
                    f'value="{mine}"',
                )
            case "request rules":
                form = "/request-rules", {"production": "21"}, {"sandbox": "34"}, 'value="21"'
            case "description":
                form = "/edit", {"description": "By me"}, {"description": "By them"}, ">By me</textarea>"
            case "environments":
                assert operator.post(f"{PREFIX}/gateways/groups", json={"name": group}).status_code == 201
                form = {"environment": ["Default", group]}
                form = "/environments", form, {"environment": group}, 'value="Default" checked'
            case "trust":
                form = "/trust/production", {"names": "mine.test"}, {"certificate_pins": "ab" * 32}, ">mine.test<"
            case "group":
                assert operator.post(f"{PREFIX}/gateways/groups", json={"name": group}).status_code == 201
                path = f"/gateways/groups/{group}"
                form = "/edit", {"display_name": "Mine"}, {"description": "Theirs"}, 'value="Mine"'
                return operator, path + form[0], *form[1:]
            case "channel":
                draft = {"kind": "email", "name": "ops", "recipients": "ops@example.test"}
                assert client.post("/notifications/new-channel", data=draft).status_code == 303
                path = "/notifications/channels"
                form = "/ops", {"recipients": "me@example.test"}, {"recipients": "a@b.test"}, ">me@example.test<"
            case "owners":
                assert upload(client, issue("pizza.test").pem).status_code == 201
                path = "/owners/certificate"
                form = "/pizza-backend", {"owners": "me@example.test"}, {"owners": "a@b.test"}, ">me@example.test<"
            case "user":
                enlist(client.get(f"{PREFIX}/account").json()["organization"], user, Role.VIEWER)
                path = "/users"
                form = (
                    f"/{user}",
                    {"roles": ["viewer", "creator"]},
                    {"roles": "viewer", "disabled": "true"},
                    'value="creator" checked',
                )
        return client, path + form[0], *form[1:]

    return find_form


def tag_of(page):
    """Return the entity tag in a form."""
    (tag,) = re.findall(r'name="if_match" value="(\w{32})"', page.text)
    return tag


@pytest.mark.parametrize("kind", FORMS)
def test_an_outdated_form_keeps_its_input_and_is_saved_the_second_time(find_form, kind):
    client, path, mine, theirs, input_text = find_form(kind)
    page = client.get(path)
    assert not REFUSED.search(page.text)
    assert input_text not in page.text or kind == "environments"
    assert client.post(path, data=theirs | {"if_match": tag_of(page)}).status_code == 303
    current = tag_of(client.get(path))
    assert current != tag_of(page)

    answer = client.post(path, data=mine | {"if_match": tag_of(page)})
    assert answer.status_code == 412
    message = REFUSED.search(answer.text)
    assert message
    assert 'role="alert" tabindex="-1" autofocus' in answer.text
    assert answer.text.count("autofocus", 0, message.start()) == 1
    assert input_text in answer.text
    (saved_now,) = re.findall(r'<a href="([^"]+)" target="_blank">what is saved now', answer.text)
    assert tag_of(client.get(unescape(saved_now))) == tag_of(answer) == current

    assert client.post(path, data=mine | {"if_match": tag_of(answer)}).status_code == 303
    assert input_text in client.get(path).text


@pytest.mark.parametrize("kind", DIALOGS)
def test_an_open_dialog_receives_only_the_message_and_the_current_tag(find_form, kind):
    client, path, mine, theirs, input_text = find_form(kind)
    dialog = client.get(path, headers=HTMX)
    client.post(path, data=theirs)
    part = client.post(path, data=mine | {"if_match": tag_of(dialog)}, headers=HTMX)
    assert part.status_code == 412
    assert re.findall(r' id="([\w-]+)"[^>]* hx-swap-oob=true', part.text) == ["dialog-condition", "dialog-outdated"]
    assert input_text not in part.text
    answer = client.post(path, data=mine | {"if_match": tag_of(part)}, headers=HTMX)
    assert answer.status_code in {200, 204}
    assert input_text in client.get(path).text


def test_an_outdated_form_with_an_error_is_still_outdated_when_it_is_corrected(find_form):
    client, path, mine, theirs, _ = find_form("endpoints")
    tag = tag_of(client.get(path))
    client.post(path, data=theirs)
    response = client.post(path, data=mine | {"production": "no URL", "if_match": tag})
    assert (response.status_code, tag_of(response)) == (422, tag)
    answer = client.post(f"{path}/check", params={"environment": "production"}, data=mine | {"if_match": tag})
    assert tag_of(answer) == tag
    assert client.post(path, data=mine | {"if_match": tag}).status_code == 412


def test_secrets_have_to_be_typed_again(find_form):
    client, path, mine, theirs, _ = find_form("endpoints")
    tag = tag_of(client.get(path))
    client.post(path, data=theirs)
    members = {"type": "BASIC", "username": "anna", "password": "geheim"}
    security = {f"production_security_{name}": value for name, value in members.items()}
    response = client.post(path, data=mine | security | {"if_match": tag})
    assert "Your input is still here, except for secrets." in response.text
    assert "geheim" not in response.text


def test_a_certificate_for_an_unsaved_endpoint_does_not_overwrite_a_change(client):
    path = f"/apis/{create_api(client, sandbox=None)['id']}"
    tag = tag_of(client.get(f"{path}/endpoints"))
    urls = {"production": "https://new.test", "if_match": tag}
    dialog = client.get(f"{path}/new-certificate?{urlencode(urls)}", headers=HTMX)
    assert tag_of(dialog) == tag
    form = urls | {"alias": "new", "endpoint": "https://new.test", "pem": "no certificate"}

    # The endpoint is saved, but not the certificate: the page and the dialog have the new tag.
    response = client.post(f"{path}/new-certificate", data=form, headers=HTMX)
    assert response.status_code == 422
    current = tag_of(client.get(f"{path}/endpoints"))
    assert re.findall(r'id="([a-z-]+)" name="if_match" value="(\w+)"', response.text) == [
        ("page-condition", current),
        ("dialog-condition", current),
    ]

    other = {"production": "https://other.test", "endpoint": "https://other.test", "if_match": tag}
    response = client.post(f"{path}/new-certificate", data=form | other, headers=HTMX)
    assert "Someone has changed this API since you opened the page." in unescape(response.text)
    assert tag_of(client.get(f"{path}/endpoints")) == current
    valid = form | other | {"if_match": current, "pem": issue("other.test").pem}
    answer = client.post(f"{path}/new-certificate", data=valid, headers=HTMX)
    assert f'value="{tag_of(client.get(f"{path}/endpoints"))}" form="endpoints-form"' in answer.text
