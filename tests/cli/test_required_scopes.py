"""Each command works with exactly the scopes that the reference lists for it, and fails without any one of them."""

import base64
import functools
import re
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
import typer.main

from cli.commanding import Command
from holdfast.cli.access.required_scopes import SCOPES
from holdfast.cli.app import app
from issuing import issue

pytestmark = pytest.mark.envoy
DOCS = Path(__file__).parents[2] / "docs/reference/cli.md"
URL = "https://127.0.0.1:8443"
OTHER = "apim:publisher_settings"  # allows nothing that a command here needs
PASSWORD = "correct horse battery staple 2"
FILE = f"""
holdfast: 1
apis:
  - {{name: New, context: /new, version: 1, state: published, production: '{URL}'}}
certificates:
  - {{alias: new, endpoint: '{URL}', file: new.pem}}
trust:
  - {{endpoint: '{URL}', tlsMinimum: 1.3}}
"""
CHANNEL = "notification create ops --kind webhook --url https://hooks.example/ --secret-file secret"
GROUP = "gateway-group create {unique}"
REVISION = "revision create Pizza"
USER = "user create {unique} --role viewer --password-stdin"
# The arguments of each command, and the commands of an admin that must precede it. Missing: only its name.
ARGUMENTS = {
    "api create": ("New /new 1", ()),
    "api show": ("Pizza", ()),
    "api set": ("Pizza --description new", ()),
    "api definition": ("Pizza", ()),
    "api publish": ("Pizza", ()),
    "api deprecate": ("Pizza", ("api publish Pizza",)),
    "api retire": ("Pizza", ("api publish Pizza", "api deprecate Pizza")),
    "api demote": ("Pizza", ("api publish Pizza",)),
    "api prototype": ("Pizza", ()),
    "api block": ("Pizza", ("api publish Pizza",)),
    "api republish": ("Pizza", ("api publish Pizza", "api block Pizza")),
    "api delete": ("Pizza --yes", ()),
    "api traffic": ("Pizza", ()),
    "revision list": ("Pizza", ()),
    "revision create": ("Pizza", ()),
    "revision deploy": ("Pizza 1", (REVISION,)),
    "revision undeploy": ("Pizza 1", (REVISION, "revision deploy Pizza 1")),
    "revision restore": ("Pizza 1 --yes", (REVISION,)),
    "revision delete": ("Pizza 1 --yes", (REVISION,)),
    "audit export": ("audit.jsonl", ()),
    "certificate show": ("pizza", ()),
    "certificate add": (f"new {URL} new.pem", ()),
    "certificate replace": ("pizza new.pem", ()),
    "certificate pin": ("pizza", ()),
    "certificate unpin": ("pizza", ()),
    "certificate undo": ("pizza", ("certificate replace pizza new.pem --keep-previous",)),
    "certificate retire": ("pizza", ("certificate replace pizza new.pem --keep-previous",)),
    "certificate delete": ("pizza --yes", ()),
    "certificate download": ("pizza -o downloaded.pem", ()),
    "trust show": (URL, ()),
    "trust set": (f"{URL} --tls-minimum 1.3", ()),
    "trust except": (f"{URL} --for 1h --reason 'being renewed'", ()),
    "trust verify": (URL, ()),
    "endpoint test": (URL, ()),
    "endpoint set": ("Pizza --protocol http1", ()),
    "endpoint history": (URL, ()),
    "label set": ("api Pizza team", ()),
    "diff": ("-f file.yaml --prune", ()),
    "apply": ("-f file.yaml --prune --yes", ()),
    "gateway show": ("{unique}", ("gateway enroll {unique}",)),
    "gateway enroll": ("{unique}", ()),
    "gateway revoke": ("{unique} --yes", ("gateway enroll {unique}",)),
    "gateway-group show": ("{unique}", (GROUP,)),
    "gateway-group create": ("{unique}", ()),
    "gateway-group set": ("{unique} --description new", (GROUP,)),
    "gateway-group delete": ("{unique} --yes", (GROUP,)),
    "notification create": (CHANNEL.removeprefix("notification create "), ()),
    "notification set": ("ops --audience owned", (CHANNEL,)),
    "notification show": ("ops", (CHANNEL,)),
    "notification test": ("ops", (CHANNEL,)),
    "notification delete": ("ops --yes", (CHANNEL,)),
    "notification silence": ("--about gateway:x --for 1h --reason 'being moved'", ()),
    "notification unsilence": (
        "{silence}",
        ("notification silence --about gateway:x --for 1h --reason 'being moved'",),
    ),
    "notification owners": ("Pizza --set user:admin", ()),
    "organization create": ("{unique} --admin anna --password-stdin", ()),
    "user create": (USER.removeprefix("user create "), ()),
    "user show": ("{unique}", (USER,)),
    "user change": ("{unique} --role creator", (USER,)),
    "user password": ("{unique} --password-stdin", (USER,)),
    "user delete": ("{unique} --yes", (USER,)),
}
# Not 0: there are differences; no gateway accepts the backend, which nobody runs; the receiver doesn't exist.
CODES = {"diff": {5}, "endpoint test": {1, 7}, "status": {0, 9}, "notification test": {1}, "endpoint history": {0, 1}}
numbers = count()


