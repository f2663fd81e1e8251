"""The commands on pages do the same as the pages, whatever the values are."""

import json
import re
import shlex
from urllib.parse import quote, urlsplit

import pytest
import typer
from starlette.requests import Request

from holdfast.apis.catalog.lifecycle import State, list_transitions
from holdfast.cli.app import app
from holdfast.services.access.principal import Principal
from holdfast.web.commands import _ACTIONS, PREFIX, build_commands  # the list itself is what every line is tried from

REQUEST = Request({"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"127.0.0.1:9080")]})
CALLER = Principal("default", "berta o'neil")
HOSTILE = "https://a.test/$(touch x)';|&`id`"
VALUES = (
    "endpoint",
    "alias",
    "api",
    "api_id",
    "removed",
    "user",
    "token",
    "config",
    "gateway",
    "group",
    "channel",
    "kind",
    "revision",
    "revision_id",
)
COMMANDS = {action: command for action, (command, _) in _ACTIONS.items() if command}
CURL_LINES = {action: curl for action, (_, curl) in _ACTIONS.items() if curl}


def lines(action, value="1"):
    return build_commands(REQUEST, CALLER, action, **dict.fromkeys(VALUES, value))


@pytest.mark.parametrize("action", list(_ACTIONS))
def test_every_value_is_quoted_as_one_shell_word(action):
    for template, line in zip(_ACTIONS[action], lines(action, HOSTILE), strict=True):
        words = shlex.split(line)
        if any(f"{{{name}}}" in template or f"{{{name}_url}}" in template for name in VALUES):
            assert any(HOSTILE in word or quote(HOSTILE, safe="") in word for word in words)
        assert [word for word in words if word in {"|", "&", ";", "touch", "x)"}] == []


def test_curl_uses_the_url_of_the_publisher_and_the_name_of_the_user():
    _, curl = build_commands(REQUEST, CALLER, "delete", alias="a")
    assert shlex.split(curl)[:3] == ["curl", "-u", CALLER.name]
    assert shlex.split(curl)[-1] == "http://127.0.0.1:9080/api/am/publisher/v4/endpoint-certificates/a"


@pytest.mark.parametrize("action", COMMANDS)
def test_every_command_and_its_options_exist(action):
    command = typer.main.get_command(app)
    _, *words = shlex.split(lines(action)[0])
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    context = command.make_context("holdfast", [word.replace("ROLE", "viewer") for word in words])
    assert context.args == []


@pytest.mark.long
@pytest.mark.parametrize("action", CURL_LINES)
def test_every_curl_command_requests_an_existing_operation(action, client):
    words = shlex.split(lines(action)[1])
    method = words[words.index("-X") + 1] if "-X" in words else "POST" if {"-F", "--json"} & set(words) else "GET"
    path = urlsplit(words[-1]).path.removeprefix(PREFIX)
    templates = {
        (verb.upper(), template.removeprefix(PREFIX))
        for template, operations in client.get("/openapi.json").json()["paths"].items()
        for verb in operations
    }
    assert any(
        method == verb and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) for verb, template in templates
    )


@pytest.mark.parametrize("action", [action for action, curl in CURL_LINES.items() if "{body}" in curl])
def test_json_bodies_of_curl_commands_are_valid(action):
    words = shlex.split(lines(action)[1])
    assert json.loads(words[words.index("--json") + 1])


def test_no_curl_command_contains_a_password():
    assert [line for line in CURL_LINES.values() if "password" in line.lower()] == []


def test_every_lifecycle_action_has_a_command():
    assert {action for state in State for action in list_transitions(state)} <= set(COMMANDS)
