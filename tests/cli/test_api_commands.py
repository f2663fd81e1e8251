"""`holdfast api` creates, shows and moves APIs."""

import json

import httpx2
import pytest

from cli.answering import answering
from holdfast.cli.requests.client import Client
from issuing import issue

pytestmark = pytest.mark.envoy
BACKEND = "https://127.0.0.1:8443/base"


@pytest.fixture
def pizza(command):
    """The ID of an API that is not published yet."""
    return command.run("api", "create", "Pizza", "/pizza", "1.0", "--production", BACKEND, "--json").json["id"]


def test_an_api_is_created_and_listed(command):
    arguments = ("api", "create", "Pizza", "pizza", "1.0", "--production", BACKEND, "--sandbox", "http://127.0.0.1:1")
    output = command.run(*arguments).output
    assert output == "Created API Pizza 1.0 (/pizza). Run `holdfast api publish Pizza:1.0` to make it live.\n"
    header, line = command.run("api", "list").output.splitlines()
    assert header.split() == ["NAME", "VERSION", "CONTEXT", "STATE", "ID"]
    assert line.split()[:4] == ["Pizza", "1.0", "/pizza", "CREATED"]


def test_json_lists_are_complete(command, pizza):
    body = command.run("api", "list", "--json").json
    assert (body["count"], body["list"][0]["id"]) == (1, pizza)
    assert command.run("api", "list", "--query", "burger", "--json").json == {"count": 0, "list": []}


@pytest.mark.parametrize(("columns", "options"), [(40, ["-o", "wide"]), (80, []), (200, [])])
def test_tables_fit_the_terminal_and_lose_nothing(command, pizza, columns, options):
    output = command.run("api", "list", *options, COLUMNS=str(columns)).output
    assert max(map(len, output.splitlines())) <= columns
    assert pizza in "".join(output.split())


def test_a_terminal_that_is_too_narrow_for_ids_shows_names_and_versions(command, pizza):
    output = command.run("api", "list", COLUMNS="40").output
    assert [line.split() for line in output.splitlines()] == [
        ["NAME", "VERSION", "CONTEXT", "STATE"],
        ["Pizza", "1.0", "/pizza", "CREATED"],
    ]
    assert pizza not in output


def test_an_api_is_shown_by_name_version_and_id(command, pizza):
    for name in ("Pizza", "pizza:1.0", pizza):
        body = command.run("api", "show", name, "--json").json
        assert (body["id"], body["failures"]) == (pizza, [])
        assert body["endpointConfig"]["production_endpoints"] == {"url": BACKEND}
    assert BACKEND in command.run("api", "show", "Pizza").output


def test_commands_move_an_api_through_its_lifecycle(command, pizza):
    assert command.run("api", "publish", "Pizza").output == "Pizza 1.0 (/pizza) is PUBLISHED.\n"
    assert command.run("api", "demote", "Pizza", "--json").json["lifeCycleStatus"] == "CREATED"
    command.run("api", "publish", pizza)
    command.run("api", "deprecate", "Pizza:1.0")
    command.run("api", "retire", "Pizza")
    message = command.fail("api", "publish", "Pizza")
    assert message == (
        "holdfast: 'Publish' isn't possible in state RETIRED. Possible actions: none. "
        "(POST /apis/change-lifecycle: 400)\n"
    )


@pytest.mark.usefixtures("pizza")
def test_an_ambiguous_name_needs_a_version(command):
    command.run("api", "create", "Pizza", "/pizza", "2.0")
    message = command.fail("api", "show", "Pizza", code=2)
    assert message == "holdfast: Several APIs match: Pizza:1.0, Pizza:2.0. Specify one of them.\n"
    assert command.run("api", "show", "Pizza:2.0", "--json").json["version"] == "2.0"


def test_a_missing_api_is_reported(command):
    assert command.fail("api", "show", "Piz").startswith("holdfast: API Piz not found.")
    unknown = "00000000-0000-0000-0000-000000000000"
    assert "404" in command.fail("api", "delete", unknown, "--yes")


