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
    command.run("api", "create", "Pizza", "/pizza", "1", "--description", "hot")
    body = command.run("api", "list", "--json").json
    assert command.run("api", "list", "-o", "json").json == body
    assert yaml.safe_load(command.run("api", "list", "-o", "yaml").output) == body
    assert command.run("api", "list", "-o", "name").output == "Pizza:1\n"
    table, wide = (command.run("api", "list", "-o", form).output for form in ("table", "wide"))
    assert table == command.run("api", "list").output
    assert ("hot" in table, "hot" in wide, "PROVIDER" in wide) == (False, True, True)
    command.fail("api", "list", "--json", "-o", "yaml", code=2)
    command.fail("api", "list", "-o", "xml", code=2)


def test_text_from_the_publisher_stays_text_in_yaml(command):
    command.run("api", "create", "Pizza", "/pizza", "1.10", "--description", "a: [b]\n- no")
    (api,) = yaml.safe_load(command.run("api", "list", "-o", "yaml").output)["list"]
    assert (api["version"], api["description"]) == ("1.10", "a: [b]\n- no")


def list_leaves(context):
    for name, leaf_command in getattr(context.command, "commands", {}).items():
        inner = typer.Context(leaf_command, info_name=name, parent=context)
        yield from list_leaves(inner) if hasattr(leaf_command, "commands") else [(inner.command_path, leaf_command)]


def test_every_list_has_the_option_for_its_form():
    root = typer.Context(typer.main.get_command(app), info_name="holdfast")
    options = {path: {o for p in leaf_command.params for o in p.opts} for path, leaf_command in list_leaves(root)}
    lists = {
        path for path in options if path.endswith((" list", "silences", "exceptions", "sent", " status", "history"))
    }
    lists -= {"holdfast gateway status"}
    assert len(lists) >= 14
    assert {path for path in lists if "--output" not in options[path] or "--json" not in options[path]} == set()


def test_watching_prints_a_list_again_when_it_changes(command):
    command.run("api", "create", "Pizza", "/pizza", "1")
    arguments = [str(COMMAND), "api", "list", "-o", "name", "--watch"]
    environment = os.environ | command.environment
    with subprocess.Popen(arguments, env=environment, text=True, stdout=subprocess.PIPE) as process:
        end = threading.Timer(120, process.kill)
        end.start()
        try:
            lines = (line.strip() for line in iter(process.stdout.readline, "") if line.strip())
            assert next(lines) == "Pizza:1"
            command.run("api", "create", "Apple", "/apple", "1")
            assert [next(lines), next(lines)] == ["Apple:1", "Pizza:1"]
            process.send_signal(signal.SIGINT)
            assert process.wait(120) == 130
        finally:
            end.cancel()
            process.kill()


def test_status_shows_what_needs_attention_and_fails_as_asked(command):
    command.run("api", "create", "Pizza", "/pizza", "1", "--production", "https://127.0.0.1:8443")
    command.run("trust", "except", "https://127.0.0.1:8443", "--for", "1h", "--reason", "being renewed")
    result = command("status")
    assert "https://127.0.0.1:8443" in result.output
    body = command("status", "--json").json
    (item,) = [item for item in body["list"] if item["kind"] == "exceptions"]
    urgencies = [entry["urgency"] for entry in body["list"]]
    assert item["kind"] in command("status", "-o", "name").output
    ranks = ["now", "soon", "later"]
    for number, choice in enumerate(ranks):
        expected = 9 if set(urgencies) & set(ranks[: number + 1]) else 0
        assert command("status", "--fail-on", choice).code == expected
    assert command("status", "--fail-on", "never").code == 0


def test_a_token_has_the_scopes_that_a_command_needs(command, guest, holdfast):
    body = command.run("token", "create", "ci", "--for", "diff", "--expires", "2h", "--json").json
    assert body["scopes"] == ["apim:api_view"]
    plain = command("token", "create", "ci-2", "--for", "apply", "--scope", "holdfast:endpoint_test")
    assert plain.output.startswith("hfp_")
    assert "holdfast:endpoint_test" in plain.errors
    script = {"HOLDFAST_URL": holdfast.publisher_url, "HOLDFAST_TOKEN": plain.output.strip()}
    assert guest.run("whoami", "--json", **script).json["token"]["name"] == "ci-2"
    message = guest.fail("token", "create", "x", "--user", "admin", "--password-stdin", stdin="wrong", code=4, **script)
    assert "401" in message
    password = holdfast.admin_password
    assert guest.run("token", "list", "-o", "name", "--user", "admin", "--password-stdin", stdin=password, **script)
    command.fail("token", "create", "ci", "--for", "diff")
    command.fail("token", "create", "other", "--for", "dance", code=2)
    for name in ("ci", "ci-2"):
        command.run("token", "revoke", name, "--yes")
    command.fail("token", "revoke", "ci", "--yes")
    guest.fail("whoami", code=4, **script)


def test_a_calendar_feed_is_created_shown_and_revoked_with_a_password(command, holdfast):
    result = command("calendar", "create")
    address = result.output.strip()
    assert address.startswith(f"{holdfast.publisher_url}/calendar/hfc_")
    assert "works until" in result.errors
    assert holdfast.rest.get(address).text.startswith("BEGIN:VCALENDAR")
    assert command.run("calendar", "show", "--json").json.keys() == {"createdTime", "expiresTime"}
    command.run("calendar", "revoke", "--yes")
    assert holdfast.rest.get(address).status_code == 404
    assert "calendar feed" in command.fail("calendar", "show")


def test_an_api_is_created_from_an_openapi_definition(command, tmp_path):
    (tmp_path / "pets.yaml").write_text(DEFINITION)
    result = command("api", "create", "--openapi", tmp_path / "pets.yaml", "--json")
    assert (result.code, "Not used: https://old.example" in result.errors) == (0, True)
    api = command.run("api", "show", "Pets", "--json").json
    assert (api["version"], api["description"]) == ("2.1.0", "All pets")
    assert api["endpointConfig"]["production_endpoints"]["url"] == "https://pets.example/v2"
    definition = command.run("api", "definition", "Pets").json
    assert list(definition["paths"]) == ["/pets"]
    result = command("api", "create", "Dogs", "/dogs", "1", "--openapi", "-", "--json", stdin=DEFINITION)
    assert (result.json["name"], result.json["context"]) == ("Dogs", "/dogs")
    command.run("api", "set", "Dogs", "--openapi", "-", stdin=DEFINITION.replace("/pets:", "/dogs:"))
    assert list(command.run("api", "definition", "Dogs").json["paths"]) == ["/dogs"]
    command.fail("api", "create", "Cats", code=2)
    assert "paths" in command.fail("api", "create", "--openapi", "-", stdin="openapi: 3.0.0\npaths: 7")
