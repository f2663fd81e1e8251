"""`holdfast gateway enroll`, `list`, `show` and `revoke`."""

import re
import uuid

import pytest

from enrolling import Machine
from holdfast.apis.gateways.join_token import read_token

pytestmark = pytest.mark.envoy


@pytest.fixture
def name(command):
    """The name of a gateway, which is revoked after the test."""
    name = f"eu-{uuid.uuid4().hex[:8]}"
    yield name
    command("gateway", "revoke", name, "--yes")


def read_line(command, name):
    return [line.split() for line in command.run("gateway", "list").output.splitlines() if name in line]


def test_a_gateway_is_enrolled_listed_shown_and_revoked(command, holdfast, name):
    result = command.run("gateway", "enroll", name, "--group", "Default", "--label", "region=eu", "--label", "rack=")
    assert "On the other machine, run this before" in result.errors
    *words, token = result.output.split()
    assert words == ["holdfast", "gateway", "join", holdfast.publisher_url]
    assert read_token(token).pins == ()  # this publisher serves http
    assert read_line(command, name) == [[name, "Default", "waiting", "to", "join"]]

    body = {"token": token, "csr": Machine().request()}
    assert holdfast.rest.post("/gateways/join", json=body).status_code == 200
    output = command.run("gateway", "show", name).output
    assert "enrolled" in output
    assert "region=eu" in output
    local = command.run("gateway", "show", "local").output
    assert re.search(r"State +connected\n", local)
    assert re.search(r"Holdfast +\d", local)
    as_json = command.run("gateway", "show", name, "--json").json
    assert as_json["certificate"]["fingerprint"].upper() in output.replace(":", "")
    assert as_json in command.run("gateway", "list", "--json").json["list"]
    assert read_token(command.run("gateway", "enroll", name, "--json").json["token"])
    assert "has joined before" in command.run("gateway", "enroll", name).errors

    assert f"Revoke gateway {name} (enrolled, not connected)? [y/N]" in command.fail(
        "gateway", "revoke", name, stdin="n\n"
    )
    result = command.run("gateway", "revoke", name, "--yes")
    assert result.output == f"Revoked gateway {name}.\n"
    assert "`holdfast gateway stop` there" in result.errors
    assert read_line(command, name) == []
    assert f"No gateway '{name}' exists" in command.fail("gateway", "show", name)


@pytest.mark.parametrize("label", ["region", "=eu", ""])
def test_a_label_is_a_key_and_a_value(command, label):
    assert "--label region=eu" in command.fail("gateway", "enroll", "eu-1", "--label", label, code=2)


def test_a_name_that_is_not_allowed_is_explained(command):
    assert "lower-case letters" in command.fail("gateway", "enroll", "EU_1", code=1)
