"""Pages list unused certificates, and delete them for users with the permission."""

import re

import pytest

from holdfast.services.access.permissions import Role
from holdfast.web.notices import describe
from issuing import identity_file, issue
from rest.calls import APIS, CERTIFICATES, ENDPOINTS, URL, create_api, upload
from web.crawling import ButtonRequest, read_page

ORIGIN = "https://pizza.test:8443"
PAGE = "/unused-certificates"


@pytest.fixture
def pizza(client):
    api = create_api(client)
    assert upload(client, issue("pizza.test").pem).status_code == 201
    return f"/apis/{api['id']}"


def aliases(client):
    return [certificate["alias"] for certificate in client.get(CERTIFICATES).json()["certificates"]]


def text_of(answer):
    """Return the text of a page without markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def test_the_delete_dialog_of_an_api_lists_certificates_that_only_it_uses(client, pizza):
    page = client.get(f"{pizza}/delete").text
    assert 'name="delete_unused"' in page
    assert "pizza-backend" in page
    create_api(client, "Pasta", f"{ORIGIN}/pasta")
    assert 'name="delete_unused"' not in client.get(f"{pizza}/delete").text


def test_an_api_is_deleted_with_or_without_its_certificates_and_the_notice_says_which(client, pizza):
    answer = client.post(f"{pizza}/delete")
    text = text_of(client.get(answer.headers["location"]))
    assert describe("api-deleted-unused", "Pizza 1.0.0") in text
    assert 'data-kind="unused-certificates"' in client.get("/").text
    again = create_api(client)
    answer = client.post(f"/apis/{again['id']}/delete", data={"delete_unused": "true"})
    text = text_of(client.get(answer.headers["location"]))
    assert describe("api-deleted-with-trust", "Pizza 1.0.0") in text
    assert "Unused certificates" not in text
    assert aliases(client) == []


def test_after_an_endpoint_changes_its_page_offers_to_delete_unused_certificates(client, pizza):
    data = {"with_production": "true", "production": "https://new.test"}
    answer = client.post(f"{pizza}/endpoints", data=data)
    page = client.get(answer.headers["location"])
    assert "left-title" in read_page(page.text).ids
    [form] = [form for form in read_page(page.text).sends if form.path == f"{PAGE}/delete"]
    assert form == ButtonRequest(f"{PAGE}/delete", (("api_id", pizza.removeprefix("/apis/")), ("origin", ORIGIN)))
    response = client.post(form.path, data=dict(form.fields))
    assert response.headers["location"] == f"{pizza}/endpoints?done=unused-deleted"
    assert aliases(client) == []
    assert "left-title" not in read_page(client.get(answer.headers["location"]).text).ids


def test_another_change_of_endpoints_offers_nothing(client, pizza):
    data = {"with_production": "true", "production": f"{URL}/v2"}
    assert client.post(f"{pizza}/endpoints", data=data).headers["location"] == f"{pizza}/endpoints?done=endpoints-saved"


def test_the_page_shows_and_deletes_everything_stored_for_an_endpoint(client, pizza):
    where = {"endpoint": URL}
    client.put(f"{ENDPOINTS}/trust-settings", params=where, json={"names": ["other.test"]})
    files = {"certificate": ("client.pem", identity_file(None, issue(common_name="ourselves")))}
    client.put(f"{ENDPOINTS}/client-certificate", params=where, files=files)
    assert "No unused certificates" in client.get(PAGE).text
    client.post(f"{pizza}/delete")
    assert 'data-kind="unused-identities"' in client.get("/").text
    page = text_of(client.get(PAGE))
    assert all(text in page for text in (ORIGIN, "pizza-backend", "SHA-256 fingerprint", "other.test", "ourselves"))
    assert "pizza-backend" in client.get(f"{PAGE}/delete", params={"origin": ORIGIN}).text
    assert client.post(f"{PAGE}/delete", data={"origin": ORIGIN}).headers["location"] == f"{PAGE}?done=unused-deleted"
    assert "No unused certificates" in client.get(PAGE).text


def test_trust_in_use_or_of_another_organization_is_not_found(client, stranger, pizza):
    for user in (client, stranger):
        assert user.get(f"{PAGE}/delete", params={"origin": ORIGIN}).status_code == 404
        assert user.post(f"{PAGE}/delete", data={"origin": ORIGIN}).status_code == 404
    client.post(f"{pizza}/delete")
    assert stranger.post(f"{PAGE}/delete", data={"origin": ORIGIN}).status_code == 404
    assert ORIGIN not in stranger.get(PAGE).text
    assert aliases(client) == ["pizza-backend"]


@pytest.mark.parametrize("role", [Role.PUBLISHER, Role.VIEWER])
def test_unused_certificates_can_be_deleted_only_with_the_permission(client, berta, enlist, sign_in, pizza, role):
    client.post(f"{pizza}/delete")
    visitor = sign_in(enlist(berta.organization, f"{role} of {berta.organization}", role))
    page = visitor.get(PAGE)
    assert "pizza-backend" in page.text
    assert read_page(page.text).reasons == ["unused-1 not-permitted"]
    assert visitor.post(f"{PAGE}/delete", data={"origin": ORIGIN}).status_code == 403
    assert aliases(client) == ["pizza-backend"]


def test_the_redirect_after_a_deletion_stays_on_this_host(client, pizza):
    client.post(f"{pizza}/delete")
    answer = client.post(f"{PAGE}/delete", data={"origin": ORIGIN, "api_id": "/evil.test/x?"})
    assert answer.headers["location"] == "/apis/%2Fevil.test%2Fx%3F/endpoints?done=unused-deleted"
    assert client.get(APIS).json()["count"] == 0
