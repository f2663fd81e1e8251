"""REST lists, searches and exports all endpoint certificates, and changes many of them at once."""

import csv
import io
from datetime import timedelta

import pytest

from holdfast.certificates.certificate import read_certificate
from holdfast.server.clock import utc_now
from issuing import DAY, issue
from rest.calls import CERTIFICATES, PREFIX, create_api, upload

EXPORT = f"{PREFIX}/endpoint-certificates-export"
OLD_CA, NEW_CA = issue(ca=True, common_name="Old CA"), issue(ca=True, common_name="New CA")
LEAF = issue("leaf.test", common_name="leaf", end=10 * DAY)
OLD_PRINT = read_certificate(OLD_CA.der).fingerprint


@pytest.fixture
def three(client):
    """Three aliases of three APIs; two trust the same CA, and one of these also a leaf."""
    for name, content in {"a": OLD_CA.pem, "b": OLD_CA.pem + LEAF.pem, "=c": LEAF.pem}.items():
        host = name.strip("=")
        create_api(client, f"Api{host}", f"https://{host}.test")
        assert upload(client, content, name.replace("=", "-"), f"https://{host}.test").status_code == 201
    return client


def aliases(client, **query):
    response = client.get(CERTIFICATES, params=query)
    assert response.status_code == 200, response.text
    return [entry["alias"] for entry in response.json()["certificates"]]


def replace(client, **fields):
    return client.post(f"{CERTIFICATES}/replace", data=fields, files={"certificate": ("new.pem", NEW_CA.pem)})


def fingerprints(client, alias):
    return {certificate["fingerprint"] for certificate in client.get(f"{CERTIFICATES}/{alias}").json()["certificates"]}


def test_lists_are_sorted_filtered_and_searched(three):
    soon = (utc_now() + timedelta(days=11)).isoformat()
    for query, expected in (
        ({}, ["-c", "a", "b"]),
        ({"sort": "expires"}, ["-c", "b", "a"]),
        ({"sort": "-expires", "limit": 1}, ["a"]),
        ({"sort": "-alias"}, ["b", "a", "-c"]),
        ({"expiresBefore": soon}, ["-c", "b"]),
        ({"issuer": "old ca"}, ["a", "b"]),
        ({"query": "LEAF"}, ["-c", "b"]),
        ({"query": OLD_PRINT[:12]}, ["a", "b"]),
        ({"unused": "true"}, []),
        ({"previous": "true"}, []),
    ):
        assert aliases(three, **query) == expected, query
    (entry,) = three.get(CERTIFICATES, params={"alias": "b"}).json()["certificates"]
    assert (entry["commonName"], entry["usedBy"], bool(entry["createdBy"])) == ("Old CA", 1, True)
    assert entry["expires"] < entry["notAfter"]
    links = three.get(CERTIFICATES, params={"sort": "expires", "query": "leaf", "limit": 1}).json()["pagination"]
    assert {"sort=expires", "query=leaf"} <= set(links["next"].partition("?")[2].split("&"))


@pytest.mark.parametrize(
    "query", [{"sort": "size"}, {"expiresBefore": "soon"}, {"expiresBefore": "2026-01-01T00:00:00"}]
)
def test_a_wrong_parameter_is_named(client, query):
    response = client.get(CERTIFICATES, params=query)
    assert (response.status_code, next(iter(query)) in response.text) == (400, True)


def test_an_export_has_a_row_for_each_certificate_and_no_formulas(three):
    response = three.get(EXPORT, params={"sort": "alias"})
    assert response.headers["content-type"].startswith("text/csv")
    assert response.headers["content-disposition"].startswith('attachment; filename="certificates-')
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [(row["alias"], row["commonName"]) for row in rows] == [
        ("'-c", "leaf"),
        ("a", "Old CA"),
        ("b", "Old CA"),
        ("b", "leaf"),
    ]
    body = three.get(EXPORT, params={"format": "json", "query": "leaf", "sort": "alias"}).json()["certificates"]
    assert (body[0]["alias"], body[0]["usedBy"], body[0]["status"]) == ("-c", 1, "Expiring")
    assert three.get(EXPORT, params={"format": "json", "query": "nothing"}).json() == {"certificates": []}


