"""`holdfast audit`: lists, exports and verification of a real publisher's log."""

import json
import uuid

import pytest

from holdfast.audit.chain import hash_event
from holdfast.services.access.scopes import SCOPES

pytestmark = pytest.mark.envoy


@pytest.fixture
def user(command):
    """A user that admin has created."""
    name = f"u{uuid.uuid4().hex[:8]}"
    command.run("user", "create", name, "--role", "viewer", "--password-stdin", stdin="several quite new words\n")
    yield name
    command("user", "delete", name, "--yes")


def test_events_are_listed_with_filters(command, user):
    events = command.run("audit", "list", "--subject", user, "--user", "admin", "--kind", "users", "--json").json[
        "list"
    ]
    assert [(event["action"], event["changes"]) for event in events] == [
        ("create user", [{"name": "roles", "before": [], "after": ["viewer"]}])
    ]
    assert user in command.run("audit", "list", "--query", user.upper(), "--from", "2026-01-01").output
    assert command.run("audit", "list", "--subject", user, "--to", "2026-01-01").output == "No events match.\n"
    assert "isn't a day or time" in command.fail("audit", "list", "--from", "yesterday", code=2)


def test_the_table_shortens_details_and_wide_shows_all_of_them(command, monkeypatch):
    name = f"t{uuid.uuid4().hex[:8]}"
    scopes = list(SCOPES)
    command.run("token", "create", name, *(part for scope in scopes for part in ("--scope", scope)))
    table = command.run("audit", "list", "--subject", name).output
    assert " ..." in table
    assert scopes[-1] not in table
    assert scopes[-1] in command.run("audit", "list", "--subject", name, "-o", "wide").output
    monkeypatch.setenv("COLUMNS", "80")
    narrow = command.run("audit", "list", "--subject", name).output.split()
    assert narrow[:3] == ["TIME", "USER", "EVENT"]
    assert " ".join(narrow[5:]).startswith(f"admin create token: {name}, {scopes[0]}")


def test_new_events_are_followed_until_ctrl_c(command, user, monkeypatch):
    def stop(_seconds):
        if pauses:
            raise KeyboardInterrupt
        pauses.append(command.run("user", "change", user, "--disable"))

    pauses = []
    monkeypatch.setattr("holdfast.cli.access.audit.time.sleep", stop)
    result = command("audit", "list", "--follow", "--json", "--subject", user)
    assert result.code == 130
    assert [json.loads(line)["action"] for line in result.output.splitlines()] == ["create user", "change user"]


def test_the_log_is_verified_also_from_an_export(command, user, tmp_path):
    before = command.run("audit", "verify", "--json").json
    assert (before["intact"], before["problems"], before["waiting"]) == (True, [], 0)
    command.run("user", "change", user, "--disable")
    output = command.run("audit", "verify", "--expect", before["newest"]["hash"]).output
    assert output.startswith("The audit log is intact: ")
    assert f"Event {before['newest']['number']:,} has the expected hash." in output
    file = tmp_path / "audit.jsonl"
    command.run("audit", "export", file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert command.run("audit", "verify", file, "--expect", before["newest"]["hash"]).output == output
    assert command("audit", "verify", file, "--expect", "0" * 63 + "1").code == 1
    assert "isn't a whole hash" in command.fail("audit", "verify", file, "--expect", "3f1b0c", code=2)


def test_a_changed_export_is_found(command, user, tmp_path):
    del user
    file = tmp_path / "audit.jsonl"
    command.run("audit", "export", file)
    events = [json.loads(line) for line in file.read_text().splitlines()]
    number = events[-1]["number"]
    events[-2]["user"] = "eve"
    file.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    result = command("audit", "verify", file)
    assert (result.code, result.output.splitlines()[1]) == (1, f"Event {number - 1:,} was changed.")
    events[-2]["hash"] = hash_event(events[-2])
    file.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    assert f"Event {number - 1:,} was replaced" in command("audit", "verify", file).output
    for line in ("[]", "{}", '{"number": "1", "hash": "", "previousHash": "", "chainedLater": 1}', "\xff"):
        file.write_text(line, encoding="latin-1")
        assert "isn't an export in JSON lines" in command.fail("audit", "verify", file)


def test_an_export_replaces_a_file_only_once_it_is_complete(command, user, tmp_path):
    file = tmp_path / "audit.csv"
    file.write_text("old")
    command.fail("audit", "export", "--format", "xml", file)
    assert (file.read_text(), [file.name for file in tmp_path.iterdir() if file.is_file()]) == ("old", ["audit.csv"])
    command.run("audit", "export", "--format", "csv", "--subject", user, file)
    assert file.read_text().splitlines()[1].split(",")[2] == "admin"
    assert command.run("audit", "export", "--format", "csv", "--subject", user, "-").output == file.read_text()
