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


def settings(command, environment="production"):
    api = command.done("api", "show", "Pizza", "--json").json
    return api["endpointConfig"][f"{environment}_endpoints"].get("config")


def test_the_command_changes_only_settings_with_an_option(command):
    command.done("api", "create", "Pizza", "/pizza", "1", "--production", "http://127.0.0.1:1")
    said = command.done("endpoint", "set", "Pizza", "--protocol", "http1", "--no-rewrite-responses").output
    assert said == "Changed the production endpoint of Pizza 1.\n"
    command.done("endpoint", "set", "Pizza", "--connection-per-caller")
    assert settings(command) == {"protocol": "http1", "connectionPerCaller": True, "rewriteResponses": False}
    command.done("endpoint", "set", "Pizza", "--protocol", "auto", "--rewrite-responses")
    assert settings(command) == {"connectionPerCaller": True}
    assert "requires HTTP/1.1" in command.refused("endpoint", "set", "Pizza", "--protocol", "http2")
    assert "no sandbox endpoint" in command.refused(
        "endpoint", "set", "Pizza", "--environment", "sandbox", "--protocol", "auto"
    )


def test_files_set_and_export_connection_settings_and_keep_omitted_ones(command, tmp_path):
    file = tmp_path / "holdfast.yaml"
    file.write_text(FILE)
    command.done("apply", "-f", str(file), "--yes")
    assert settings(command) == {"protocol": "http2", "rewriteResponses": False}
    assert command.done("diff", "-f", str(file)).code == 0
    (exported,) = yaml.safe_load(command.done("export").output)["apis"]
    assert exported["productionConnection"] == {"protocol": "http2", "rewriteResponses": False}
    file.write_text(FILE.replace("http2, rewriteResponses: false", "http1"))
    command.done("apply", "-f", str(file), "--yes")
    assert settings(command) == {"protocol": "http1"}
    file.write_text(FILE.replace(",\n   productionConnection: {protocol: http2, rewriteResponses: false}", ""))
    command.done("apply", "-f", str(file), "--yes")
    assert settings(command) == {"protocol": "http1"}