def test_several_certificates_are_deleted_together_or_not_at_all(three):
    response = three.post(f"{CERTIFICATES}/delete", json={"aliases": ["a", "missing"]})
    assert (response.status_code, aliases(three)) == (404, ["-c", "a", "b"])
    response = three.post(f"{CERTIFICATES}/delete", json={"aliases": ["a", "b"]})
    assert (response.json(), aliases(three)) == ({"count": 2, "list": ["a", "b"]}, ["-c"])
    removed_certificates = three.get(f"{PREFIX}/removed-endpoint-certificates").json()["list"]
    assert {certificate["alias"] for certificate in removed_certificates} == {"a", "b"}
    events = three.get(f"{PREFIX}/audit-events").json()["list"][:2]
    assert [(event["subject"], event["action"]) for event in events] == [
        ("b", "delete certificate"),
        ("a", "delete certificate"),
    ]
    assert events[0]["previousHash"] == events[1]["hash"]
    assert three.post(f"{CERTIFICATES}/delete", json={"aliases": []}).status_code == 400


def test_a_preview_of_a_replacement_changes_nothing(three):
    body = replace(three, fingerprint=OLD_PRINT, preview="true").json()
    assert (body["replaced"], [replacement["alias"] for replacement in body["list"]]) == (False, ["a", "b"])
    assert [
        (replacement["usedBy"], replacement["refusal"], replacement["backend"]) for replacement in body["list"]
    ] == [(1, None, None)] * 2
    assert aliases(three, query="new ca") == []


def test_a_certificate_is_replaced_everywhere_and_others_of_the_bundle_stay(three):
    new, leaf = (read_certificate(certificate.der).fingerprint for certificate in (NEW_CA, LEAF))
    colons = ":".join(OLD_PRINT[at : at + 2] for at in range(0, 64, 2)).upper()
    body = replace(three, fingerprint=colons, keepPrevious="true").json()
    assert (body["replaced"], body["count"]) == (True, 2)
    assert (fingerprints(three, "a"), fingerprints(three, "b")) == ({new}, {new, leaf})
    assert aliases(three, previous="true") == ["a", "b"]
    assert replace(three, fingerprint=OLD_PRINT).status_code == 404
    for alias in ("a", "b"):
        assert three.post(f"{CERTIFICATES}/{alias}/undo").status_code == 200
    assert aliases(three, issuer="old ca") == ["a", "b"]


def test_a_replacement_can_be_limited_to_some_aliases(three):
    assert [
        replacement["alias"] for replacement in replace(three, fingerprint=OLD_PRINT, aliases="b").json()["list"]
    ] == ["b"]
    assert aliases(three, issuer="new ca") == ["b"]
    response = replace(three, fingerprint=OLD_PRINT, aliases="a,b")
    assert (response.status_code, aliases(three, issuer="new ca")) == (404, ["b"])


def test_if_one_alias_cannot_be_changed_none_is(three):
    twin = issue(ca=True, common_name="Twin", identified=False)
    other = issue(ca=True, common_name="Twin", identified=False)
    assert upload(three, twin.pem, "twin", "https://b.test").status_code == 201
    files = {"certificate": ("new.pem", other.pem)}
    preview = three.post(f"{CERTIFICATES}/replace", data={"fingerprint": OLD_PRINT, "preview": "true"}, files=files)
    assert [replacement["refusal"] is None for replacement in preview.json()["list"]] == [True, False]
    response = three.post(f"{CERTIFICATES}/replace", data={"fingerprint": OLD_PRINT}, files=files)
    assert (response.status_code, "b: twin already" in response.text) == (409, True)
    assert aliases(three, issuer="old ca") == ["a", "b"]


@pytest.mark.parametrize("fingerprint", ["", "abc", "g" * 64])
def test_a_wrong_fingerprint_is_rejected(client, fingerprint):
    assert replace(client, fingerprint=fingerprint).status_code == 400
