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


def security(command):
    api = command.done("api", "show", "Pizza", "--json").json
    return api["endpointConfig"].get("endpoint_security", {}).get("production")


def test_files_set_keep_rotate_and_export_it_and_secrets_come_by_reference(command, tmp_path):
    file, secret = tmp_path / "holdfast.yaml", tmp_path / "password"
    secret.write_text(f"{SECRET}\n")
    basic = {"type": "basic", "username": "shop", "secretFile": "password", "secretVersion": "1"}
    files = write(file, basic)
    said = command.done("apply", *files, "--yes").output
    assert "basic: shop, secretVersion: 1" in said
    assert SECRET not in said
    members = {"enabled": True, "type": "BASIC", "username": "shop", "password": "", "secretVersion": "1"}
    assert security(command) == members
    command.done("diff", *files)  # nothing differs

    # Without the secret, everything else can be compared and changed.
    kept = {"type": "basic", "username": "shop", "secretVariable": "UNSET", "secretVersion": "1"}
    command.done("diff", *write(file, kept))
    command.done("apply", *write(file, kept | {"username": "other"}), "--yes")
    assert security(command) == members | {"username": "other"}
    assert "Set secretFile or secretVariable" in command.refused("diff", *write(file, kept | {"secretVersion": "2"}))

    key = {"type": "apikey", "header": "X-API-Key", "secretVariable": "KEY", "secretVersion": "2"}
    command.done("apply", *write(file, key), "--yes", "--var", f"KEY={SECRET}")
    for changed in ({"header": "X-Echoed"}, {"allowUnencrypted": True}):
        assert "the secret must be sent" in command.refused("diff", *write(file, key | changed))
    exported = yaml.safe_load(command.done("export").output)["apis"][0]
    assert exported["productionSecurity"] == {"type": "apikey", "header": "X-API-Key", "secretVersion": "2"}
    token = {"type": "oauth", "tokenUrl": "https://login.test/token", "clientId": "shop", "parameters": "scope=read"}
    said = command.done("apply", *write(file, token | {"secretVariable": "KEY"}), "--yes", "--var", f"KEY={SECRET}")
    assert "oauth: shop at https://login.test/token (scope=read)" in said.output
    assert yaml.safe_load(command.done("export").output)["apis"][0]["productionSecurity"] == token
    command.done("diff", *write(file, token))

    user = token | {"grantType": "password", "username": "till"}
    assert "Set passwordFile or passwordVariable" in command.refused("diff", *write(file, user))
    entered = user | {"passwordVariable": "KEY"}
    said = command.done("apply", *write(file, entered), "--yes", "--var", f"KEY={SECRET}").output
    assert "oauth: shop at https://login.test/token for till (scope=read)" in said
    assert SECRET not in said
    assert security(command)["grantType"] == "PASSWORD"
    assert yaml.safe_load(command.done("export").output)["apis"][0]["productionSecurity"] == user
    command.done("diff", *write(file, user))
    said = command.refused("diff", *write(file, token | {"passwordVariable": "KEY"}), "--var", f"KEY={SECRET}")
    assert "only for grantType: password" in said
    command.done("apply", *write(file, {"type": "none"}), "--yes")
    assert security(command) is None


def test_mistakes_name_the_field_and_never_the_secret(command, tmp_path):
    file = tmp_path / "holdfast.yaml"
    said = command.refused("diff", *write(file, {"type": "basic", "secretVariable": "KEY"}), "--var", f"KEY={SECRET}")
    assert "username" in said
    assert SECRET not in said
    both = {"type": "apikey", "header": "Host", "secretVariable": "KEY"}
    assert "can't contain an API key" in command.refused("diff", *write(file, both), "--var", f"KEY={SECRET}")
