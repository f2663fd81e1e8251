"""Rotation in REST: replace with overlap, undo, retire, and restore removed certificates."""

from datetime import datetime, timedelta

import pytest

from acting import context_of
from holdfast.apis.trust.endpoint_certificate import Generation
from holdfast.services.access.principal import Principal
from holdfast.services.trust import endpoint_certificates, rotation
from issuing import issue
from rest.calls import CERTIFICATES, REMOVED, URL, assert_problem, assert_unchanged, create_api, replace, upload
from store.values import read

pytestmark = pytest.mark.usefixtures("api")
PLACE = f"{CERTIFICATES}/pizza-backend"


def prints(certificates):
    return [certificate["fingerprint"] for certificate in certificates]


def write_prints(*certificates):
    return [read(certificate).fingerprint for certificate in certificates]


def replace_beside(client, data):
    return client.put(f"{PLACE}?keepPrevious=true", files={"certificate": ("new.pem", data)})


def list_removed(client):
    return client.get(REMOVED).json()["list"]


@pytest.fixture
def certificates(client):
    """An old certificate, which is the previous one now, and a new one."""
    old, new = issue("pizza.test"), issue("pizza.test")
    upload(client, old.pem)
    assert replace_beside(client, new.pem).status_code == 200
    return old, new


def test_a_replacement_with_overlap_returns_current_and_previous_certificates(client, certificates):
    old, new = certificates
    body = client.get(PLACE).json()
    assert (prints(body["certificates"]), prints(body["previous"])) == (write_prints(new), write_prints(old))
    assert datetime.fromisoformat(body["replacedTime"]) == datetime.fromisoformat(body["lastUpdatedTime"])
    assert (body["inUse"], body["retireProposed"]) == ("unknown", False)
    assert list_removed(client) == []


def test_a_replacement_without_overlap_has_no_previous_certificate(client, certificates):
    body = replace(client, issue("pizza.test").pem).json()
    assert body["previous"] == []
    (removed_certificate,) = list_removed(client)
    assert (prints(removed_certificate["certificates"]), prints(removed_certificate["previous"])) == (
        write_prints(certificates[1]),
        write_prints(certificates[0]),
    )


def test_an_invalid_keep_previous_is_rejected(client, certificates):
    del certificates
    response = client.put(f"{PLACE}?keepPrevious=perhaps", files={"certificate": ("a", issue().pem)})
    assert_problem(response, 400, "keepPrevious")


def test_indistinguishable_certificates_do_not_overlap(client):
    one, other = (issue("pizza.test", identified=False).pem for _ in range(2))
    upload(client, one)
    says = "Replace it without keeping the old one, at the moment the backend switches"
    assert_problem(replace_beside(client, other), 409, "certificate", says=says)
    assert replace(client, other).status_code == 200


def test_retire_and_undo_return_the_new_state(client, certificates):
    old, new = certificates
    body = client.post(f"{PLACE}/retire").json()
    assert (prints(body["certificates"]), body["previous"]) == (write_prints(new), [])
    assert [certificate["why"] for certificate in list_removed(client)] == ["retired"]
    body = client.post(f"{PLACE}/undo").json()
    assert (prints(body["certificates"]), body["previous"]) == (write_prints(old), [])
    assert body["alias"] == "pizza-backend"
    assert client.get(PLACE).json().items() >= body.items()


def test_without_a_replacement_nothing_is_undone_or_retired(client):
    upload(client, issue("pizza.test").pem)
    for action in ("undo", "retire"):
        problem = assert_problem(client.post(f"{PLACE}/{action}"), 409, says="so there is nothing to")
        assert problem["type"] == "/problems/no-previous-certificate"
        assert_problem(client.post(f"{CERTIFICATES}/nobody/{action}"), 404)


@pytest.mark.parametrize("alias", ["removed", "inspect", "undo"])
def test_every_word_can_be_an_alias(client, alias):
    upload(client, issue("pizza.test").pem, alias)
    assert client.get(f"{CERTIFICATES}/{alias}").json()["alias"] == alias
    assert client.delete(f"{CERTIFICATES}/{alias}").status_code == 200
    assert [certificate["alias"] for certificate in list_removed(client)] == [alias]


