"""`/apis/{apiId}/client-certificates`: the certificates that callers of an API may present."""

from dataclasses import replace
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from holdfast.store import journal
from holdfast.store.catalog import apis
from issuing import DAY, issue, key_usage
from rest.calls import APIS, api_body, assert_problem, assert_unchanged, create_api

ANNA = issue(common_name="anna")
CA = issue(ca=True, common_name="CA")  # without a keyUsage, as `openssl req -x509` makes them
OTHERS = [issue(common_name=f"caller {n}") for n in range(3)]


def path_of(api, alias=""):
    return f"{APIS}/{api['id']}/client-certificates" + (f"/{alias}" if alias else "")


def accept(client, api, data=ANNA.pem, alias="partner", tier="Gold"):
    fields = {"alias": alias, "tier": tier}
    return client.post(path_of(api), data=fields, files={"certificate": ("caller.crt", data)})


def schemes(client, api):
    return client.get(f"{APIS}/{api['id']}").json()["securityScheme"]


@pytest.fixture(scope="module")
def runtime_without_tls(shared_runtime):
    """The same Holdfast with gateways that use only http."""
    return replace(shared_runtime, tls_gateways={})


@pytest.fixture
def without_tls(runtime_without_tls, connect, client):
    """A client of that Holdfast, signed in like *client*."""
    other = connect(runtime_without_tls)
    other.cookies = client.cookies
    return other


def test_an_upload_is_described_and_makes_the_api_require_it(client, api):
    response = accept(client, api)
    assert response.status_code == 201, response.text
    assert response.headers["location"] == path_of(api, "partner")
    body = response.json()
    assert (body["alias"], body["apiId"], body["tier"], body["status"]) == ("partner", api["id"], "Gold", "Active")
    assert (body["subject"], body["version"], body["findings"]) == ("CN=anna", "3", [])
    assert body["fingerprint"] == sha256(ANNA.der).hexdigest()
    assert schemes(client, api) == ["mutualssl"]
    got = client.get(path_of(api, "partner"))
    assert got.json() == body | {"enforcement": got.json()["enforcement"]}
    assert got.json()["enforcement"]["progress"] == "no gateway"


def test_other_security_schemes_stay_and_mutualssl_is_added_once(client):
    api = create_api(client, securityScheme=["oauth2", "api_key"])
    assert accept(client, api).status_code == 201
    assert accept(client, api, OTHERS[0].pem, "other").status_code == 201
    assert schemes(client, api) == ["oauth2", "api_key", "mutualssl"]


def test_lists_are_ordered_by_alias_and_paginated(client, api):
    for alias, certificate in zip("bca", OTHERS, strict=True):
        assert accept(client, api, certificate.pem, alias).status_code == 201
    page = client.get(path_of(api), params={"limit": 2}).json()
    assert ([certificate["alias"] for certificate in page["certificates"]], page["count"]) == (["a", "b"], 2)
    assert page["pagination"]["total"] == 3
    assert path_of(api) in page["pagination"]["next"]
    body = client.get(path_of(api), params={"alias": "b"}).json()
    assert [certificate["alias"] for certificate in body["certificates"]] == ["b"]
    assert client.get(path_of(api), params={"alias": "nobody"}).json()["certificates"] == []


def test_a_file_of_any_format_with_one_certificate_is_accepted(client, api):
    bundle = pkcs7.serialize_certificates([OTHERS[1].certificate], Encoding.DER)
    for alias, data in (("pem", ANNA.pem), ("der", OTHERS[0].der), ("p7b", bundle)):
        assert accept(client, api, data, alias).status_code == 201, alias
    content = client.get(f"{path_of(api, 'der')}/content")
    assert (content.content, content.headers["content-type"]) == (OTHERS[0].der, "application/octet-stream")
    pem = client.get(f"{path_of(api, 'pem')}/content", headers={"Accept": "application/x-pem-file"})
    assert pem.content == ANNA.pem


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (ANNA.pem + OTHERS[0].pem, "The file contains 2 certificates"),
        (issue(ca=True, by=CA, common_name="below").pem, " is a CA, but "),
        (issue(common_name="signer", more=[key_usage(key_cert_sign=True)]).pem, " is a CA, but "),
        (ANNA.pem + ANNA.key_pem, "private key"),
        (issue(start=-2 * DAY, end=-DAY).pem, "expired on"),
        (b"", "The file is empty"),
        (b"nothing", "certificate"),
    ],
)
def test_a_file_without_exactly_one_caller_certificate_is_rejected(client, api, shared_runtime, berta, data, says):
    with assert_unchanged(shared_runtime, berta.organization):
        assert_problem(accept(client, api, data), 400, "certificate", says=says)
    assert schemes(client, api) == []


