"""Connection settings in `holdfast endpoint set` and in files."""

import pytest
import yaml

pytestmark = pytest.mark.envoy
FILE = """
holdfast: 1
apis:
- {name: Pizza, context: /pizza, version: 1, production: "http://127.0.0.1:1",
   productionConnection: {protocol: http2, rewriteResponses: false}}
"""


def read_settings(command, environment="production"):
    api = command.run("api", "show", "Pizza", "--json").json
    return api["endpointConfig"][f"{environment}_endpoints"].get("config")


def test_the_command_changes_only_settings_with_an_option(command):
    command.run("api", "create", "Pizza", "/pizza", "1", "--production", "http://127.0.0.1:1")
    output = command.run("endpoint", "set", "Pizza", "--protocol", "http1", "--no-rewrite-responses").output
    assert output == "Changed the production endpoint of Pizza 1.\n"
    command.run("endpoint", "set", "Pizza", "--connection-per-caller")
    assert read_settings(command) == {"protocol": "http1", "connectionPerCaller": True, "rewriteResponses": False}
    command.run("endpoint", "set", "Pizza", "--protocol", "auto", "--rewrite-responses")
    assert read_settings(command) == {"connectionPerCaller": True}
    assert "requires HTTP/1.1" in command.fail("endpoint", "set", "Pizza", "--protocol", "http2")
    assert "no sandbox endpoint" in command.fail(
        "endpoint", "set", "Pizza", "--environment", "sandbox", "--protocol", "auto"
    )


def test_the_command_sets_and_resets_timeouts_retries_and_limits(command):
    command.run("api", "create", "Pizza", "/pizza", "1", "--production", "http://127.0.0.1:1")
    options = (
        "--idle-timeout-ms",
        "90000",
        "--retries",
        "0",
        "--retry-status-codes",
        "503",
        "--retry-status-codes",
        "502",
    )
    command.run("endpoint", "set", "Pizza", *options, "--suspend-ms", "5000", "--suspend-after", "3")
    expected = {"actionDuration": 90000, "retries": 0, "retryStatusCodes": [502, 503]}
    assert read_settings(command) == expected | {"suspendDuration": 5000, "retryTimeOut": 3}
    assert "suspendMs: 5000\n" in command.run("api", "show", "Pizza").output
    command.run("endpoint", "set", "Pizza", "--default", "suspendMs", "--default", "suspendAfter")
    assert read_settings(command) == expected
    assert "1 to 86,400,000" in command.fail("endpoint", "set", "Pizza", "--idle-timeout-ms", "-1")
    assert "no setting 'speed'" in command.fail("endpoint", "set", "Pizza", "--default", "speed", code=2)


def test_files_set_and_export_connection_settings_and_keep_omitted_ones(command, tmp_path):
    file = tmp_path / "holdfast.yaml"
    file.write_text(FILE)
    command.run("apply", "-f", str(file), "--yes")
    assert read_settings(command) == {"protocol": "http2", "rewriteResponses": False}
    assert command.run("diff", "-f", str(file)).code == 0
    (api,) = yaml.safe_load(command.run("export").output)["apis"]
    assert api["productionConnection"] == {"protocol": "http2", "rewriteResponses": False}
    file.write_text(FILE.replace("http2, rewriteResponses: false", "http1"))
    command.run("apply", "-f", str(file), "--yes")
    assert read_settings(command) == {"protocol": "http1"}
    file.write_text(FILE.replace(",\n   productionConnection: {protocol: http2, rewriteResponses: false}", ""))
    command.run("apply", "-f", str(file), "--yes")
    assert read_settings(command) == {"protocol": "http1"}


def test_files_name_settings_by_their_meaning_and_units(command, tmp_path):
    file = tmp_path / "holdfast.yaml"
    connection = {
        "idleTimeoutMs": 90000,
        "retries": 0,
        "retryStatusCodes": [503],
        "retryAllMethods": True,
        "suspendMs": 5000,
    }
    text = FILE.replace(
        "{protocol: http2, rewriteResponses: false}", yaml.dump(connection, default_flow_style=True).strip()
    )
    file.write_text(text)
    command.run("apply", "-f", str(file), "--yes")
    assert read_settings(command)["actionDuration"] == 90000
    assert read_settings(command)["suspendDuration"] == 5000
    assert command.run("diff", "-f", str(file)).code == 0
    (api,) = yaml.safe_load(command.run("export").output)["apis"]
    assert api["productionConnection"] == connection
    file.write_text(text.replace("retries: 0", "retries: 9"))
    assert "productionConnection.retries: Use a whole number from 0 to 5." in command.fail("diff", "-f", str(file))


def test_commands_and_files_keep_the_further_endpoints_of_a_group(command, holdfast, tmp_path):
    command.run("api", "create", "Pizza", "/pizza", "1", "--production", "http://127.0.0.1:1")
    group = {
        "endpoint_type": "load_balance",
        "production_endpoints": [{"url": "http://127.0.0.1:1"}, {"url": "http://127.0.0.1:2", "weight": 2}],
    }
    body = command.run("api", "show", "Pizza", "--json").json
    holdfast.rest.put(f"/apis/{body['id']}", json={"endpointConfig": group})
    command.run("endpoint", "set", "Pizza", "--protocol", "http1")
    command.run("api", "set", "Pizza", "--production", "http://127.0.0.1:3")
    (tmp_path / "pizza.yaml").write_text(
        FILE.replace("127.0.0.1:1", "127.0.0.1:4").replace(", rewriteResponses: false", "")
    )
    command.run("apply", "-f", str(tmp_path / "pizza.yaml"), "--yes")
    config = command.run("api", "show", "Pizza", "--json").json["endpointConfig"]
    first, second = config["production_endpoints"]
    assert first == {"url": "http://127.0.0.1:4", "config": {"protocol": "http2"}}
    assert (second["url"], second["weight"]) == ("http://127.0.0.1:2", 2)
    assert "http://127.0.0.1:4" in command.run("api", "show", "Pizza").output
