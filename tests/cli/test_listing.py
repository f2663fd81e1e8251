"""Lists are printed as tables, JSON, YAML or names, and again whenever they change."""

import os
import signal
import subprocess
import threading

import pytest
import typer.main
import yaml

from holdfast.cli.app import app
from running import COMMAND

pytestmark = pytest.mark.envoy
DEFINITION = """
openapi: 3.0.0
info: {title: Pets, version: 2.1.0, description: All pets}
servers: [{url: "https://pets.example/v2"}, {url: "https://old.example"}]
paths: {/pets: {get: {responses: {"200": {description: ok}}}}}
"""


def test_a_list_has_the_same_entries_in_every_form(command):
    command.done("api", "create", "Pizza", "/pizza", "1", "--description", "hot")
    listed = command.done("api", "list", "--json").json
    assert command.done("api", "list", "-o", "json").json == listed
    assert yaml.safe_load(command.done("api", "list", "-o", "yaml").output) == listed
    assert command.done("api", "list", "-o", "name").output == "Pizza:1\n"
    table, wide = (command.done("api", "list", "-o", form).output for form in ("table", "wide"))
    assert table == command.done("api", "list").output
    assert ("hot" in table, "hot" in wide, "PROVIDER" in wide) == (False, True, True)
    command.refused("api", "list", "--json", "-o", "yaml", code=2)
    command.refused("api", "list", "-o", "xml", code=2)


def test_text_from_the_publisher_stays_text_in_yaml(command):
    command.done("api", "create", "Pizza", "/pizza", "1.10", "--description", "a: [b]\n- no")
    (api,) = yaml.safe_load(command.done("api", "list", "-o", "yaml").output)["list"]
    assert (api["version"], api["description"]) == ("1.10", "a: [b]\n- no")


def leaves(context):
    for name, each in getattr(context.command, "commands", {}).items():
        inner = typer.Context(each, info_name=name, parent=context)
        yield from leaves(inner) if hasattr(each, "commands") else [(inner.command_path, each)]


def test_every_list_has_the_option_for_its_form():
    root = typer.Context(typer.main.get_command(app), info_name="holdfast")
    options = {path: {o for p in each.params for o in p.opts} for path, each in leaves(root)}
    lists = {
        path for path in options if path.endswith((" list", "silences", "exceptions", "sent", " status", "history"))
    }
    lists -= {"holdfast gateway status"}
    assert len(lists) >= 14
    assert {path for path in lists if "--output" not in options[path] or "--json" not in options[path]} == set()


def test_watching_prints_a_list_again_when_it_changes(command):
    command.done("api", "create", "Pizza", "/pizza", "1")
    arguments = [str(COMMAND), "api", "list", "-o", "name", "--watch"]
    environment = os.environ | command.environment
    with subprocess.Popen(arguments, env=environment, text=True, stdout=subprocess.PIPE) as process:
        end = threading.Timer(120, process.kill)
        end.start()
        try:
            lines = (line.strip() for line in iter(process.stdout.readline, "") if line.strip())
            assert next(lines) == "Pizza:1"
            command.done("api", "create", "Apple", "/apple", "1")
            assert [next(lines), next(lines)] == ["Apple:1", "Pizza:1"]
            process.send_signal(signal.SIGINT)
            assert process.wait(120) == 130
        finally:
            end.cancel()
            process.kill()


def test_status_shows_what_needs_attention_and_fails_as_asked(command):
    command.done("api", "create", "Pizza", "/pizza", "1", "--production", "https://127.0.0.1:8443")
    command.done("trust", "except", "https://127.0.0.1:8443", "--for", "1h", "--reason", "being renewed")
    ended = command("status")
    assert "https://127.0.0.1:8443" in ended.output
    body = command("status", "--json").json
    (item,) = [item for item in body["list"] if item["kind"] == "exceptions"]
    urgencies = [each["urgency"] for each in body["list"]]
    assert item["kind"] in command("status", "-o", "name").output
    ranks = ["now", "soon", "later"]
    for number, choice in enumerate(ranks):
        expected = 9 if set(urgencies) & set(ranks[: number + 1]) else 0
        assert command("status", "--fail-on", choice).code == expected
    assert command("status", "--fail-on", "never").code == 0


def test_a_token_has_the_scopes_that_a_command_needs(command, guest, holdfast):
    created = command.done("token", "create", "ci", "--for", "diff", "--expires", "2h", "--json").json
    assert created["scopes"] == ["apim:api_view"]
    plain = command("token", "create", "ci-2", "--for", "apply", "--scope", "holdfast:endpoint_test")
    assert plain.output.startswith("hfp_")
    assert "holdfast:endpoint_test" in plain.errors
    scripted = {"HOLDFAST_URL": holdfast.publisher_url, "HOLDFAST_TOKEN": plain.output.strip()}
    assert guest.done("whoami", "--json", **scripted).json["token"]["name"] == "ci-2"
    said = guest.refused(
        "token", "create", "x", "--user", "admin", "--password-stdin", stdin="wrong", code=4, **scripted
    )
    assert "401" in said
    password = holdfast.admin_password
    assert guest.done("token", "list", "-o", "name", "--user", "admin", "--password-stdin", stdin=password, **scripted)
    command.refused("token", "create", "ci", "--for", "diff")
    command.refused("token", "create", "other", "--for", "dance", code=2)
    for name in ("ci", "ci-2"):
        command.done("token", "revoke", name, "--yes")
    command.refused("token", "revoke", "ci", "--yes")
    guest.refused("whoami", code=4, **scripted)


def test_a_calendar_feed_is_created_shown_and_revoked_with_a_password(command, holdfast):
    created = command("calendar", "create")
    address = created.output.strip()
    assert address.startswith(f"{holdfast.publisher_url}/calendar/hfc_")
    assert "works until" in created.errors
    assert holdfast.rest.get(address).text.startswith("BEGIN:VCALENDAR")
    assert command.done("calendar", "show", "--json").json.keys() == {"createdTime", "expiresTime"}
    command.done("calendar", "revoke", "--yes")
    assert holdfast.rest.get(address).status_code == 404
    assert "calendar feed" in command.refused("calendar", "show")


def test_an_api_is_created_from_an_openapi_definition(command, tmp_path):
    (tmp_path / "pets.yaml").write_text(DEFINITION)
    ended = command("api", "create", "--openapi", tmp_path / "pets.yaml", "--json")
    assert (ended.code, "Not used: https://old.example" in ended.errors) == (0, True)
    api = command.done("api", "show", "Pets", "--json").json
    assert (api["version"], api["description"]) == ("2.1.0", "All pets")
    assert api["endpointConfig"]["production_endpoints"]["url"] == "https://pets.example/v2"
    definition = command.done("api", "definition", "Pets").json
    assert list(definition["paths"]) == ["/pets"]
    named = command("api", "create", "Dogs", "/dogs", "1", "--openapi", "-", "--json", stdin=DEFINITION)
    assert (named.json["name"], named.json["context"]) == ("Dogs", "/dogs")
    command.done("api", "set", "Dogs", "--openapi", "-", stdin=DEFINITION.replace("/pets:", "/dogs:"))
    assert list(command.done("api", "definition", "Dogs").json["paths"]) == ["/dogs"]
    command.refused("api", "create", "Cats", code=2)
    assert "paths" in command.refused("api", "create", "--openapi", "-", stdin="openapi: 3.0.0\npaths: 7")
