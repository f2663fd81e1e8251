"""`holdfast trust` changes trust settings and exceptions."""

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.cli.trust import trust_settings as trust_commands
from issuing import DAY, issue, revoke

pytestmark = pytest.mark.envoy
ENDPOINT = "https://127.0.0.1:8443"
PIN = "ab" * 32


@pytest.fixture(autouse=True)
def _published(command):
    command.done("api", "create", "Pizza", "/pizza", "1.0", "--production", ENDPOINT)
    command.done("api", "publish", "Pizza")
    yield
    command.done("trust", "verify", ENDPOINT)
    everything = ("--anchors", "imported", "--names", "none", "--no-any-name", "--sni", "host", "--pin", "none")
    command.done("trust", "set", ENDPOINT, *everything, "--spki-pin", "none", "--crls", "none")


def trust(command):
    return command.done("trust", "show", ENDPOINT, "--json").json


def test_set_changes_only_trust_settings_with_an_option(command):
    command.done("trust", "set", ENDPOINT, "--names", "a.example", "--names", "b.example", "--sni", "c.example")
    command.done("trust", "set", ENDPOINT, "--anchors", "public", "--pin", PIN, "--tls-minimum", "1.3", "--wait")
    found = trust(command)
    assert (found["names"], found["sni"], found["anchors"]) == (["a.example", "b.example"], "c.example", "public")
    assert (found["certificatePins"], found["tlsMinimum"]) == ([PIN], "1.3")
    assert found["enforcement"]["progress"] == "enforced"
    command.done("trust", "set", ENDPOINT, "--names", "none", "--sni", "none", "--tls-minimum", "1.2")
    assert (trust(command)["names"], trust(command)["sni"]) == ([], "")


def test_show_describes_the_effect(command):
    output = command.done("trust", "show", ENDPOINT).output
    assert output.startswith("The gateway accepts a backend only if its certificate is valid for 127.0.0.1")
    assert "Names        the URL's host" in output.splitlines()


def test_crls_come_from_a_file(command, tmp_path):
    authority = issue(ca=True, common_name="Authority")
    (tmp_path / "crl.pem").write_bytes(revoke(authority))
    command.done("trust", "set", ENDPOINT, "--crls", tmp_path / "crl.pem")
    assert [crl["issuer"] for crl in trust(command)["crls"]] == ["CN=Authority"]
    command.done("trust", "set", ENDPOINT, "--names", "a.example")
    assert len(trust(command)["crls"]) == 1
    (tmp_path / "crl.pem").write_bytes(authority.pem)
    assert "no X509 CRL" in command.refused("trust", "set", ENDPOINT, "--crls", tmp_path / "crl.pem")


def test_crls_that_reject_everything_are_not_accepted(command, tmp_path):
    authority = issue(ca=True, common_name="Authority")
    (tmp_path / "crl.pem").write_bytes(revoke(authority, end=-DAY))
    said = command.refused("trust", "set", ENDPOINT, "--crls", tmp_path / "crl.pem")
    assert "The CRL of CN=Authority expired on" in said
    assert trust(command)["crls"] == []
    (tmp_path / "crl.pem").write_bytes(revoke(authority))
    done = command.done("trust", "set", ENDPOINT, "--crls", tmp_path / "crl.pem")
    assert "info crl-without-number: The CRL of CN=Authority has no number" in done.errors


def test_an_exception_has_a_reason_and_an_expiry(command):
    arguments = ("trust", "except", ENDPOINT, "--reason", "the backend is moved today", "--for", "8h")
    before = datetime.now(UTC)
    said = command.done(*arguments, "--wait").output
    assert "Reason (admin): the backend is moved today" in said
    assert "Enforcement       verification is off on 1 gateway" in said.splitlines()
    until = datetime.fromisoformat(trust(command)["exception"]["until"])
    assert timedelta(hours=8) <= until - before < timedelta(hours=8, minutes=5)
    command.done("trust", "verify", ENDPOINT, "--wait")
    assert trust(command)["exception"] is None


@pytest.mark.parametrize("time", ["8", "0h", "-1h", "1w", "", "999999d"])
def test_an_invalid_duration_is_reported(command, time):
    arguments = ("trust", "except", ENDPOINT, "--reason", "because of a test", "--for", time)
    assert f"Invalid value for '--for': {time!r} is" in command.refused(*arguments, code=2)


def test_exceptions_are_shown_with_their_endpoint(command):
    assert command.done("trust", "exceptions").output == "No exceptions. Every backend is verified.\n"
    command.done("trust", "except", ENDPOINT, "--reason", "the backend is moved today", "--for", "1h30m")
    (header, line) = command.done("trust", "exceptions").output.splitlines()
    assert header.split() == ["ORIGIN", "EXPIRES", "(UTC)", "OWNER", "REASON"]
    assert line.startswith(ENDPOINT)
    assert line.endswith("admin  the backend is moved today")
    found = command.done("trust", "exceptions", "--json").json
    assert (found["count"], found["list"][0]["owner"]) == (1, "admin")
    sentence = f"Verification is off for {ENDPOINT} until "
    for words in (
        ("certificate", "list"),
        ("certificate", "list", "--endpoint", f"{ENDPOINT}/base"),
        ("api", "show", "Pizza"),
    ):
        assert sentence in command.done(*words).output
        assert command.done(*words, "--json").json["exceptions"] == found["list"]
    assert sentence not in command.done("certificate", "list", "--endpoint", "https://other.example").output


def test_set_rejects_a_concurrent_change_of_trust_settings(command, monkeypatch):
    put = trust_commands.put_trust

    def put_late(client, endpoint, settings, tag):
        put(client, endpoint, {"names": ["b.example"]})
        put(client, endpoint, settings, tag)

    monkeypatch.setattr(trust_commands, "put_trust", put_late)
    assert "412" in command.refused("trust", "set", ENDPOINT, "--names", "a.example")
    assert trust(command)["names"] == ["b.example"]


def test_an_exception_that_is_too_long_is_rejected(command):
    said = command.refused("trust", "except", ENDPOINT, "--reason", "because of a test", "--for", "8d")
    assert "within 7 days." in said


def test_set_without_an_option_is_wrong_usage(command):
    assert "Nothing to change. Add an option" in command.refused("trust", "set", ENDPOINT, code=2)