def test_a_self_signed_ca_certificate_is_accepted_only_itself_with_a_finding(client, api):
    response = accept(client, api, CA.pem)
    assert response.status_code == 201
    assert [finding["code"] for finding in response.json()["findings"]] == ["only-itself"]


def test_certificates_that_are_not_yet_valid_or_expire_soon_have_findings(client, api):
    later = accept(client, api, issue(start=DAY).pem, "later").json()
    assert (later["status"], [finding["code"] for finding in later["findings"]]) == ("Not yet valid", ["not-yet-valid"])
    soon = accept(client, api, issue(end=DAY).pem, "soon").json()
    assert (soon["status"], soon["expiryStatus"]) == ("Active", "Expiring")


@pytest.mark.parametrize("alias", ["", "a b", "a/b", "x" * 46])
def test_aliases_follow_the_rules_of_endpoint_certificates(client, api, alias):
    assert_problem(accept(client, api, alias=alias), 400, "alias")


@pytest.mark.parametrize("tier", ["x" * 61, "a\x00b"])
def test_invalid_tiers_are_rejected(client, api, tier):
    assert_problem(accept(client, api, tier=tier), 400, "tier")


def test_an_alias_and_a_certificate_are_unique_within_an_api(client, api):
    assert accept(client, api).status_code == 201
    assert_problem(accept(client, api, OTHERS[0].pem), 409, "alias", says="partner already exists")
    assert_problem(accept(client, api, alias="again"), 409, "certificate", says="exists under the alias partner")
    assert accept(client, create_api(client, "Pasta")).status_code == 201


def test_replacing_keeps_what_is_left_out(client, api):
    accept(client, api)
    accept(client, api, OTHERS[0].pem, "other")
    response = client.put(path_of(api, "partner"), files={"tier": (None, "Silver")})
    assert (response.status_code, response.json()["tier"], response.json()["subject"]) == (200, "Silver", "CN=anna")
    put = client.put(path_of(api, "partner"), files={"certificate": ("new.crt", OTHERS[1].pem)})
    assert (put.json()["tier"], put.json()["subject"]) == ("Silver", "CN=caller 1")
    answer = client.put(path_of(api, "partner"), files={"certificate": ("new.crt", OTHERS[0].pem)})
    assert_problem(answer, 409, "certificate", says="exists under the alias other")
    two = client.put(path_of(api, "partner"), files={"certificate": ("new.crt", ANNA.pem + CA.pem)})
    assert_problem(two, 400, "certificate")


def test_conditional_requests_are_enforced(client, api):
    tag = accept(client, api).headers["etag"]
    assert client.get(path_of(api, "partner"), headers={"If-None-Match": tag}).status_code == 304
    response = client.put(path_of(api, "partner"), files={"tier": (None, "Free")}, headers={"If-Match": tag})
    assert response.headers["etag"] != tag
    assert_problem(client.delete(path_of(api, "partner"), headers={"If-Match": tag}), 412)
    assert client.delete(path_of(api, "partner"), headers={"If-Match": response.headers["etag"]}).status_code == 200


