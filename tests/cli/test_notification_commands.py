"""`holdfast notification`: channels, silences and owners."""

import uuid

import pytest

from receivers import SECRET, receiver

pytestmark = pytest.mark.envoy


def test_a_channel_is_created_tested_changed_and_deleted(command, tmp_path):
    name = f"c{uuid.uuid4().hex[:8]}"
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    with receiver(tmp_path, "http", "500") as hook:
        create = ("notification", "create", name, "--kind", "webhook", "--url", hook.url, "--secret-file", secret)
        assert f"Created channel {name}" in command.run(*map(str, create)).output
        assert "answered 500" in command.fail("notification", "test", name)
        assert "took the test message" in command.run("notification", "test", name).output
        command.run("notification", "set", name, "--event", "trust_exception", "--audience", "owned")
        body = command.run("notification", "show", name, "--json").json
        assert (body["events"], body["audience"]) == (["trust_exception"], "owned")
        command.run("notification", "set", name, "--event", "all")
        assert command.run("notification", "show", name, "--json").json["events"] == []
        assert name in command.run("notification", "list").output
        assert command.run("notification", "sent", "--json").json["list"] is not None
        assert command.run("notification", "delete", name, "--yes").output == f"Deleted channel {name}.\n"


def test_silences_and_owners(command):
    words = ("--about", "gateway:eu-1", "--reason", "moved", "--for", "4h", "--json")
    silence = command.run("notification", "silence", *words).json
    assert "gateway:eu-1" in command.run("notification", "silences").output
    command.run("notification", "unsilence", silence["id"])
    assert "gateway:eu-1" not in command.run("notification", "silences").output
    name = f"a{uuid.uuid4().hex[:8]}"
    command.run("api", "create", name, f"/{name}", "1", "--production", "http://pizza.test")
    assert command.run("notification", "owners", name).output == "No owners.\n"
    command.run("notification", "owners", name, "--set", "team@example.com", "--set", "user:anna")
    assert command.run("notification", "owners", name).output == "team@example.com\nuser:anna\n"
    assert command.run("notification", "owners", name, "--set", "none").output == "No owners.\n"
    assert "isn't an owner" in command.fail("notification", "owners", name, "--set", "team")
    assert "--certificate" in command.fail("notification", "owners", code=2)
    command.run("api", "delete", name, "--yes")