def test_lifecycle_and_deletion_wait_until_gateways_enforce_them(command, holdfast):
    url = f"{holdfast.gateway_url}/pizza/1.0/x"
    command.run("api", "create", "Pizza", "/pizza", "1.0", "--production", "http://127.0.0.1:1")
    for words, state, status in (
        (("publish", "Pizza"), "PUBLISHED", 503),
        (("demote", "Pizza"), "CREATED", 404),
        (("publish", "Pizza"), "PUBLISHED", 503),
        (("deprecate", "Pizza"), "DEPRECATED", 503),
        (("retire", "Pizza"), "RETIRED", 404),
    ):
        output = command.run("api", *words, "--wait").output
        assert output == f"Pizza 1.0 (/pizza) is {state}: enforced on 1 gateway.\n"
        assert httpx2.get(url, timeout=30).status_code == status
    command.run("api", "create", "Pasta", "/pasta", "1.0", "--production", "http://127.0.0.1:1")
    command.run("api", "publish", "Pasta", "--wait")
    body = command.run("api", "delete", "Pasta", "--yes", "--wait", "--json").json
    assert body["enforcement"]["progress"] == "enforced"
    assert httpx2.get(f"{holdfast.gateway_url}/pasta/1.0/x", timeout=30).status_code == 404


def test_waiting_for_a_lifecycle_that_no_gateway_follows_ends_with_6(guest):
    state = {"progress": "waiting", "gateways": 2, "enforcedOn": 1, "milliseconds": None, "reason": ""}
    api = {
        "id": "1",
        "name": "a",
        "version": "1",
        "context": "/a",
        "lifeCycleStatus": "PUBLISHED",
        "enforcement": state,
    }
    with answering(body=json.dumps({"list": [api], **api}).encode()) as server:
        environment = {"HOLDFAST_URL": server.url, "HOLDFAST_TOKEN": "abc"}
        for words in (("publish", "a"), ("delete", "a", "--yes")):
            message = guest.fail("api", *words, "--wait", "--within", "0.1s", code=6, **environment)
            assert message == "holdfast: Saved, but not enforced after 0.1 seconds: waiting for gateways (1 of 2).\n"


def test_set_changes_only_settings_with_an_option(command, pizza):
    words = ("--sandbox", "http://127.0.0.1:1", "--description", "Pizzas", "--tag", "food", "--tag", "hot")
    assert command.run("api", "set", "Pizza", *words).output == "Changed Pizza 1.0 (/pizza).\n"
    command.run("endpoint", "set", "Pizza", "--protocol", "http1")
    command.run("api", "set", pizza, "--production", "https://127.0.0.1:8444")
    body = command.run("api", "show", "Pizza", "--json").json
    config = body["endpointConfig"]
    assert config["production_endpoints"] == {"url": "https://127.0.0.1:8444", "config": {"protocol": "http1"}}
    assert config["sandbox_endpoints"] == {"url": "http://127.0.0.1:1"}
    assert (body["description"], sorted(body["tags"])) == ("Pizzas", ["food", "hot"])
    after = command.run("api", "set", "Pizza", "--sandbox", "none", "--tag", "none", "--description", "", "--json").json
    assert ("sandbox_endpoints" in after["endpointConfig"], after["tags"], after["description"]) == (False, [], "")
    assert "Add an option" in command.fail("api", "set", "Pizza", code=2)
    assert "must begin with https://" in command.fail("api", "set", "Pizza", "--production", "ftp://x")


@pytest.mark.usefixtures("pizza")
def test_set_rejects_a_concurrent_change_of_an_api(command, monkeypatch):
    call = Client.call

    def put_late(client, method, path, **more):
        if method == "PUT":
            call(client, method, path, json={"description": "theirs"})
        return call(client, method, path, **more)

    monkeypatch.setattr(Client, "call", put_late)
    assert "412" in command.fail("api", "set", "Pizza", "--description", "ours")
    assert "412" in command.fail("endpoint", "set", "Pizza", "--protocol", "http1")
    assert command.run("api", "show", "Pizza", "--json").json["description"] == "theirs"


