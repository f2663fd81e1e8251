"""`/endpoints/trust-settings` and `/endpoints/trust-exception`."""

from datetime import timedelta

import pytest

from issuing import DAY, issue, key_usage, revoke
from rest.calls import ENDPOINTS, SANDBOX, URL, assert_problem, assert_unchanged, upload
from revoking import extension, write_crl
from store.values import read

pytestmark = pytest.mark.usefixtures("api")
SETTINGS, EXCEPTION = f"{ENDPOINTS}/trust-settings", f"{ENDPOINTS}/trust-exception"
PIN = "ab" * 32
DEFAULTS = {
    "anchors": "imported",
    "names": [],
    "anyName": False,
    "sni": None,
    "certificatePins": [],
    "spkiPins": [],
    "crls": [],
    "revocationOfPath": True,
    "tlsMinimum": "1.2",
    "tlsMaximum": "1.3",
    "exception": None,
}
REASON = "the certificate is renewed today"


def put(client, endpoint=URL, **values):
    return client.put(SETTINGS, params={"endpoint": endpoint}, json=values)


def get(client, endpoint=URL):
    return client.get(SETTINGS, params={"endpoint": endpoint})


def grant(client, until, reason=REASON, endpoint=URL):
    body = {"reason": reason, "until": until if isinstance(until, str) else until.isoformat()}
    return client.put(EXCEPTION, params={"endpoint": endpoint}, json=body)


def test_an_origin_without_settings_has_the_defaults(client):
    body = get(client).json()
    assert {name: body[name] for name in DEFAULTS} == DEFAULTS
    assert body.keys() == DEFAULTS.keys() | {"origin", "effect", "findings", "enforcement"}
    assert body["origin"] == "https://pizza.test:8443"
    assert body["effect"][0].endswith("is valid for pizza.test and was issued by a public CA.")


def test_saved_settings_are_returned(client):
    root = issue(ca=True, common_name="root")
    values = {
        "anchors": "imported-and-public",
        "names": ["A.internal.", "192.0.2.1"],
        "sni": "B.internal",
        "certificatePins": [":".join(["AB"] * 32)],
        "spkiPins": ["sha256/q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s="],
        "crls": revoke(root).decode(),
        "revocationOfPath": False,
        "tlsMinimum": "1.3",
        "tlsMaximum": "1.3",
    }
    body = put(client, **values).json()
    assert body["names"] == ["a.internal", "192.0.2.1"]
    assert (body["sni"], body["anchors"]) == ("b.internal", "imported-and-public")
    assert body["certificatePins"] == body["spkiPins"] == [PIN]
    (crl,) = body["crls"]
    assert (crl["issuer"], crl["stale"], crl["entries"]) == ("CN=root", False, 0)
    assert (body["tlsMinimum"], body["tlsMaximum"], body["revocationOfPath"]) == ("1.3", "1.3", False)
    assert get(client).json() == body


def test_crls_stay_unless_they_are_sent(client):
    put(client, crls=revoke(issue(ca=True)).decode())
    assert put(client, names=["a.internal"]).json()["crls"] != []
    assert put(client, crls="").json()["crls"] == []


def test_crls_are_returned_as_they_were_uploaded(client, stranger):
    path = f"{SETTINGS}/crls"
    assert client.get(path, params={"endpoint": URL}).content == b""
    crls = revoke(issue(ca=True, common_name="one")).decode() + revoke(issue(ca=True, common_name="two")).decode()
    body = put(client, crls=crls).json()
    answer = client.get(path, params={"endpoint": URL})
    assert (answer.text, answer.headers["content-type"]) == (crls, "application/x-pem-file")
    assert put(client, crls=answer.text).json()["crls"] == body["crls"]
    assert_problem(stranger.get(path, params={"endpoint": URL}), 400, "endpoint")
    assert_problem(client.get(path, params={"endpoint": SANDBOX}), 400, "endpoint", says="http endpoint")


def test_the_effect_names_what_was_imported(client):
    backend = issue("pizza.test")
    upload(client, backend.pem)
    assert get(client).json()["effect"][0].endswith("is valid for pizza.test and is, or was issued by, pizza.test.")
    body = put(client, anyName=True, certificatePins=[read(backend).fingerprint]).json()
    assert ", whatever its names, " in body["effect"][0]


def test_crls_that_reject_everything_are_refused_with_the_reason(client):
    root = issue(ca=True, common_name="root", more=[key_usage(key_cert_sign=True)])
    upload(client, root.pem)
    for crl, reason in (
        (write_crl(root), "keyUsage lacks cRLSign"),
        (revoke(issue(ca=True), end=-DAY), "expired on"),
        (write_crl(issue(ca=True), extensions=[extension("1.2.3.4", b"", critical=True)]), "1.2.3.4"),
    ):
        assert_problem(put(client, crls=crl.decode()), 400, "crls", says=reason)
        response = client.post(f"{SETTINGS}/inspect", params={"endpoint": URL}, json={"crls": crl.decode()})
        assert_problem(response, 400, "crls", says=reason)
    assert get(client).json()["crls"] == []


