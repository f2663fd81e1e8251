"""`holdfast certificate` adds, shows and removes trust, and sends only certificates."""

import json
import os
import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from cli.answering import answering
from issuing import DAY, issue, truststore
from ports import free_addresses

PASSWORD = "trust nobody"


@pytest.fixture
def endpoint():
    """The URL of a backend that need not be reachable."""
    return f"https://{free_addresses(1)[0]}"


@pytest.fixture
def endpoint_url(command, endpoint):
    """The URL of an endpoint of a published API."""
    command.run("api", "create", "Pizza", "/pizza", "1.0", "--production", endpoint)
    command.run("api", "publish", "Pizza")
    return endpoint


@pytest.fixture
def backend(tmp_path):
    """A certificate and the path of its file."""
    leaf = issue("127.0.0.1")
    (tmp_path / "backend.pem").write_bytes(leaf.pem)
    return leaf, tmp_path / "backend.pem"


@pytest.mark.envoy
def test_add_waits_until_gateways_enforce_it_and_reports_the_time(command, endpoint_url, backend):
    output = command.run("certificate", "add", "pizza", endpoint_url, backend[1], "--wait").output
    assert re.fullmatch(rf"Added pizza for {endpoint_url}: enforced on 1 gateway \(\d+ ms\)\.\n", output)
    again = command.run("certificate", "add", "again", endpoint_url, backend[1])
    assert "warning already-trusted: This endpoint already trusts it under the alias pizza." in again.errors


@pytest.mark.envoy
def test_add_and_wait_report_the_enforcement_as_json(command, endpoint_url, backend):
    body = command.process("certificate", "add", "pizza", endpoint_url, str(backend[1]), "--wait", "--json").json
    assert body["enforcement"]["progress"] == "enforced"
    assert body["certificates"][0]["fingerprint"] == backend[0].certificate.fingerprint(hashes.SHA256()).hex()


@pytest.mark.envoy
def test_waiting_for_an_unpublished_api_ends_immediately_with_the_reason(command, endpoint, backend):
    message = command.fail("certificate", "add", "pizza", endpoint, backend[1], "--wait", code=6)
    assert message == "holdfast: Saved. No API has this endpoint. Add it to an API, then publish the API.\n"
    command.run("api", "create", "Pizza", "/pizza", "1.0", "--production", endpoint)
    message = command.fail("certificate", "replace", "pizza", backend[1], "--wait", code=6)
    assert message == "holdfast: Saved. Takes effect when an API with this endpoint is published.\n"


@pytest.mark.envoy
def test_certificates_are_listed_shown_replaced_downloaded_and_deleted(command, endpoint_url, backend, tmp_path):
    command.run("certificate", "add", "pizza", endpoint_url, "-", stdin=backend[0].der)
    assert command.run("certificate", "list").output.splitlines()[1].split()[:3] == ["pizza", endpoint_url, "Active"]
    for same in (endpoint_url, f"{endpoint_url}/base", endpoint_url.replace("https", "HTTPS")):
        assert command.run("certificate", "list", "--endpoint", same, "--json").json["count"] == 1
    for other_url in ("https://x.example", endpoint_url.replace("https", "http"), "https://127.0.0.1"):
        assert command.run("certificate", "list", "--endpoint", other_url, "--json").json["count"] == 0
        assert (
            command.run("certificate", "list", "--endpoint", other_url).output == f"No certificates for {other_url}.\n"
        )
    assert "isn't an endpoint URL" in command.fail("certificate", "list", "--endpoint", "x", code=2)
    matching = (("--sort", "expires"), ("--query", "pizz"), ("--issuer", "127.0.0.1"), ("--expires-before", "9999d"))
    for options in matching:
        assert command.run("certificate", "list", *options, "--json").json["count"] == 1, options
    for options in (("--query", "x"), ("--expires-before", "2026-01-01"), ("--unused",)):
        assert command.run("certificate", "list", *options, "--json").json["count"] == 0, options
    assert "isn't a time" in command.fail("certificate", "list", "--expires-before", "soon", code=2)
    output = command.run("certificate", "show", "pizza").output
    for line in ("Used by      Pizza 1.0", "Subject    CN=127.0.0.1", "Names      127.0.0.1"):
        assert line in output.splitlines()
    assert command.run("certificate", "show", "pizza", "--json").json["usage"][0]["name"] == "Pizza"

    other_leaf = issue("other.example")
    command.run("certificate", "replace", "pizza", "-", "--keep-previous", stdin=other_leaf.pem)
    assert "Previous     CN=127.0.0.1, SHA-256 " in command.run("certificate", "show", "pizza").output
    command.run("certificate", "undo", "pizza")
    assert command.run("certificate", "download", "pizza").output.encode() == backend[0].pem
    command.run("certificate", "replace", "pizza", "-", "--keep-previous", stdin=other_leaf.pem)
    assert re.search(r"In use +not known yet", command.run("certificate", "show", "pizza").output)
    command.run("certificate", "retire", "pizza", "--wait")
    assert command.run("certificate", "show", "pizza", "--json").json["previous"] == []
    command.run("certificate", "replace", "pizza", "-", stdin=backend[0].pem)
    result = command.run("certificate", "replace", "pizza", "-", "--wait", stdin=other_leaf.pem)
    assert "warning name-mismatch: It has the dNSName other.example" in result.errors
    assert x509.load_pem_x509_certificate(command.run("certificate", "download", "pizza").output.encode()) == (
        other_leaf.certificate
    )
    command.run("certificate", "download", "pizza", "-o", tmp_path / "out.pem")
    assert (tmp_path / "out.pem").read_bytes() == other_leaf.pem

    assert "No answer." in command.fail("certificate", "delete", "pizza")
    output = command.run("certificate", "delete", "pizza", "--yes", "--wait").output
    assert re.fullmatch(r"Deleted certificate pizza: enforced on 1 gateway \(\d+ ms\)\.\n", output)
    assert "404" in command.fail("certificate", "show", "pizza")
    command.run("certificate", "add", "pizza", endpoint_url, "-", stdin=backend[0].pem)
    command.run("api", "delete", "Pizza", "--yes")
    assert command.run("certificate", "delete", "pizza", "--yes", "--wait").output == "Deleted certificate pizza.\n"


