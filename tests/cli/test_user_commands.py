"""`holdfast user` and `holdfast organization`."""

import uuid

import pytest

pytestmark = pytest.mark.envoy
PASSWORD = "several quite new words"


def enter(password=PASSWORD):
    return {"stdin": f"{password}\n"}


@pytest.fixture
def name(command):
    """A user, who is deleted after the test."""
    name = f"u{uuid.uuid4().hex[:8]}"
    command.run("user", "create", name, "--role", "viewer", "--role", "creator", "--password-stdin", **enter())
    yield name
    command("user", "delete", name, "--yes")


def test_a_user_is_created_changed_and_deleted(command, name):
    assert command.run("user", "show", name, "--json").json == {
        "name": name,
        "roles": ["creator", "viewer"],
        "disabled": False,
        "identityProvider": None,
    }
    output = command.run("user", "change", name, "--role", "publisher", "--disable").output
    assert output == f"Changed user {name} (publisher), disabled.\n"
    assert [line.split() for line in command.run("user", "list").output.splitlines() if name in line] == [
        [name, "publisher", "disabled"]
    ]
    assert command.run("user", "change", name, "--enable", "--json").json["disabled"] is False
    assert f"Delete user {name} (publisher)? [y/N]" in command.fail("user", "delete", name, stdin="n\n")
    assert command.run("user", "delete", name, "--yes", "--json").json["roles"] == ["publisher"]
    assert f"No user '{name}' exists in this organization." in command.fail("user", "show", name)


def test_a_user_signs_in_with_the_latest_password(command, name):
    as_them = {"HOLDFAST_USER": name, "HOLDFAST_PASSWORD": PASSWORD}
    assert command.run("whoami", "--json", **as_them).json["roles"] == ["creator", "viewer"]
    new_password = "another whole sentence"
    command.run("user", "password", name, stdin=f"{new_password}\n{new_password}\n")
    assert "password is wrong" in command.fail("whoami", code=4, **as_them)
    assert command.run("whoami", "--json", **as_them | {"HOLDFAST_PASSWORD": new_password}).json["user"] == name


def test_a_new_password_is_prompted_for_twice(command):
    result = command("user", "create", "tippfehler", "--role", "viewer", stdin=f"{PASSWORD}\nother\n")
    assert result.code == 1
    assert "do not match" in result.errors
    assert PASSWORD not in result.output + result.errors


def test_an_unknown_role_is_rejected_before_the_password_is_read(command, name):
    message = command.fail("user", "create", f"{name}2", "--role", "boss", code=2, stdin="")
    assert "boss" in message
    assert "Password" not in message


def test_invalid_users_are_reported(command, name):
    assert "--help lists them" in command.fail("user", "change", name, code=2)
    assert "Choose one or more of admin," in command.fail("user", "change", name, "--role", "king")
    arguments = ("user", "create", "dora", "--role", "viewer", "--password-stdin")
    assert "at least 12" in command.fail(*arguments, **enter("short"))


def test_an_organization_is_created_with_its_admin(command):
    name = f"o{uuid.uuid4().hex[:8]}"
    result = command.run("organization", "create", name, "--admin", "anna", "--password-stdin", **enter())
    assert result.output == f"Created organization {name}. Its admin signs in as anna@{name}.\n"
    assert {"organization": name} in command.run("organization", "list", "--json").json["list"]
    assert name in command.run("organization", "list").output.split()
    as_them = {"HOLDFAST_USER": f"anna@{name}", "HOLDFAST_PASSWORD": PASSWORD}
    assert command.run("whoami", "--json", **as_them).json["organization"] == name
    assert "403" in command.fail("organization", "list", **as_them)
    again = command.fail("organization", "create", name, "--admin", "anna", "--password-stdin", **enter())
    assert name in again
