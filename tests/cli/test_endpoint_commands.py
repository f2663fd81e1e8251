"""`holdfast endpoint test` shows the certificates of a backend, and whether the gateway accepts it."""

import json
from email import message_from_bytes

import pytest

from backends import Backend
from cli.answering import answering
from issuing import issue, truststore

ENDPOINT = "https://backend.example:8443"
PRESENTED = {
    "subject": "CN=backend.example",
    "issuer": "CN=Authority",
    "fingerprint": "ab" * 32,
    "validity": {"from": "2026-01-01T00:00:00+00:00", "to": "2027-01-01T00:00:00+00:00"},
    "role": "leaf",
}


def make_verdict(**verdict):
    return {
        "endpoint": ENDPOINT,
        "address": "192.0.2.1",
        "presented": [PRESENTED],
        "tlsVersion": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "clientCertificateRequested": True,
        "problem": None,
        "verdict": {"accepted": False, "answeredBy": "gateway", "code": "", "message": "", "remedy": "", "reason": ""}
        | verdict,
        "findings": [
            {
                "code": "expiring",
                "severity": "warning",
                "message": "Expires soon.",
                "remedy": "Renew it.",
                "fingerprint": "ab" * 32,
            }
        ],
    }


REFUSED = make_verdict(
    code="unknown_issuer", message="Its issuer is unknown.", remedy="Import it.", reason="unable to get"
)
ACCEPTED = make_verdict(accepted=True, message="A gateway calls this backend.")


@pytest.fixture
def look_with(guest):
    """Run the command with a prepared response, and return its result and the request."""

    def run(answer, *arguments, stdin=""):
        with answering(body=json.dumps(answer).encode()) as server:
            environment = {"HOLDFAST_URL": server.url, "HOLDFAST_TOKEN": "abc"}
            return guest("endpoint", "test", ENDPOINT, *arguments, stdin=stdin, **environment), server.requests[0]

    return run


def test_a_rejected_backend_exits_with_7_and_a_remedy(look_with):
    result, request = look_with(REFUSED)
    assert result.code == 7
    lines = result.output.splitlines()
    assert lines[0] == "Rejected (unknown_issuer): Its issuer is unknown. Import it."
    assert "Subject   CN=backend.example" in lines
    assert "TLS                 TLSv1.3 TLS_AES_256_GCM_SHA384" in lines
    assert "Client certificate  requested" in lines
    assert f"SHA-256   {':'.join(['AB'] * 32)}" in lines
    assert lines[-1] == "warning: Expires soon. Renew it. [expiring]"
    assert (request.method, request.path) == ("POST", "/api/am/publisher/v4/endpoints/probe")


def test_an_accepted_backend_exits_with_0(look_with):
    result, _ = look_with(ACCEPTED)
    assert (result.code, result.output.splitlines()[0]) == (0, "Accepted: A gateway calls this backend.")


def test_a_test_without_a_gateway_is_not_a_rejection(look_with):
    result, _ = look_with(
        make_verdict(code=None, answeredBy="none", message="No gateway answered.", remedy="Try again.")
    )
    assert (result.code, result.output.splitlines()[0]) == (1, "Unknown: No gateway answered. Try again.")


def test_unreadable_certificates_are_printed_with_their_position(look_with):
    unreadable = {"position": 2, "fingerprint": "cd" * 32, "size": 393, "reason": "it ends too early"}
    result, _ = look_with(REFUSED | {"unreadable": [unreadable], "sent": 25, "leftOut": 6})
    lines = result.output.splitlines()
    assert result.output.count("can't be read") == result.output.count("[expiring]") == 1
    assert "Problem  Certificate 2 of 25 can't be read: it ends too early." in lines
    assert "Size     393 bytes" in lines
    assert f"SHA-256  {':'.join(['CD'] * 32)}" in lines
    assert "The backend sends 25 certificates; Holdfast reads the first 20." in lines


def test_a_backend_can_be_tested_from_a_gateway_by_name(look_with):
    result, request = look_with(ACCEPTED | {"gateway": "eu-1"}, "--gateway", "eu-1")
    assert b'name="gateway"\r\n\r\neu-1\r\n' in request.body
    assert "Tested from         eu-1" in result.output.splitlines()


@pytest.mark.parametrize(("answer", "code"), [(REFUSED, 7), (ACCEPTED, 0)])
def test_json_has_the_whole_response(look_with, answer, code):
    result, _ = look_with(answer, "--json")
    assert (result.code, result.json) == (code, answer)


def parse_parts(request):
    form = message_from_bytes(f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode() + request.body)
    return {part.get_param("name", header="content-disposition"): part for part in form.walk()}


