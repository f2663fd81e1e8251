"""Pages say which certificates no API uses any more, show them and delete them, for those who may."""

import re

import pytest

from holdfast.services.access.permissions import Role
from issuing import identity_file, issue
from rest.calls import APIS, CERTIFICATES, ENDPOINTS, URL, create_api, upload
from web.crawling import Sent, read_page

ORIGIN = "https://pizza.test:8443"
PAGE = "/unused-certificates"


@pytest.fixture
def pizza(client):
    api = create_api(client)
    assert upload(client, issue("pizza.test").pem).status_code == 201
    return f"/apis/{api['id']}"


def aliases(client):
    return [each["alias"] for each in client.get(CERTIFICATES).json()["certificates"]]


def text_of(answer):
    """Give what a page says, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def test_the_dialog_of_deleting_an_api_lists_what_only_that_api_uses(client, pizza):
    said = client.get(f"{pizza}/delete")
    assert "No other API uses these." in text_of(said)
    assert "pizza-backend" in said.text
    create_api(client, "Pasta", f"{ORIGIN}/pasta")
    assert "No other API uses these." not in client.get(f"{pizza}/delete").text


def test_an_api_is_deleted_with_or_without_its_certificates_and_the_page_says_which(client, pizza):
    answer = client.post(f"{pizza}/delete")
    said = text_of(client.get(answer.headers["location"]))
    assert "API deleted. Its certificates are still trusted, but no API uses them." in said
    assert "Certificates no API uses: 1 endpoint" in said
    again = create_api(client)
    answer = client.post(f"/apis/{again['id']}/delete", data={"delete_unused": "true"})
    said = text_of(client.get(answer.headers["location"]))
    assert "API and its certificates deleted" in said
    assert "Certificates no API uses" not in said
    assert aliases(client) == []


def test_after_an_endpoint_was_changed_its_page_offers_to_delete_what_is_left(client, pizza):
    data = {"with_production": "true", "production": "https://new.test"}
    answer = client.post(f"{pizza}/endpoints", data=data)
    page = client.get(answer.headers["location"])
    assert "No API uses these any more" in page.text
    [sent] = [each for each in read_page(page.text).sends if each.path == f"{PAGE}/delete"]
    assert sent == Sent(f"{PAGE}/delete", (("api_id", pizza.removeprefix("/apis/")), ("origin", ORIGIN)))
    deleted = client.post(sent.path, data=dict(sent.fields))
    assert deleted.headers["location"] == f"{pizza}/endpoints?done=unused-deleted"
    assert aliases(client) == []
    assert "No API uses these any more" not in client.get(answer.headers["location"]).text


def test_another_change_of_endpoints_offers_nothing(client, pizza):
    data = {"with_production": "true", "production": f"{URL}/v2"}
    assert client.post(f"{pizza}/endpoints", data=data).headers["location"] == f"{pizza}/endpoints?done=endpoints-saved"


def test_the_page_shows_all_that_is_kept_for_an_endpoint_and_deletes_it(client, pizza):
    where = {"endpoint": URL}
    client.put(f"{ENDPOINTS}/trust-settings", params=where, json={"names": ["other.test"]})
    files = {"certificate": ("client.pem", identity_file(None, issue(common_name="ourselves")))}
    client.put(f"{ENDPOINTS}/client-certificate", params=where, files=files)
    assert "No unused certificates" in client.get(PAGE).text
    client.post(f"{pizza}/delete")
    said = text_of(client.get(PAGE))
    assert all(each in said for each in (ORIGIN, "pizza-backend", "SHA-256 fingerprint", "other.test", "ourselves"))
    assert "pizza-backend" in client.get(f"{PAGE}/delete", params={"origin": ORIGIN}).text
    assert client.post(f"{PAGE}/delete", data={"origin": ORIGIN}).headers["location"] == f"{PAGE}?done=unused-deleted"
    assert "No unused certificates" in client.get(PAGE).text


def test_what_an_api_uses_or_another_organization_keeps_is_not_there(client, stranger, pizza):
    for each in (client, stranger):
        assert each.get(f"{PAGE}/delete", params={"origin": ORIGIN}).status_code == 404
        assert each.post(f"{PAGE}/delete", data={"origin": ORIGIN}).status_code == 404
    client.post(f"{pizza}/delete")
    assert stranger.post(f"{PAGE}/delete", data={"origin": ORIGIN}).status_code == 404
    assert ORIGIN not in stranger.get(PAGE).text
    assert aliases(client) == ["pizza-backend"]


@pytest.mark.parametrize("role", [Role.PUBLISHER, Role.VIEWER])
def test_who_may_not_delete_certificates_sees_them_and_is_refused(client, berta, enlist, sign_in, pizza, role):
    client.post(f"{pizza}/delete")
    visitor = sign_in(enlist(berta.organization, f"{role} of {berta.organization}", role))
    page = visitor.get(PAGE)
    assert "pizza-backend" in page.text
    assert read_page(page.text).reasons == ["unused-1 not-permitted"]
    assert visitor.post(f"{PAGE}/delete", data={"origin": ORIGIN}).status_code == 403
    assert aliases(client) == ["pizza-backend"]


def test_going_back_leads_to_our_own_pages_only(client, pizza):
    client.post(f"{pizza}/delete")
    answer = client.post(f"{PAGE}/delete", data={"origin": ORIGIN, "api_id": "/evil.test/x?"})
    assert answer.headers["location"] == "/apis/%2Fevil.test%2Fx%3F/endpoints?done=unused-deleted"
    assert client.get(APIS).json()["count"] == 0