def test_set_reports_trust_that_becomes_unused(command):
    url = "https://unused.example:8443"
    command.run("api", "create", "Pasta", "/pasta", "1", "--production", url)
    command.run("certificate", "add", "unused", url, "-", stdin=issue("unused.example").pem)
    lines = command.run("api", "set", "Pasta", "--production", "https://other.example").output.splitlines()
    assert lines[1] == f"No API uses {url} anymore. Still stored for it: certificate unused."


def test_delete_asks_for_confirmation(command, pizza):
    result = command("api", "delete", "Pizza", stdin="n\n")
    assert (result.code, result.output) == (1, "")
    assert "Delete API Pizza 1.0 (/pizza), state CREATED? [y/N]" in result.errors
    assert "No answer. Nothing was changed. Use --yes" in command.fail("api", "delete", "Pizza")
    assert command.run("api", "show", pizza, "--json").json["id"] == pizza
    assert command.run("api", "delete", "Pizza", stdin="y\n").output == "Deleted API Pizza 1.0 (/pizza).\n"
    assert command.run("api", "list", "--json").json["count"] == 0


def test_deleting_an_api_reports_or_deletes_certificates_that_become_unused(command):
    url = "https://unused.example:8443"
    for options, message in (
        ((), f"No API uses {url} anymore. Still stored for it: certificate unused.\n"),
        (("--delete-unused-certificates",), f"Deleted for {url}: certificate unused.\n"),
    ):
        command.run("api", "create", "Pasta", "/pasta", "1", "--production", url)
        if not options:
            command.run("certificate", "add", "unused", url, "-", stdin=issue("unused.example").pem)
        assert command.run("certificate", "list", "--unused", "--json").json["count"] == 0
        assert command.run("certificate", "list", "--unused").output == "No unused certificates.\n"
        result = command.run("api", "delete", "Pasta", *options, "--yes")
        assert result.output == f"Deleted API Pasta 1 (/pasta).\n{message}"
        assert command.run("certificate", "list", "--unused", "--json").json["count"] == (0 if options else 1)


def test_invalid_values_are_reported_by_field(command):
    message = command.fail("api", "create", "Pi/zza", "/t/x", "1.0", "--production", "ftp://x")
    assert "(POST /apis: 400)" in message
    assert "The name must have 1 to 60 characters" in message
    assert "The context can't begin with /t/" in message


def test_responses_cannot_send_control_characters_to_the_terminal(guest):
    name = "\\u001b[2JPizza\\u202e\\u0007"
    body = (
        f'{{"list": [{{"name": "{name}", "version": "1", "context": "/a", "lifeCycleStatus": "CREATED", "id": "1"}}]}}'
    )
    with answering(body=body.encode()) as server:
        output = guest.run("api", "list", HOLDFAST_URL=server.url, HOLDFAST_TOKEN="abc").output
    with answering(body=body.encode()) as server:
        machine = guest.run("api", "list", "--json", HOLDFAST_URL=server.url, HOLDFAST_TOKEN="abc")
    assert "\u202e" not in machine.output
    assert machine.json["list"][0]["name"] == "\x1b[2JPizza\u202e\x07"
    assert "\x1b" not in output
    assert "\u202e" not in output
    assert "\ufffd[2JPizza\ufffd\ufffd" in output


def test_a_revision_that_is_not_deployed_is_not_called_undeployed(command):
    command.run("api", "create", "Pizza", "/pizza", "1.0")
    command.run("revision", "create", "Pizza")
    expected = "Nothing changed: Default didn't serve revision 1 of Pizza 1.0 (/pizza).\n"
    assert command.run("revision", "undeploy", "Pizza", "1").output == expected
    command.run("revision", "deploy", "Pizza", "1")
    expected = "Undeployed revision 1 of Pizza 1.0 (/pizza) from Default.\n"
    assert command.run("revision", "undeploy", "Pizza", "1").output == expected