def test_the_endpoint_and_a_certificate_are_sent_as_a_form(look_with, tmp_path):
    leaf = issue("backend.example")
    (tmp_path / "backend.der").write_bytes(leaf.der)
    _, request = look_with(ACCEPTED, "--certificate", tmp_path / "backend.der")
    parts = parse_parts(request)
    assert parts["endpoint"].get_payload(decode=True) == ENDPOINT.encode()
    assert parts["endpoint"].get_filename() is None
    assert parts["certificate"].get_filename()
    assert parts["certificate"].get_payload(decode=True) == leaf.pem


def test_a_truststore_is_opened_with_the_password_on_standard_input(look_with, tmp_path):
    leaf = issue("backend.example")
    (tmp_path / "trust.p12").write_bytes(truststore("secret", leaf))
    options = ("--certificate", tmp_path / "trust.p12", "--password-stdin")
    result, request = look_with(ACCEPTED, *options, stdin="secret\n")
    assert result.code == 0
    assert parse_parts(request)["certificate"].get_payload(decode=True) == leaf.pem


@pytest.mark.parametrize(("options", "keeps"), [((), b"false"), (("--keep-previous",), b"true")])
def test_a_certificate_is_tested_as_a_replacement(look_with, tmp_path, options, keeps):
    (tmp_path / "new.pem").write_bytes(issue("backend.example").pem)
    _, request = look_with(ACCEPTED, "--certificate", tmp_path / "new.pem", "--replaces", "pizza", *options)
    parts = parse_parts(request)
    assert [parts[name].get_payload(decode=True) for name in ("alias", "keepPrevious")] == [b"pizza", keeps]


@pytest.mark.parametrize("options", [("--replaces", "pizza"), ("--keep-previous",)])
def test_a_replacement_without_a_certificate_is_wrong_usage(guest, options):
    result = guest("endpoint", "test", ENDPOINT, *options, HOLDFAST_URL=ENDPOINT, HOLDFAST_TOKEN="abc")
    assert result.code == 2
    assert "--replaces needs --certificate" in result.errors


@pytest.mark.envoy
def test_a_real_backend_is_rejected_without_its_certificate_and_accepted_with_it(command, tmp_path):
    leaf = issue("127.0.0.1")
    (tmp_path / "backend.pem").write_bytes(leaf.pem)
    with Backend(leaf) as backend:
        result = command("endpoint", "test", backend.url())
        assert result.code == 7
        assert result.output.startswith("Rejected (self_signed_not_trusted): ")
        assert "Subject   CN=127.0.0.1" in result.output.splitlines()
        result = command.run("endpoint", "test", backend.url(), "--certificate", tmp_path / "backend.pem")
        assert result.output.startswith("Accepted: The gateway accepts this backend because of this certificate.")
        url = backend.url()
    result = command("endpoint", "test", url, "--json")
    assert (result.code, result.json["verdict"]["code"]) == (7, "connection_refused")


def test_the_status_of_endpoints_can_be_searched(guest):
    with answering() as server:
        arguments = ("endpoint", "status", "--query", "a&b", "--only", "changed")
        output = guest.run(*arguments, HOLDFAST_URL=server.url, HOLDFAST_TOKEN="abc").output
    assert output == "No endpoint matches.\n"
    assert server.requests[0].path.endswith("/watched-endpoints?limit=500&offset=0&status=changed&query=a%26b")


def test_on_a_narrow_terminal_the_status_of_an_endpoint_has_all_notes(guest):
    endpoint = {"endpoint": ENDPOINT, "presented": None, "trustedUntil": None, "cause": None}
    silence = {"since": "2026-11-30T09:07:00+00:00", "cause": "dns_failure"}
    rows = [
        endpoint | {"status": "unreachable", "unreachable": silence},
        endpoint | {"status": "not_trusted", "unreachable": None, "cause": "expired"},
        endpoint | {"status": "not_checked", "unreachable": None},
    ]
    for row in rows:
        row["changed"] = dict.fromkeys(("key", "issuer", "names"))
    with answering(body=json.dumps({"list": rows}).encode()) as server:
        environment = {"HOLDFAST_URL": server.url, "HOLDFAST_TOKEN": "abc", "COLUMNS": "90"}
        lines = guest.run("endpoint", "status", **environment).output.splitlines()
    assert [line.split("  ")[-1].strip() for line in lines] == [
        "STATUS",
        "not reachable since 2026-11-30 09:07 (dns_failure)",
        "not trusted: fails verification: expired",
        "not checked yet",
    ]
