"""`/endpoint-certificates`: import, get, replace, delete, list."""

from datetime import datetime
from html import unescape
from urllib.parse import quote

import pytest
from sqlalchemy import update

from holdfast.store.tables import TrustedCertificateRow
from issuing import DAY, issue
from rest.calls import CERTIFICATES, REMOVED, URL, assert_problem, create_api, replace, upload
from store.values import read

pytestmark = pytest.mark.usefixtures("api")
INFORMATION = {
    *("alias", "endpoint", "status", "validity", "validityPeriod", "version", "subject", "certificates", "findings"),
    *("previous", "replacedTime", "inUse", "pinned", "pinProposed", "retireProposed"),
}
ADDED = {"expiryStatus", "notAfter", "createdTime", "lastUpdatedTime"}
LISTED = {"commonName", "issuer", "expires", "fingerprints", "previousCertificates", "usedBy", "createdBy"}


def test_an_upload_returns_its_location_and_description(client):
    backend = issue("pizza.test")
    response = upload(client, backend.pem)
    assert (response.status_code, response.headers["location"]) == (201, f"{CERTIFICATES}/pizza-backend")
    body = response.json()
    assert body.keys() == INFORMATION | ADDED | {"used", "ignored"}
    assert (body["alias"], body["endpoint"], body["status"], body["version"]) == ("pizza-backend", URL, "Active", "3")
    assert (body["subject"], body["findings"], body["ignored"]) == ("CN=pizza.test", [], [])
    assert body["used"] == [{"what": "Block 1", "fingerprint": read(backend).fingerprint}]
    validity = [datetime.fromisoformat(body["validityPeriod"][end]) for end in ("from", "to")]
    assert validity == [backend.certificate.not_valid_before_utc, backend.certificate.not_valid_after_utc]
    # As Java's `Date.toString()` writes it, for scripts that were written for WSO2.
    as_java = [f"{time:%a %b %d %H:%M:%S} UTC {time.year}" for time in validity]
    assert [body["validity"][end] for end in ("from", "to")] == as_java
    assert client.get(response.headers["location"]).status_code == 200


def test_everything_about_a_certificate_can_be_read(client):
    upload(client, issue("pizza.test", "*.pizza.test", "127.0.0.1").pem)
    body = client.get(f"{CERTIFICATES}/pizza-backend").json()
    assert body.keys() == INFORMATION | ADDED | {"enforcement"}
    (certificate,) = body["certificates"]
    assert certificate["subjectAltNames"] == ["pizza.test", "*.pizza.test", "127.0.0.1"]
    assert certificate["key"] == "EC secp256r1 256"
    assert certificate["signatureAlgorithm"] == "ECDSA-WITH-SHA256"
    assert len(certificate["fingerprint"]) == 64
    assert int(certificate["serialNumber"], 16) > 0
    assert (certificate["status"], certificate["isCa"], certificate["version"]) == ("Active", False, "V3")
    assert certificate["issuer"] == certificate["subject"] == "CN=pizza.test\\, *.pizza.test\\, 127.0.0.1"
    assert body["enforcement"] == {
        "progress": "no gateway",
        "gateways": 0,
        "enforcedOn": 0,
        "milliseconds": None,
        "reason": "",
        "waitingFor": [],
        "disconnected": [],
    }


def test_all_certificates_of_a_file_are_stored_and_described(client):
    old = issue("pizza.test", start=-9 * DAY, end=-3 * DAY)
    good, root = issue("pizza.test"), issue(ca=True)
    body = upload(client, old.pem + good.pem + root.pem + good.pem).json()
    assert [certificate["fingerprint"] for certificate in body["certificates"]] == [
        read(certificate).fingerprint for certificate in (old, good, root)
    ]
    assert [certificate["status"] for certificate in body["certificates"]] == ["Expired", "Active", "Active"]
    assert body["status"] == "Active"
    finding = body["findings"][0]
    assert (finding["code"], finding["severity"]) == ("expired", "error")
    assert finding["fingerprint"] == read(old).fingerprint
    assert finding["remedy"]

    def of(certificate):
        return [finding for finding in body["findings"] if finding["fingerprint"] == read(certificate).fingerprint]

    assert [(finding["code"], finding["severity"]) for finding in of(good)] == [("duplicate", "info")]
    assert {finding["severity"] for finding in of(root)} == {"info"}
    assert len(body["findings"]) == 1 + len(of(good)) + len(of(root))
    assert body["ignored"] == [{"what": "Block 4", "why": "It is a duplicate of an earlier certificate."}]
    again = client.get(f"{CERTIFICATES}/pizza-backend").json()["findings"]
    assert again == [finding for finding in body["findings"] if finding["code"] != "duplicate"]
    assert [finding["code"] for finding in replace(client, good.pem + good.pem).json()["findings"]][:1] == ["duplicate"]


