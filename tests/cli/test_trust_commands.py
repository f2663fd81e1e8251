"""`holdfast trust` changes trust settings and exceptions."""

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.cli.trust import trust_settings as trust_commands
from issuing import DAY, issue, revoke

pytestmark = pytest.mark.envoy
ENDPOINT = "https://127.0.0.1:8443"
PIN = "ab" * 32


@pytest.fixture(autouse=True)
def _publish(command):
    command.run("api", "create", "Pizza", "/pizza", "1.0", "--production", ENDPOINT)
    command.run("api", "publish", "Pizza")
    yield
    command.run("trust", "verify", ENDPOINT)
    everything = ("--anchors", "imported", "--names", "none", "--no-any-name", "--sni", "host", "--pin", "none")
    command.run("trust", "set", ENDPOINT, *everything, "--spki-pin", "none", "--crls", "none")


def trust(command):
    return command.run("trust", "show", ENDPOINT, "--json").json


def test_set_changes_only_trust_settings_with_an_option(command):
    command.run("trust", "set", ENDPOINT, "--names", "a.example", "--names", "b.example", "--sni", "c.example")
    command.run("trust", "set", ENDPOINT, "--anchors", "public", "--pin", PIN, "--tls-minimum", "1.3", "--wait")
    body = trust(command)
    assert (body["names"], body["sni"], body["anchors"]) == (["a.example", "b.example"], "c.example", "public")
    assert (body["certificatePins"], body["tlsMinimum"]) == ([PIN], "1.3")
    assert body["enforcement"]["progress"] == "enforced"
    command.run("trust", "set", ENDPOINT, "--names", "none", "--sni", "none", "--tls-minimum", "1.2")
    assert (trust(command)["names"], trust(command)["sni"]) == ([], "")


def test_show_describes_the_effect(command):
    output = command.run("trust", "show", ENDPOINT).output
    assert output.startswith("The gateway accepts a backend only if its certificate is valid for 127.0.0.1")
    assert "Names        the URL's host" in output.splitlines()


def test_crls_come_from_a_file(command, tmp_path):
    authority = issue(ca=True, common_name="Authority")
    (tmp_path / "crl.pem").write_bytes(revoke(authority))
    command.run("trust", "set", ENDPOINT, "--crls", tmp_path / "crl.pem")
    assert [crl["issuer"] for crl in trust(command)["crls"]] == ["CN=Authority"]
    command.run("trust", "set", ENDPOINT, "--names", "a.example")
    assert len(trust(command)["crls"]) == 1
    (tmp_path / "crl.pem").write_bytes(authority.pem)
    assert "no X509 CRL" in command.fail("trust", "set", ENDPOINT, "--crls", tmp_path / "crl.pem")


def test_crls_that_reject_everything_are_not_accepted(command, tmp_path):
    authority = issue(ca=True, common_name="Authority")
    (tmp_path / "crl.pem").write_bytes(revoke(authority, end=-DAY))
    message = command.fail("trust", "set", ENDPOINT, "--crls", tmp_path / "crl.pem")
    assert "The CRL of CN=Authority expired on" in message
    assert trust(command)["crls"] == []
    (tmp_path / "crl.pem").write_bytes(revoke(authority))
    result = command.run("trust", "set", ENDPOINT, "--crls", tmp_path / "crl.pem")
    assert "info crl-without-number: The CRL of CN=Authority has no number" in result.errors


def test_an_exception_has_a_reason_and_an_expiry(command):
    arguments = ("trust", "except", ENDPOINT, "--reason", "the backend is moved today", "--for", "8h")
    before = datetime.now(UTC)
    output = command.run(*arguments, "--wait").output
    assert "Reason (admin): the backend is moved today" in output
    assert "Enforcement       verification is off on 1 gateway" in output.splitlines()
    until = datetime.fromisoformat(trust(command)["exception"]["until"])
    assert timedelta(hours=8) <= until - before < timedelta(hours=8, minutes=5)
    command.run("trust", "verify", ENDPOINT, "--wait")
    assert trust(command)["exception"] is None


@pytest.mark.parametrize("time", ["8", "0h", "-1h", "1w", "", "999999d"])
def test_an_invalid_duration_is_reported(command, time):
    arguments = ("trust", "except", ENDPOINT, "--reason", "because of a test", "--for", time)
    assert f"Invalid value for '--for': {time!r} is" in command.fail(*arguments, code=2)


def test_an_invalid_value_is_reported_with_its_option(command):
    for option, value in (("--expires-within", "30"), ("--only", "nonsense")):
        message = command.fail("endpoint", "status", option, value, code=2)
        assert f"Invalid value for '{option}': '{value}' is" in message


def test_exceptions_are_shown_with_their_endpoint(command):
    assert command.run("trust", "exceptions").output == "No exceptions. Every backend is verified.\n"
    command.run("trust", "except", ENDPOINT, "--reason", "the backend is moved today", "--for", "1h30m")
    (header, line) = command.run("trust", "exceptions").output.splitlines()
    assert header.split() == ["ORIGIN", "EXPIRES", "(UTC)", "OWNER", "REASON"]
    assert line.startswith(ENDPOINT)
    assert line.endswith("admin  the backend is moved today")
    body = command.run("trust", "exceptions", "--json").json
    assert (body["count"], body["list"][0]["owner"]) == (1, "admin")
    sentence = f"Verification is off for {ENDPOINT} until "
    for words in (
        ("certificate", "list"),
        ("certificate", "list", "--endpoint", f"{ENDPOINT}/base"),
        ("api", "show", "Pizza"),
    ):
        assert sentence in command.run(*words).output
        assert command.run(*words, "--json").json["exceptions"] == body["list"]
    assert sentence not in command.run("certificate", "list", "--endpoint", "https://other.example").output


def test_set_rejects_a_concurrent_change_of_trust_settings(command, monkeypatch):
    put_trust = trust_commands.put_trust

    def put_late(client, endpoint, settings, tag):
        put_trust(client, endpoint, {"names": ["b.example"]})
        put_trust(client, endpoint, settings, tag)

    monkeypatch.setattr(trust_commands, "put_trust", put_late)
    assert "412" in command.fail("trust", "set", ENDPOINT, "--names", "a.example")
    assert trust(command)["names"] == ["b.example"]


def test_an_exception_that_is_too_long_is_rejected(command):
    message = command.fail("trust", "except", ENDPOINT, "--reason", "because of a test", "--for", "8d")
    assert "within 7 days." in message


def test_set_without_an_option_is_wrong_usage(command):
    assert "Nothing to change. Add an option" in command.fail("trust", "set", ENDPOINT, code=2)
