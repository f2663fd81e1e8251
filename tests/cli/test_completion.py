"""Shell completion of `holdfast`."""

import json
import os
import re
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest

from cli.answering import answering
from holdfast.apis.trust.trust_settings import AnchorMode
from holdfast.cli.requests import completion
from holdfast.cli.requests.contexts import PublisherContext, keep_context
from holdfast.cli.requests.publisher import Credentials, Publisher
from holdfast.services.access.permissions import Role
from issuing import issue
from running import COMMAND, wait_until

LATER = datetime.now(UTC) + timedelta(days=30)
DETECT_NO_SHELL = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_installs_into_the_home_of_the_user(guest, shell):
    result = guest.process("--install-completion", shell, **DETECT_NO_SHELL)
    assert result.code == 0, result
    files = [file.read_text() for file in guest.home.rglob("*") if file.is_file()]
    assert any("_HOLDFAST_COMPLETE" in text for text in files)


@pytest.mark.parametrize(
    ("text", "expected"), [("holdfast cert", ["certificate"]), ("holdfast certificate rep", ["replace"])]
)
def test_bash_completes_commands(guest, text, expected):
    words = {"COMP_WORDS": text, "COMP_CWORD": str(len(text.split()) - 1)}
    assert guest.process(**words, _HOLDFAST_COMPLETE="complete_bash").output.split() == expected


def complete(command, *typed_words, **environment):
    words = {"COMP_WORDS": " ".join(("holdfast", *typed_words)), "COMP_CWORD": str(len(typed_words))}
    result = command(**words, **environment, _HOLDFAST_COMPLETE="complete_bash")
    assert (result.code, result.errors) == (0, ""), result
    return [line for line in result.output.split("\n") if line]


@pytest.mark.envoy
def test_names_from_the_publisher_are_completed(command):
    for name, context in (("Pizza", "/pizza"), ("Pasta", "/pasta"), ("Pizza Shack", "/shack")):
        command.run("api", "create", name, context, "1", "--production", "https://127.0.0.1:8443")
    command.run("certificate", "add", "backend-1", "https://127.0.0.1:8443", "-", stdin=issue("127.0.0.1").pem)
    # Names that are two words to a shell are skipped. A busy machine may not respond within a second.
    wait_until(lambda: complete(command, "api", "show", "P") == ["Pasta", "Pizza"], within=60)
    wait_until(lambda: complete(command, "api", "publish", "Pi") == ["Pizza"], within=60)
    wait_until(lambda: complete(command, "certificate", "replace", "") == ["backend-1"], within=60)
    assert complete(command, "certificate", "add", "") == []


@pytest.fixture
def publisher():
    """Variables for a publisher with two APIs of the same name, an alias and two users."""
    apis = [
        {
            "name": "Pizza",
            "version": "1.0",
            "endpointConfig": {"production_endpoints": {"url": "https://a.example:8443/x"}},
        },
        {"name": "Pizza", "version": "2.0", "endpointConfig": {"sandbox_endpoints": {"url": "http://127.0.0.1:81"}}},
        {"name": "anna", "version": "1", "endpointConfig": None},
    ]
    body = {"list": apis, "certificates": [{"alias": "backend-1"}]}
    with answering(body=json.dumps(body).encode()) as server:
        yield {"HOLDFAST_URL": server.url, "HOLDFAST_TOKEN": "abc"}


