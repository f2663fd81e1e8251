"""The page about the callers of an API."""

import pytest

from issuing import issue
from rest.calls import APIS, create_api

CALLER, OTHER = issue(common_name="caller"), issue(common_name="other")


@pytest.fixture
def page(client):
    return f"/apis/{create_api(client)['id']}/callers"


def upload(client, path, certificate, **fields):
    return client.post(path, data=fields, files={"certificate": ("caller.pem", certificate.pem)})


def callers_of(client, page):
    rest = page.removeprefix("/apis").removesuffix("/callers")
    return client.get(f"{APIS}{rest}/client-certificates").json()["certificates"]


def test_a_callers_certificate_is_added_replaced_and_deleted(client, page):
    assert upload(client, f"{page}/new", CALLER, alias="partner").status_code == 303
    text = client.get(page).text
    assert "partner" in text
    assert "CN=caller" in text
    assert upload(client, f"{page}/partner/replace", OTHER).status_code == 303
    assert "CN=other" in client.get(page).text
    assert "last one" in client.get(f"{page}/partner/delete").text
    assert client.post(f"{page}/partner/delete").status_code == 303
    assert callers_of(client, page) == []


def test_an_api_without_callers_can_be_opened_again_but_not_with_one(client, page):
    upload(client, f"{page}/new", CALLER, alias="partner")
    assert client.post(f"{page}/open").status_code == 400
    client.post(f"{page}/partner/delete")
    assert client.post(f"{page}/open").status_code == 303
    assert 'data-accepted="anyone"' in client.get(page).text


@pytest.mark.parametrize("alias", ["", "two words", "partner"])
def test_a_rejected_alias_is_explained_in_the_dialog(client, page, alias):
    upload(client, f"{page}/new", CALLER, alias="partner")
    answer = client.post(
        f"{page}/new",
        data={"alias": alias},
        files={"certificate": ("caller.pem", OTHER.pem)},
        headers={"HX-Request": "true"},
    )
    assert (answer.status_code, len(callers_of(client, page))) == (422, 1)
    assert "alias-error" in answer.text