def split(text: str) -> list[str]:
    return [quoted_word or plain for quoted_word, plain in re.findall(r"'([^']*)'|(\S+)", text)]


@pytest.fixture(scope="module")
def token_with(running_holdfast):
    """Create a token with certain scopes, or return the one that has them."""

    @functools.cache
    def token_with(scopes):
        expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        body = {"name": f"token {next(numbers)}", "scopes": [*scopes] or [OTHER], "expiresTime": expires}
        return running_holdfast.rest.post("/tokens", json=body).raise_for_status().json()["token"]

    return token_with


@pytest.fixture
def run(command, holdfast, token_with, tmp_path, monkeypatch):
    """Run a command with a token that has certain scopes, or as an admin."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.pem").write_bytes(issue("old").pem)
    (tmp_path / "new.pem").write_bytes(issue("new").pem)
    (tmp_path / "file.yaml").write_text(FILE)
    (tmp_path / "secret").write_bytes(base64.b64encode(bytes(32)))

    def run(text, scopes=None):
        silences = holdfast.rest.get("/silences").json()["list"] if "{silence}" in text else []
        silence = next((entry["id"] for entry in silences), "")
        arguments = split(text.format(unique=unique, silence=silence))
        if scopes is None:
            return command(*arguments, stdin=PASSWORD)
        token = token_with(tuple(scopes))
        caller = Command(tmp_path, HOLDFAST_URL=holdfast.publisher_url, HOLDFAST_TOKEN=token)
        return caller(*arguments, stdin=PASSWORD)

    unique = f"unique-{next(numbers)}"
    return run


def prepare(holdfast, run, preparations):
    """Create what every command can use, and run the commands that must precede one."""
    rest = holdfast.rest
    for api in rest.get("/apis").json()["list"]:
        rest.delete(f"/apis/{api['id']}", params={"deleteUnusedCertificates": "true"})
    for channel in rest.get("/notification-channels").json()["list"]:
        rest.delete(f"/notification-channels/{channel['name']}")
    body = {"name": "Pizza", "context": "/pizza", "version": "1"}
    body["endpointConfig"] = {"production_endpoints": {"url": URL}}
    rest.post("/apis", json=body).raise_for_status()
    form = {"alias": "pizza", "endpoint": URL}
    files = {"certificate": ("old.pem", Path("old.pem").read_bytes())}
    rest.post("/endpoint-certificates", data=form, files=files).raise_for_status()
    for preparation in preparations:
        result = run(preparation)
        assert result.code == 0 or "already" in result.errors, result


@pytest.mark.parametrize("name", SCOPES)
def test_a_command_works_with_exactly_these_scopes(holdfast, run, name):
    arguments, preparations = ARGUMENTS.get(name, ("", ()))
    scopes = SCOPES[name]
    prepare(holdfast, run, preparations)
    for left_out in scopes:
        result = run(f"{name} {arguments}", [scope for scope in scopes if scope != left_out])
        assert result.code == 1, (left_out, result)
        assert "403" in result.errors, (left_out, result)
        if len(scopes) > 1:  # some of its requests succeeded
            prepare(holdfast, run, preparations)
    result = run(f"{name} {arguments}", scopes)
    assert result.code in CODES.get(name, {0}), result
    assert "403" not in result.errors


def list_leaves(context, path=()):
    for name, command in getattr(context.command, "commands", {}).items():
        inner = typer.Context(command, info_name=name, parent=context)
        if hasattr(command, "commands"):
            yield from list_leaves(inner, (*path, name))
        else:
            yield " ".join((*path, name)), command


def test_every_command_that_uses_a_publisher_has_its_scopes():
    root = typer.Context(typer.main.get_command(app), info_name="holdfast")
    commands = {
        name
        for name, leaf_command in list_leaves(root)
        if "--context" in {o for p in leaf_command.params for o in p.opts}
    }
    without = {"logout", "login", "whoami", "token create", "token list", "token revoke", "schema"}
    without |= {"calendar create", "calendar show", "calendar revoke"}  # with a password
    assert commands - without == set(SCOPES)


def test_the_reference_lists_the_scopes_of_each_command():
    section = DOCS.read_text().partition("## Scopes of commands")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \| (.*) \|$", section, re.MULTILINE)
    assert {name: tuple(re.findall(r"`([^`]+)`", scopes)) for name, scopes in rows} == SCOPES