SHELLS = {
    "bash": lambda line: {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)},
    "zsh": lambda line: {"_TYPER_COMPLETE_ARGS": line},
    "fish": lambda line: {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
}


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_completes_words_of_every_kind(guest, publisher, shell, monkeypatch):
    monkeypatch.setattr(completion, "WITHIN", 30.0)
    keep_context(
        "staging",
        PublisherContext(Publisher("https://a"), Credentials("b", token="c", expires_at=LATER)),
        guest.environment,
    )
    for line, words in {
        "holdfast certi": ["certificate"],
        "holdfast certificate add --repl": ["--replace"],
        "holdfast certificate show b": ["backend-1"],
        "holdfast api show ": ["Pizza:1.0", "Pizza:2.0", "anna"],
        "holdfast api show Pizza:2": ["Pizza:2.0"],
        "holdfast trust show https://a": ["https://a.example:8443/x"],
        "holdfast endpoint test http://": ["http://127.0.0.1:81"],
        "holdfast certificate list --endpoint ht": ["https://a.example:8443/x", "http://127.0.0.1:81"],
        "holdfast user show an": ["anna"],
        "holdfast user create x --role v": ["viewer"],
        "holdfast trust set https://a --anchors imported-": ["imported-and-public"],
        "holdfast trust set https://a --tls-minimum 1": ["1.2", "1.3"],
        "holdfast endpoint set Pizza --protocol http": ["http1", "http2"],
        "holdfast api list --context s": ["staging"],
        "holdfast context use s": ["staging"],
    }.items():
        environment = SHELLS[shell](line) | publisher | {"_HOLDFAST_COMPLETE": f"complete_{shell}"}
        output = guest(**environment).output
        if shell == "zsh":
            output = output.replace("\\\\:", ":")
            assert output.startswith("_arguments '*: :((")
            completions = re.findall(r'^(?:_arguments.*\(\()?"([^"]*)"', output, re.MULTILINE)
        else:
            completions = [word.partition("\t")[0] for word in output.splitlines()]
        assert completions == words, line


def test_zsh_completes_at_the_first_tab(guest):
    guest.process("--install-completion", "zsh", **DETECT_NO_SHELL)
    text = (guest.home / ".zfunc/_holdfast").read_text()
    # zsh loads the file as the function _holdfast at the first Tab.
    assert 'if [ "$funcstack[1]" = "_holdfast" ]; then\n  _holdfast_completion "$@"\n' in text


def test_bash_completes_words_with_colons(guest, publisher):
    script = guest.process("--show-completion", "bash", **DETECT_NO_SHELL).output
    program = """
COMP_LINE="holdfast trust show https://a" COMP_POINT=29 COMP_WORDBREAKS=": "
_holdfast_completion holdfast
printf '%s\\n' "${COMPREPLY[@]}"
"""

    def complete() -> str:
        return subprocess.run(
            ["/bin/bash", "-c", f"complete() {{ :; }}\n{script}\n{program}"],
            env=guest.environment | publisher | {"PATH": f"{COMMAND.parent}:{os.environ['PATH']}"},
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    # A busy machine may not respond within a second. To bash, `https:` is a separate word.
    wait_until(lambda: complete() == "//a.example:8443/x\n", within=60)


def test_all_roles_are_completed():
    assert set(completion.ROLES) == {role.value for role in Role}
    assert set(completion.ANCHORS) == {mode.value for mode in AnchorMode}


@pytest.fixture
def offer(monkeypatch):
    """Return the aliases that are completed when the publisher responds with a body, however long that takes."""
    monkeypatch.setattr(completion, "WITHIN", 30.0)

    def complete(body):
        with answering(body=body) as server:
            monkeypatch.setenv("HOLDFAST_URL", server.url)
            monkeypatch.setenv("HOLDFAST_TOKEN", "abc")
            aliases = completion.complete_aliases("a")
            assert server.requests != []
        return aliases

    return complete


@pytest.mark.parametrize(
    "body", [b"<html>", b"{}", b'{"certificates": 1}', b'{"certificates": [1]}', b'{"certificates": [{"alias": 1}]}']
)
def test_invalid_responses_are_ignored_silently(offer, capfd, body):
    assert offer(body) == []
    assert capfd.readouterr().err == ""


def test_without_sign_in_nothing_is_completed(guest):
    assert complete(guest, "certificate", "show", "x") == []


def test_completions_contain_nothing_that_a_shell_would_run(offer):
    names = ["a$(id)", "a;id", "a b", "a`id`", "a\nb", "-a", "a.b-c_d"]
    assert offer(json.dumps({"certificates": [{"alias": name} for name in names]}).encode()) == ["a.b-c_d"]


def test_completion_does_not_wait_long_for_an_unresponsive_publisher(guest):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for _ in range(3):  # a busy machine can be slow once
            began = time.monotonic()
            assert complete(guest, "api", "show", "", HOLDFAST_URL=url, HOLDFAST_TOKEN="abc") == []
            took = time.monotonic() - began
            if took < 25:
                break
        # Requests have 30 seconds, completion has one; the rest is for starting the command on a busy machine.
        assert took < 25