@pytest.mark.parametrize(
    ("start", "end", "status", "expiry", "finding"),
    [
        (-1, 300, "Active", "Active", []),
        (-1, 20, "Active", "Expiring", ["expiring"]),  # scripts for WSO2 test for Active
        (3, 300, "Not yet valid", "Not yet valid", ["not-yet-valid"]),
    ],
)
def test_the_status_is_that_of_wso2_and_expiry_status_is_more_precise(client, start, end, status, expiry, finding):
    body = upload(client, issue("pizza.test", start=start * DAY, end=end * DAY).pem).json()
    assert (body["status"], body["expiryStatus"]) == (status, expiry)
    assert [entry["code"] for entry in body["findings"]] == finding


def test_a_wrong_name_is_a_finding_and_does_not_block_the_import(client):
    response = upload(client, issue("else.test").pem)
    assert response.status_code == 201
    assert [finding["code"] for finding in response.json()["findings"]] == ["name-mismatch"]


def test_a_replacement_keeps_the_endpoint(client):
    upload(client, issue("pizza.test").pem)
    new = issue("pizza.test")
    response = replace(client, new.der)
    assert response.status_code == 200
    assert (response.json()["alias"], response.json()["endpoint"]) == ("pizza-backend", URL)
    assert response.json()["certificates"][0]["fingerprint"] == read(new).fingerprint
    assert client.get(f"{CERTIFICATES}/pizza-backend").json()["certificates"] == response.json()["certificates"]


def test_a_deletion_returns_an_empty_body_and_the_object_is_gone(client):
    upload(client, issue("pizza.test").pem)
    response = client.delete(f"{CERTIFICATES}/pizza-backend")
    assert (response.status_code, response.content) == (200, b"")
    for call in (client.get, client.delete):
        assert_problem(call(f"{CERTIFICATES}/pizza-backend"), 404, says="'pizza-backend'")
    assert client.get(CERTIFICATES).json()["count"] == 0


@pytest.mark.parametrize("alias", ["größe", "证书", "what?", "a.b-c_d", "`tick`"])
def test_an_alias_can_be_a_word_in_any_language(client, alias):
    response = upload(client, issue("pizza.test").pem, alias)
    place = response.headers["location"]
    assert (response.status_code, place) == (201, f"{CERTIFICATES}/{quote(alias, safe='')}")
    assert client.get(place).json()["alias"] == alias
    assert [entry["alias"] for entry in client.get(CERTIFICATES, params={"alias": alias}).json()["certificates"]] == [
        alias
    ]
    assert replace(client, issue("pizza.test").pem, quote(alias, safe="")).status_code == 200
    assert client.get(f"{place}/content").status_code == 200
    assert client.delete(place).status_code == 200


def test_lists_have_wso2s_members_and_more(client):
    for alias in ("b", "a"):
        upload(client, issue("pizza.test").pem, alias)
    body = client.get(CERTIFICATES).json()
    assert (body.keys(), body["count"]) == ({"count", "certificates", "pagination"}, 2)
    assert [entry["alias"] for entry in body["certificates"]] == ["a", "b"]
    assert all(entry.keys() == {"alias", "endpoint"} | ADDED | LISTED for entry in body["certificates"])
    assert body["pagination"] == {"offset": 0, "limit": 25, "total": 2, "next": "", "previous": ""}