@pytest.mark.envoy
def test_add_with_replace_adds_replaces_or_leaves_unchanged(command, endpoint_url, backend):
    add = ("certificate", "add", "pizza", endpoint_url, "-", "--replace")
    assert command.run(*add, stdin=backend[0].pem).output.startswith("Added pizza for ")
    before = command.run("certificate", "show", "pizza", "--json").json
    # The same certificate again, with another URL of the origin and in another format, changes nothing.
    same = ("certificate", "add", "pizza", f"{endpoint_url.upper().replace('HTTPS', 'https')}/base", "-", "--replace")
    assert command.run(*same, stdin=backend[0].der).output.startswith("Left unchanged: pizza for ")
    assert command.run("certificate", "show", "pizza", "--json").json["lastUpdatedTime"] == before["lastUpdatedTime"]

    other_leaf = issue("127.0.0.1")
    output = command.run(*add, "--keep-previous", "--wait", stdin=other_leaf.pem).output
    assert output.startswith("Replaced pizza for ")
    assert len(command.run("certificate", "show", "pizza", "--json").json["previous"]) == 1

    assert "already" in command.fail("certificate", "add", "pizza", endpoint_url, "-", stdin=other_leaf.pem)
    elsewhere = command.fail(
        "certificate", "add", "pizza", "https://other.example", "-", "--replace", stdin=other_leaf.pem
    )
    assert f"pizza is for {endpoint_url}" in elsewhere
    assert "--replace" in command.fail(*add[:-1], "--keep-previous", code=2, stdin=other_leaf.pem)


@pytest.mark.envoy
def test_a_truststore_is_opened_locally_and_its_password_is_not_sent(command, endpoint_url, backend, tmp_path):
    (tmp_path / "trust.p12").write_bytes(truststore(PASSWORD, backend[0]))
    arguments = ("certificate", "add", "pizza", endpoint_url, tmp_path / "trust.p12")
    assert "is password-protected." in command.fail(*arguments)
    command.run(*arguments, "--password-stdin", stdin=f"{PASSWORD}\n")
    with answering() as server:
        message = command.fail(*arguments, "--password-stdin", code=3, stdin=f"{PASSWORD}\n", HOLDFAST_URL=server.url)
        assert message.startswith(f"holdfast: The response of {server.url} lacks endpoint.")
        assert PASSWORD.encode() not in server.requests[0].body
        assert b"-----BEGIN CERTIFICATE-----" in server.requests[0].body


