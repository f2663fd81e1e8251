"""`holdfast user` and `holdfast organization`."""

import uuid

import pytest

pytestmark = pytest.mark.envoy
PASSWORD = "several quite new words"


def given(password=PASSWORD):
    return {"stdin": f"{password}\n"}


@pytest.fixture
def name(command):
    """A user, who is deleted after the test."""
    name = f"u{uuid.uuid4().hex[:8]}"
    command.done("user", "create", name, "--role", "viewer", "--role", "creator", "--password-stdin", **given())
    yield name
    command("user", "delete", name, "--yes")


def test_a_user_is_created_changed_and_deleted(command, name):
    assert command.done("user", "show", name, "--json").json == {
        "name": name,
        "roles": ["creator", "viewer"],
        "disabled": False,
        "identityProvider": None,
    }
    said = command.done("user", "change", name, "--role", "publisher", "--disable").output
    assert said == f"Changed user {name} (publisher), disabled.\n"
    assert [line.split() for line in command.done("user", "list").output.splitlines() if name in line] == [
        [name, "publisher", "disabled"]
    ]
    assert command.done("user", "change", name, "--enable", "--json").json["disabled"] is False
    assert f"Delete user {name} (publisher)? [y/N]" in command.refused("user", "delete", name, stdin="n\n")
    assert command.done("user", "delete", name, "--yes", "--json").json["roles"] == ["publisher"]
    assert f"No user '{name}' exists in this organization." in command.refused("user", "show", name)


def test_a_user_signs_in_with_the_latest_password(command, name):
    as_them = {"HOLDFAST_USER": name, "HOLDFAST_PASSWORD": PASSWORD}
    assert command.done("whoami", "--json", **as_them).json["roles"] == ["creator", "viewer"]
    other = "another whole sentence"
    command.done("user", "password", name, stdin=f"{other}\n{other}\n")
    assert "password is wrong" in command.refused("whoami", code=4, **as_them)
    assert command.done("whoami", "--json", **as_them | {"HOLDFAST_PASSWORD": other}).json["user"] == name


def test_a_new_password_is_prompted_for_twice(command):
    ended = command("user", "create", "tippfehler", "--role", "viewer", stdin=f"{PASSWORD}\nother\n")
    assert ended.code == 1
    assert "do not match" in ended.errors
    assert PASSWORD not in ended.output + ended.errors


def test_an_unknown_role_is_rejected_before_the_password_is_read(command, name):
    said = command.refused("user", "create", f"{name}2", "--role", "boss", code=2, stdin="")
    assert "boss" in said
    assert "Password" not in said


def test_invalid_users_are_reported(command, name):
    assert "--help lists them" in command.refused("user", "change", name, code=2)
    assert "Choose one or more of admin," in command.refused("user", "change", name, "--role", "king")
    arguments = ("user", "create", "dora", "--role", "viewer", "--password-stdin")
    assert "at least 12" in command.refused(*arguments, **given("short"))


def test_an_organization_is_created_with_its_admin(command):
    name = f"o{uuid.uuid4().hex[:8]}"
    made = command.done("organization", "create", name, "--admin", "anna", "--password-stdin", **given())
    assert made.output == f"Created organization {name}. Its admin signs in as anna@{name}.\n"
    assert {"organization": name} in command.done("organization", "list", "--json").json["list"]
    assert name in command.done("organization", "list").output.split()
    as_them = {"HOLDFAST_USER": f"anna@{name}", "HOLDFAST_PASSWORD": PASSWORD}
    assert command.done("whoami", "--json", **as_them).json["organization"] == name
    assert "403" in command.refused("organization", "list", **as_them)
    again = command.refused("organization", "create", name, "--admin", "anna", "--password-stdin", **given())
    assert name in again