def test_lists_are_filtered_by_alias_and_endpoint(client):
    create_api(client, "Pasta", "https://pasta.test")
    upload(client, issue("pizza.test").pem, "a")
    upload(client, issue("pasta.test").pem, "b", "https://pasta.test")

    def aliases(**query):
        return [entry["alias"] for entry in client.get(CERTIFICATES, params=query).json()["certificates"]]

    assert aliases(alias="a") == aliases(endpoint=URL) == ["a"]
    assert aliases(endpoint="https://pasta.test") == ["b"]
    assert aliases(alias="a", endpoint="https://pasta.test") == aliases(alias="%") == aliases(alias="A") == []


def test_the_links_of_pages_lead_through_the_whole_list(client):
    for number in range(5):
        upload(client, issue("pizza.test").pem, f"ü{number}")

    def walk(start, direction):
        pages, link = [], start
        while link:
            page = client.get(link).json()
            pages.append([entry["alias"] for entry in page["certificates"]])
            assert page["pagination"]["total"] == 5
            link = page["pagination"][direction]
        return pages

    pages = [["ü0", "ü1"], ["ü2", "ü3"], ["ü4"]]
    assert walk(f"{CERTIFICATES}?limit=2&endpoint={quote(URL)}", "next") == pages
    assert walk(f"{CERTIFICATES}?limit=2&offset=4&endpoint={quote(URL)}", "previous") == pages[::-1]
    odd = client.get(f"{CERTIFICATES}?limit=2&offset=1").json()["pagination"]
    assert odd["previous"] == f"{CERTIFICATES}?limit=2&offset=0"
    beyond = client.get(f"{CERTIFICATES}?offset=99").json()
    assert (beyond["count"], beyond["pagination"]["next"]) == (0, "")


def test_the_apis_that_use_a_certificate_are_those_of_its_origin(client, api):
    upload(client, issue("pizza.test").pem)
    create_api(client, "Other", URL + "/other/base")
    create_api(client, "Elsewhere", "https://elsewhere.test")
    usage = client.get(f"{CERTIFICATES}/pizza-backend/usage", params={"limit": 1}).json()
    assert (usage["count"], usage["pagination"]["total"]) == (1, 2)
    assert usage["list"] == [{key: usage["list"][0][key] for key in ("id", "name", "context", "version", "provider")}]
    rest = client.get(usage["pagination"]["next"]).json()
    assert {entry["name"] for entry in usage["list"] + rest["list"]} == {api["name"], "Other"}


def test_the_query_of_an_endpoint_is_not_stored_with_its_certificates(client):
    response = upload(client, issue("pizza.test").pem, endpoint=f"{URL}?key=secret")
    assert (response.status_code, response.json()["endpoint"]) == (201, URL)
    assert "secret" not in client.get(f"{CERTIFICATES}/pizza-backend").text


def test_a_stored_certificate_that_cannot_be_read_can_be_replaced_or_deleted(client, api, berta, shared_runtime):
    """Damaged in the database, or written by a library that reads more."""
    upload(client, issue("pizza.test").pem, "damaged")
    of_berta = TrustedCertificateRow.organization_id == berta.organization

    def damage():
        with shared_runtime.store.write() as session:
            session.execute(update(TrustedCertificateRow).where(of_berta).values(der=b"damaged"))

    damage()
    for path in (f"{CERTIFICATES}/damaged", f"{CERTIFICATES}/damaged/content"):
        assert_problem(client.get(path), 409, says="stored under damaged can't be read. Replace it, or delete it.")
    for page in (f"/apis/{api['id']}", f"/apis/{api['id']}/certificates/damaged", "/metrics"):
        assert client.get(page).status_code == 200, page
    for page in (f"/apis/{api['id']}/endpoints", "/certificates/damaged"):
        assert "It can't be read" in unescape(client.get(page).text), page
    response = replace(client, issue("pizza.test").pem, "damaged")
    assert (response.status_code, response.json()["status"]) == (200, "Active")
    damage()
    assert client.delete(f"{CERTIFICATES}/damaged").status_code == 200
    assert client.get(REMOVED).json()["count"] == 0
    assert upload(client, issue("pizza.test").pem, "damaged").status_code == 201