def test_removed_certificates_are_listed_in_pages(client, berta):
    for number in range(3):
        upload(client, issue("pizza.test").pem, f"a{number}")
        client.delete(f"{CERTIFICATES}/a{number}")
    body = client.get(REMOVED, params={"limit": 2}).json()
    assert (body["count"], body["pagination"]["total"]) == (2, 3)
    rest = client.get(body["pagination"]["next"]).json()
    assert [certificate["alias"] for certificate in body["list"] + rest["list"]] == ["a2", "a1", "a0"]
    first = body["list"][0]
    assert first.keys() == {
        *("id", "alias", "endpoint", "why", "removedTime", "removedBy", "restorableUntil", "certificates", "previous")
    }
    assert (first["endpoint"], first["why"], first["removedBy"]) == (URL, "deleted", berta.name)
    until, at = (datetime.fromisoformat(first[key]) for key in ("restorableUntil", "removedTime"))
    assert until - at == timedelta(days=30)


def test_a_deleted_certificate_can_be_restored(client):
    backend = issue("pizza.test")
    upload(client, backend.pem)
    client.delete(PLACE)
    (removed_certificate,) = list_removed(client)
    response = client.post(f"{REMOVED}/{removed_certificate['id']}/restore")
    assert response.status_code == 200
    assert prints(response.json()["certificates"]) == prints(client.get(PLACE).json()["certificates"])
    assert prints(response.json()["certificates"]) == write_prints(backend)
    assert_problem(client.post(f"{REMOVED}/{removed_certificate['id']}/restore"), 404, says="No removed certificate")


@pytest.mark.parametrize(
    "body",
    [{"json": {"alias": "other"}}, {"data": {"alias": "other"}}, {"files": {"alias": (None, "other")}}],
    ids=["json", "form", "multipart"],
)
def test_a_certificate_can_be_restored_under_another_alias(client, body):
    upload(client, issue("pizza.test").pem)
    client.delete(PLACE)
    upload(client, issue("pizza.test").pem)
    (removed_certificate,) = list_removed(client)
    restore = f"{REMOVED}/{removed_certificate['id']}/restore"
    assert_problem(client.post(restore), 409, "alias", says="Restore it under another alias")
    assert client.post(restore, **body).json()["alias"] == "other"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"content": b"{nope", "headers": {"content-type": "application/json"}}, 400, "body"),
        ({"content": b"[" * 100_000, "headers": {"content-type": "application/json"}}, 400, "body"),
        ({"content": b"\xff", "headers": {"content-type": "application/json"}}, 400, "body"),
        ({"json": ["alias"]}, 400, "body"),
        ({"json": "other"}, 400, "body"),
        ({"json": {"alias": 5}}, 400, "alias"),
        ({"json": {"alias": ""}}, 400, "alias"),
        ({"json": {"alias": "a/b"}}, 400, "alias"),
        ({"content": b'{"alias": "\\ud800"}', "headers": {"content-type": "application/json"}}, 400, "alias"),
        ({"files": {"alias": ("a.txt", b"other")}}, 400, "alias"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400, None),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400, None),
        ({"content": b"alias=other", "headers": {"content-type": "text/plain"}}, 415, None),
        ({"content": b"alias=other"}, 415, None),
    ],
)
def test_a_body_without_a_valid_alias_is_rejected_and_nothing_is_restored(
    client, shared_runtime, berta, body, status, field
):
    upload(client, issue("pizza.test").pem)
    client.delete(PLACE)
    (removed_certificate,) = list_removed(client)
    with assert_unchanged(shared_runtime, berta.organization):
        assert_problem(
            client.post(f"{REMOVED}/{removed_certificate['id']}/restore", **body), status, *([field] if field else [])
        )
    assert list_removed(client) == [removed_certificate]


def test_certificates_that_another_organization_removed_are_not_found(client, stranger):
    create_api(stranger)
    upload(stranger, issue("pizza.test").pem)
    stranger.delete(PLACE)
    (removed_certificate,) = list_removed(stranger)
    assert list_removed(client) == []
    assert_problem(client.post(f"{REMOVED}/{removed_certificate['id']}/restore"), 404)
    assert list_removed(stranger) == [removed_certificate]


def test_the_certificate_in_use_is_reported_and_retiring_suggested(client, certificates, shared_runtime, berta):
    del certificates
    who, store = Principal(berta.organization, berta.name), shared_runtime.store

    def observe(generation, **ago):
        entry = endpoint_certificates.get_certificate(context_of(store, who), "pizza-backend")
        rotation.observe(store, entry, generation, shared_runtime.now() - timedelta(**ago))
        body = client.get(PLACE).json()
        return body["inUse"], body["retireProposed"]

    assert observe(Generation.PREVIOUS, days=3) == ("unknown", False)
    assert observe(Generation.CURRENT, days=2) == ("unknown", False)
    assert observe(Generation.CURRENT, minutes=1) == ("current", True)
    assert observe(Generation.PREVIOUS, seconds=1) == ("previous", False)
