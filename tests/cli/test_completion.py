"""Shells complete what is typed after `holdfast`."""

import json
import socket
import time

import pytest

from cli.answering import answering
from holdfast.cli import completing
from issuing import issue
from running import wait_until

DETECT_NO_SHELL = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_installs_into_the_home_of_the_user(alone, shell):
    ended = alone.process("--install-completion", shell, **DETECT_NO_SHELL)
    assert ended.code == 0, ended
    written = [file.read_text() for file in alone.home.rglob("*") if file.is_file()]
    assert any("_HOLDFAST_COMPLETE" in text for text in written)


@pytest.mark.parametrize(
    ("typed", "offered"), [("holdfast cert", ["certificate"]), ("holdfast certificate rep", ["replace"])]
)
def test_bash_completes_commands(alone, typed, offered):
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    assert alone.process(**words, _HOLDFAST_COMPLETE="complete_bash").output.split() == offered


def completed(command, *typed, **environment):
    words = {"COMP_WORDS": " ".join(("holdfast", *typed)), "COMP_CWORD": str(len(typed))}
    ended = command.process(**words, **environment, _HOLDFAST_COMPLETE="complete_bash")
    assert (ended.code, ended.errors) == (0, ""), ended
    return [line for line in ended.output.split("\n") if line]


@pytest.mark.envoy
def test_names_that_the_publisher_knows_are_completed(command):
    for name, context in (("Pizza", "/pizza"), ("Pasta", "/pasta"), ("Pizza Shack", "/shack")):
        command.done("api", "create", name, context, "1", "--production", "https://127.0.0.1:8443")
    command.done("certificate", "add", "backend-1", "https://127.0.0.1:8443", "-", stdin=issue("127.0.0.1").pem)
    # What is two words to a shell is left out. A busy machine may not answer within the second that there is.
    wait_until(lambda: completed(command, "api", "show", "P") == ["Pasta", "Pizza"], within=60)
    wait_until(lambda: completed(command, "api", "publish", "Pi") == ["Pizza"], within=60)
    wait_until(lambda: completed(command, "certificate", "replace", "") == ["backend-1"], within=60)
    assert completed(command, "certificate", "add", "") == []


@pytest.fixture
def offered(monkeypatch):
    """Which aliases are offered where the publisher answers with a body, however long that takes."""
    monkeypatch.setattr(completing, "WITHIN", 30.0)

    def offered(body):
        with answering(body=body) as server:
            monkeypatch.setenv("HOLDFAST_URL", server.url)
            monkeypatch.setenv("HOLDFAST_TOKEN", "abc")
            found = completing.aliases("a")
            assert server.asked != []
        return found

    return offered


@pytest.mark.parametrize(
    "body", [b"<html>", b"{}", b'{"certificates": 1}', b'{"certificates": [1]}', b'{"certificates": [{"alias": 1}]}']
)
def test_what_cannot_be_told_is_not_completed_and_nothing_is_said(offered, capfd, body):
    assert offered(body) == []
    assert capfd.readouterr().err == ""


def test_who_has_not_signed_in_is_offered_nothing(alone):
    assert completed(alone, "certificate", "show", "x") == []


def test_a_shell_is_offered_nothing_that_it_would_run(offered):
    names = ["a$(id)", "a;id", "a b", "a`id`", "a\nb", "-a", "a.b-c_d"]
    assert offered(json.dumps({"certificates": [{"alias": name} for name in names]}).encode()) == ["a.b-c_d"]


def test_a_publisher_that_does_not_answer_is_not_waited_for_long(alone):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert completed(alone, "api", "show", "", HOLDFAST_URL=url, HOLDFAST_TOKEN="abc") == []
        # REST has 30 seconds, a shell one; the rest is what a busy machine takes to start the command.
        assert time.monotonic() - began < 25