@pytest.mark.parametrize(
    ("progress", "message"),
    [
        ("waiting", "Saved, but not enforced after 0.1 seconds: waiting for gateways (1 of 2)."),
        ("no gateway", "Saved, but not enforced after 0.1 seconds: waiting for gateways: none is connected."),
        ("refused", "Saved, but a gateway rejects it: no room."),
    ],
)
def test_a_change_that_is_not_enforced_is_reported_in_time(guest, backend, progress, message):
    state = {"progress": progress, "gateways": 2, "enforcedOn": 1, "milliseconds": None, "reason": "no room."}
    body = json.dumps({"alias": "a", "endpoint": "https://a", "findings": [], "enforcement": state}).encode()
    with answering(body=body) as server:
        arguments = ("certificate", "replace", "a", backend[1], "--wait", "--within", "0.1")
        environment = {"HOLDFAST_URL": server.url, "HOLDFAST_TOKEN": "abc"}
        assert guest.fail(*arguments, code=6, **environment) == f"holdfast: {message}\n"
        result = guest(*arguments, "--json", **environment)
        assert (result.code, result.json["enforcement"]["progress"]) == (6, progress)


def test_a_file_with_a_private_key_is_not_sent(guest, backend, tmp_path):
    leaf, _ = backend
    (tmp_path / "both.pem").write_bytes(leaf.chain_pem + leaf.key_pem)
    with answering() as server:
        environment = {"HOLDFAST_URL": server.url, "HOLDFAST_TOKEN": "abc"}
        message = guest.fail("certificate", "add", "a", "https://a", tmp_path / "both.pem", **environment)
        assert server.requests == []
    assert message.startswith(f"holdfast: {tmp_path / 'both.pem'}: Block 2 of 2 is a private key.")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("missing", "No such file or directory"),
        ("pipe", "isn't a file"),
        (".", "Is a directory"),
        ("a\0b", "invalid file name"),
    ],
)
def test_a_path_that_is_not_a_readable_file_is_reported(guest, tmp_path, name, why):
    os.mkfifo(tmp_path / "pipe")
    assert why in guest.fail("certificate", "inspect", f"{tmp_path}/{name}")


def test_an_endless_file_is_read_up_to_the_limit(guest, tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 40)
    assert "larger than 1024 KiB" in guest.fail("certificate", "inspect", tmp_path / "large")


def test_inspect_needs_no_publisher(guest, backend):
    output = guest.run("certificate", "inspect", backend[1], "--endpoint", "https://127.0.0.1").output
    assert "Subject    CN=127.0.0.1" in output.splitlines()
    body = guest("certificate", "inspect", backend[1], "--endpoint", "https://x.example", "--json").json
    assert "name-mismatch" in {finding["code"] for finding in body["findings"]}


@pytest.mark.envoy
def test_inspect_opens_a_file_with_many_hash_iterations(guest, backend, tmp_path):
    protection = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(200_000).build(PASSWORD.encode())
    certificates = [pkcs12.PKCS12Certificate(backend[0].certificate, None)]
    (tmp_path / "slow.p12").write_bytes(pkcs12.serialize_java_truststore(certificates, protection))
    arguments = ("certificate", "inspect", tmp_path / "slow.p12", "--password-stdin")
    assert "127.0.0.1" in guest.run(*arguments, stdin=PASSWORD.encode()).output


def test_inspect_describes_certificates_like_rest(command, backend, holdfast):
    here = command.run("certificate", "inspect", backend[1], "--json").json
    there = holdfast.rest.post("/endpoint-certificates/inspect", files={"certificate": ("a", backend[0].pem)}).json()
    assert here["certificates"] == there["certificates"]
    assert sorted(here) == sorted(there)


@pytest.mark.parametrize(
    ("host", "code", "message"),
    [
        ("x.example", 7, "It has the dNSName a.example. The gateway requires the dNSName x.example. [name-mismatch]"),
        ("127.0.0.1", 7, "[name-mismatch]"),
        ("a.example", 0, ""),
    ],
)
def test_inspect_rejects_a_certificate_with_the_wrong_name(guest, host, code, message):
    endpoint = f"https://{host}:8443"
    for form in ((), ("--json",)):
        result = guest("certificate", "inspect", "-", "--endpoint", endpoint, *form, stdin=issue("a.example").pem)
        assert (result.code, message in result.errors, bool(result.errors)) == (code, True, code != 0)


def test_inspect_fails_for_a_certificate_that_a_gateway_rejects(guest):
    old_leaf = issue("a.example", start=-10 * DAY, end=-DAY)
    result = guest("certificate", "inspect", "-", "--json", stdin=old_leaf.pem)
    assert (result.code, result.json["certificates"][0]["status"]) == (7, "Expired")


def test_inspect_reports_an_invalid_endpoint(guest, backend):
    assert "--endpoint: " in guest.fail("certificate", "inspect", backend[1], "--endpoint", "x", code=2)


def test_standard_input_cannot_be_both_file_and_password(guest):
    assert "Name the file." in guest.fail("certificate", "inspect", "-", "--password-stdin", code=2)