def test_without_caller_certificates_the_api_still_requires_one(client, api):
    accept(client, api)
    where = f"{APIS}/{api['id']}"
    for taken_away in ({"securityScheme": []}, {"securityScheme": ["oauth2"]}, {"securityScheme": None}):
        response = client.put(where, json=taken_away)
        assert_problem(response, 400, "securityScheme", says="Delete them first")
    assert client.put(where, json={"description": "other"}).status_code == 200
    assert client.put(where, json=client.get(where).json()).status_code == 200
    assert client.delete(path_of(api, "partner")).status_code == 200
    assert schemes(client, api) == ["mutualssl"]
    assert client.put(where, json={"securityScheme": ["oauth2"]}).status_code == 200
    assert schemes(client, api) == ["oauth2"]


@pytest.mark.parametrize("scheme", ["mutualssl", "MutualSSL", "mutualssl_mandatory"])
def test_every_spelling_of_mutualssl_is_enforced(client, shared_runtime, berta, scheme):
    api = create_api(client, securityScheme=["oauth2", scheme])
    assert schemes(client, api) == ["oauth2", scheme]
    with shared_runtime.store.read() as session:
        (stored_api,) = apis.list_of_organization(session, berta.organization)
    assert stored_api.requires_certificate
    accept(client, api)
    assert schemes(client, api) == ["oauth2", scheme]


def test_a_copy_is_for_the_same_callers(client, api):
    accept(client, api)
    params = {"newVersion": "2.0", "apiId": api["id"]}
    copy = client.post(f"{APIS}/copy-api", params=params).json()
    assert copy["securityScheme"] == ["mutualssl"]
    (entry,) = client.get(path_of(copy)).json()["certificates"]
    assert (entry["alias"], entry["apiId"], entry["tier"]) == ("partner", copy["id"], "Gold")
    assert client.delete(path_of(copy, "partner")).status_code == 200
    assert client.get(path_of(api)).json()["count"] == 1


def test_without_gateway_tls_caller_certificates_are_rejected(without_tls, api, shared_runtime, berta):
    with assert_unchanged(shared_runtime, berta.organization):
        assert_problem(accept(without_tls, api), 400, says="--gateway-tls")
        members = {"securityScheme": ["mutualssl"]}
        assert_problem(without_tls.put(f"{APIS}/{api['id']}", json=members), 400, says="not configured")
        assert_problem(without_tls.post(APIS, json=api_body("Pasta", **members)), 400, says="not configured")
    assert without_tls.get(path_of(api)).json()["count"] == 0


def test_an_api_that_requires_certificates_can_be_edited_without_gateway_tls(client, without_tls, api):
    accept(client, api)
    where = f"{APIS}/{api['id']}"
    assert without_tls.put(where, json=without_tls.get(where).json()).status_code == 200
    assert without_tls.post(f"{APIS}/copy-api", params={"newVersion": "2", "apiId": api["id"]}).status_code == 201
    assert without_tls.delete(path_of(api, "partner")).status_code == 200
    assert without_tls.put(where, json={"securityScheme": []}).status_code == 200


def test_an_unknown_api_or_alias_is_not_found(client, api):
    nowhere = {"id": "0"}
    for where, alias in ((nowhere, "partner"), (api, "nobody")):
        for method in ("GET", "PUT", "DELETE"):
            assert_problem(client.request(method, path_of(where, alias)), 404)
    assert_problem(accept(client, nowhere), 404)
    assert_problem(client.get(path_of(nowhere)), 404)


def test_each_change_is_in_the_audit_log(client, api, shared_runtime, berta):
    accept(client, api)
    client.put(path_of(api, "partner"), files={"certificate": ("new.crt", OTHERS[0].pem)})
    client.delete(path_of(api, "partner"))
    with shared_runtime.store.read() as session:
        events = journal.list_audit_events(session, berta.organization)
    details = [(event.action, event.detail) for event in events if "client certificate" in event.action]
    prints = [sha256(certificate.der).hexdigest() for certificate in (ANNA, OTHERS[0])]
    assert details == [
        ("accept client certificate", f"partner SHA-256 {prints[0]}"),
        ("replace client certificate", f"partner SHA-256 {prints[1]}, removed {prints[0]}"),
        ("delete client certificate", f"partner SHA-256 {prints[1]}"),
    ]
    assert any("callers need a certificate" in event.detail for event in events)