def test_problems_of_crls_are_findings_and_do_not_block_saving(client):
    root = issue(ca=True, common_name="root")
    upload(client, root.pem)
    values = {"crls": revoke(root).decode()}
    response = client.post(f"{SETTINGS}/inspect", params={"endpoint": URL}, json=values).json()
    assert get(client).json()["crls"] == []
    body = put(client, **values).json()
    assert response["findings"] == body["findings"]
    codes = [(finding["code"], finding["severity"]) for finding in body["findings"]]
    assert codes == [("crl-without-number", "info"), ("crl-without-key-identifier", "info")]
    assert {finding["fingerprint"] for finding in body["findings"]} == {body["crls"][0]["fingerprint"]}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"anchors": "everyone"}, "anchors"),
        ({"names": ["a b"]}, "names"),
        ({"names": ["a.test"] * 21}, "names"),
        ({"sni": "192.0.2.1"}, "sni"),
        ({"sni": "a b"}, "sni"),
        ({"certificatePins": ["ab"]}, "certificatePins"),
        ({"spkiPins": ["not base64!"]}, "spkiPins"),
        ({"spkiPins": [PIN] * 21}, "spkiPins"),
        ({"anyName": True}, "anyName"),
        ({"anyName": True, "spkiPins": [PIN]}, "anyName"),
        ({"crls": "text"}, "crls"),
        ({"tlsMinimum": "1.0"}, "tlsMinimum"),
        ({"tlsMinimum": "1.3", "tlsMaximum": "1.2"}, "tlsMinimum"),
        ({"verify": False}, "verify"),
    ],
)
def test_values_that_cannot_be_used_are_refused_by_field(client, shared_runtime, berta, values, field):
    with assert_unchanged(shared_runtime, berta.organization):
        assert_problem(put(client, **values), 400, field)


@pytest.mark.parametrize("endpoint", ["https://nobody.test", "nonsense"])
def test_only_endpoints_of_apis_have_trust_settings(client, endpoint):
    assert_problem(get(client, endpoint), 400, "endpoint")
    assert_problem(put(client, endpoint), 400, "endpoint")


def test_an_http_endpoint_has_none(client):
    assert_problem(put(client, SANDBOX), 400, "endpoint", says="http endpoint")


def test_an_exception_has_a_reason_an_owner_and_an_end(client, shared_runtime, berta):
    until = shared_runtime.now() + timedelta(days=1)
    body = grant(client, until).json()
    assert body["exception"] == {"reason": REASON, "owner": berta.name, "until": until.isoformat()}
    assert "verification is off" in body["effect"][0]
    exceptions = client.get(f"{ENDPOINTS}/trust-exceptions").json()
    assert (exceptions["count"], exceptions["pagination"]["total"]) == (1, 1)
    assert exceptions["list"] == [{"origin": body["origin"]} | body["exception"]]
    assert put(client, names=["a.internal"]).json()["exception"] == body["exception"]
    settings = client.delete(EXCEPTION, params={"endpoint": URL}).json()
    assert (settings["exception"], settings["names"]) == (None, ["a.internal"])


@pytest.mark.parametrize(
    ("days", "reason", "field"),
    [(7.1, REASON, "until"), (-1, REASON, "until"), (1, "why not", "reason"), (1, "x" * 501, "reason")],
)
def test_an_exception_without_reason_or_expiry_is_rejected(client, shared_runtime, berta, days, reason, field):
    with assert_unchanged(shared_runtime, berta.organization):
        assert_problem(grant(client, shared_runtime.now() + timedelta(days=days), reason), 400, field)


def test_an_expiry_without_a_time_zone_is_rejected(client):
    assert_problem(grant(client, "2030-01-01T00:00:00"), 400, "until")


def test_another_organization_cannot_read_or_change_trust_settings(client, stranger, shared_runtime, berta):
    put(client, names=["a.internal"])
    grant(client, shared_runtime.now() + timedelta(days=1))
    with assert_unchanged(shared_runtime, berta.organization):
        assert_problem(get(stranger), 400, "endpoint")
        assert_problem(put(stranger), 400, "endpoint")
        assert_problem(grant(stranger, shared_runtime.now() + timedelta(days=1)), 400, "endpoint")
        stranger.delete(EXCEPTION, params={"endpoint": URL})
        assert stranger.get(f"{ENDPOINTS}/trust-exceptions").json()["list"] == []
