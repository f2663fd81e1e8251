"""`holdfast gateway-group`, and the environments of APIs."""

import uuid

import pytest

pytestmark = pytest.mark.envoy


@pytest.fixture
def group(command):
    """A group, which is deleted after the test."""
    name = f"eu {uuid.uuid4().hex[:8]}"
    output = command.run("gateway-group", "create", name, "--url", "production=http://eu.example").output
    assert output == f"Created group {name}. To add a gateway, enroll it with --group.\n"
    yield name
    command("gateway-group", "delete", name, "--yes")


def test_a_group_is_shown_changed_and_deleted(command, group):
    more = ("--url", "sandbox=http://eu.example:81", "--listen", "production=127.0.0.1:1", "--display-name", "Europe")
    assert command.run("gateway-group", "set", group, *more).output == f"Changed group {group}.\n"
    body = command.run("gateway-group", "show", group, "--json").json
    assert body["urls"] == {"production": "http://eu.example", "sandbox": "http://eu.example:81"}
    assert (body["listen"], body["displayName"]) == ({"production": ["127.0.0.1:1"]}, "Europe")
    assert "http://eu.example:81" in command.run("gateway-group", "show", group).output
    command.run("gateway-group", "set", group, "--url", "sandbox=none")
    assert command.run("gateway-group", "show", group, "--json").json["urls"] == {"production": "http://eu.example"}
    assert "Europe" in command.run("gateway-group", "list").output
    assert command.run("gateway-group", "delete", group, "--yes").output == f"Deleted group {group}.\n"
    assert "No group" in command.fail("gateway-group", "show", group)


def test_an_api_is_deployed_to_environments(command, group):
    name = f"a{uuid.uuid4().hex[:8]}"
    command.run("api", "create", name, f"/{name}", "1", "--production", "http://pizza.test", "--environment", group)
    assert command.run("api", "show", name, "--json").json["gatewayEnvironments"] == [group]
    command.run("api", "set", name, "--environment", "Default", "--environment", group)
    assert group in command.run("api", "show", name).output
    assert "Default" in command.fail("api", "set", name, "--environment", "moon")
    assert "1 API is deployed" in command.fail("gateway-group", "delete", group, "--yes")
    command.run("api", "delete", name, "--yes")


@pytest.mark.parametrize("option", ["moon=http://eu.example", "production"])
def test_an_address_needs_a_known_listener(command, option):
    assert "productionTls" in command.fail("gateway-group", "create", "eu", "--url", option, code=2)
