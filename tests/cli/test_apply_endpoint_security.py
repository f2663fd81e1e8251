"""Endpoint security in configuration files."""

import pytest
import yaml

pytestmark = pytest.mark.envoy
URL = "https://127.0.0.1:8443"
SECRET = "geheim-im-umfeld"


def write(file, security):
    api = {"name": "Pizza", "context": "/pizza", "version": "1", "production": URL, "productionSecurity": security}
    file.write_text(yaml.dump({"holdfast": 1, "apis": [api]}))
    return ("-f", str(file))


def read_security(command):
    api = command.run("api", "show", "Pizza", "--json").json
    return api["endpointConfig"].get("endpoint_security", {}).get("production")


def test_files_set_keep_rotate_and_export_it_and_secrets_come_by_reference(command, tmp_path):
    file, secret = tmp_path / "holdfast.yaml", tmp_path / "password"
    secret.write_text(f"{SECRET}\n")
    basic = {"type": "basic", "username": "shop", "secretFile": "password", "secretVersion": "1"}
    files = write(file, basic)
    output = command.run("apply", *files, "--yes").output
    assert "basic: shop, secretVersion: 1" in output
    assert SECRET not in output
    members = {"enabled": True, "type": "BASIC", "username": "shop", "password": "", "secretVersion": "1"}
    assert read_security(command) == members
    command.run("diff", *files)  # nothing differs

    # Without the secret, everything else can be compared and changed.
    without_secret = {"type": "basic", "username": "shop", "secretVariable": "UNSET", "secretVersion": "1"}
    command.run("diff", *write(file, without_secret))
    command.run("apply", *write(file, without_secret | {"username": "other"}), "--yes")
    assert read_security(command) == members | {"username": "other"}
    assert "Set the variable HOLDFAST_VAR_UNSET: the secret must be sent" in command.fail(
        "diff", *write(file, without_secret | {"secretVersion": "2"})
    )

    key = {"type": "apikey", "header": "X-API-Key", "secretVariable": "KEY", "secretVersion": "2"}
    command.run("apply", *write(file, key), "--yes", "--var", f"KEY={SECRET}")
    for change in ({"header": "X-Echoed"}, {"allowUnencrypted": True}):
        assert "the secret must be sent" in command.fail("diff", *write(file, key | change))
    api = yaml.safe_load(command.run("export").output)["apis"][0]
    assert api["productionSecurity"] == {"type": "apikey", "header": "X-API-Key", "secretVersion": "2"}
    token = {"type": "oauth", "tokenUrl": "https://login.test/token", "clientId": "shop", "parameters": "scope=read"}
    result = command.run("apply", *write(file, token | {"secretVariable": "KEY"}), "--yes", "--var", f"KEY={SECRET}")
    assert "oauth: shop at https://login.test/token (scope=read)" in result.output
    assert yaml.safe_load(command.run("export").output)["apis"][0]["productionSecurity"] == token
    command.run("diff", *write(file, token))

    user = token | {"grantType": "password", "username": "till"}
    assert "Set passwordFile or passwordVariable" in command.fail("diff", *write(file, user))
    with_password = user | {"passwordVariable": "KEY"}
    output = command.run("apply", *write(file, with_password), "--yes", "--var", f"KEY={SECRET}").output
    assert "oauth: shop at https://login.test/token for till (scope=read)" in output
    assert SECRET not in output
    assert read_security(command)["grantType"] == "PASSWORD"
    assert yaml.safe_load(command.run("export").output)["apis"][0]["productionSecurity"] == user
    command.run("diff", *write(file, user))
    output = command.fail("diff", *write(file, token | {"passwordVariable": "KEY"}), "--var", f"KEY={SECRET}")
    assert "only for grantType: password" in output
    command.run("apply", *write(file, {"type": "none"}), "--yes")
    assert read_security(command) is None


def test_mistakes_name_the_field_and_never_the_secret(command, tmp_path):
    file = tmp_path / "holdfast.yaml"
    message = command.fail("diff", *write(file, {"type": "basic", "secretVariable": "KEY"}), "--var", f"KEY={SECRET}")
    assert "username" in message
    assert SECRET not in message
    security = {"type": "apikey", "header": "Host", "secretVariable": "KEY"}
    assert "can't contain an API key" in command.fail("diff", *write(file, security), "--var", f"KEY={SECRET}")
