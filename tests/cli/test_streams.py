"""Commands report problems with their input, output, home directory and arguments."""

import json
import subprocess

import pytest

from cli.answering import answering
from running import COMMAND

API = {"name": "Pizza ü → 😀", "version": "1", "context": "/a", "lifeCycleStatus": "PUBLISHED", "id": "1"}
BODY = json.dumps({"list": [API], "count": 1}).encode()


@pytest.fixture
def shell(guest):
    """Run a shell command line in which `holdfast` uses a publisher with one API."""
    with answering(body=BODY) as server:

        def shell(line, **environment):
            variables = {"HOLDFAST_URL": server.url, "HOLDFAST_TOKEN": "abc", "PATH": f"{COMMAND.parent}:/bin:/usr/bin"}
            return subprocess.run(
                ["/bin/sh", "-c", line],
                env=guest.environment | variables | environment,
                capture_output=True,
                check=False,
            )

        yield shell


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("holdfast diff -f - <&-", 1, "holdfast: Nothing was changed.\n  standard input:1: holdfast: Each file needs"),
        ("holdfast login http://127.0.0.1:9 --token-stdin <&- >&-", 2, "holdfast: Expected a token"),
        ("holdfast api list >&-", 0, ""),
        ("holdfast api list <&- >&- 2>&-", 0, ""),
        ("holdfast api list > /dev/full", 1, "holdfast: Can't write the output: No space left on device.\n"),
        ("holdfast api list --json > /dev/full", 1, "holdfast: Can't write the output: No "),
        ("holdfast api show Pizza 2>&-", 1, ""),
    ],
)
def test_closed_or_full_streams_cause_no_traceback(shell, line, code, message):
    result = shell(line)
    assert (result.returncode, result.stderr.decode()[: len(message) or None]) == (code, message)


def test_characters_that_the_encoding_lacks_are_escaped(shell):
    table, machine = (shell(f"holdfast api list {option}", PYTHONIOENCODING="latin-1") for option in ("", "--json"))
    assert b"Pizza \xfc \\u2192 \\U0001f600" in table.stdout, table
    assert json.loads(machine.stdout.decode("ascii"))["list"] == [API]
    assert (table.stderr, machine.stderr) == (b"", b"")


@pytest.mark.parametrize(
    "arguments",
    [("api", "show", "x\udcff"), ("api", "create", "x\udcff", "/x", "1"), ("certificate", "show", "x\udcff")],
)
def test_an_argument_that_is_not_utf_8_is_wrong_usage(guest, arguments):
    message = guest.fail(*arguments, code=2, HOLDFAST_URL="http://127.0.0.1:9", HOLDFAST_TOKEN="abc")
    assert "isn't valid UTF-8, so it can't be sent." in message


@pytest.mark.envoy
def test_dots_are_valid_names_and_an_empty_name_is_wrong_usage(command):
    for words in (("user", "show"), ("user", "delete", "--yes"), ("certificate", "show"), ("certificate", "retire")):
        for name in (".", ".."):
            assert "404" in command.fail(*words, name), words
        assert command.fail(*words, "", code=2) == "holdfast: A name can't be empty.\n"


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (("context", "list"), {"XDG_CONFIG_HOME": "~nobody-has-this-name/config"}),
        (("login", "http://127.0.0.1:9", "--ca-file", "~nobody-has-this-name/ca.pem"), {}),
        (("diff", "-f", "a.yaml"), {}),
    ],
)
def test_the_home_of_an_unknown_user_is_reported(guest, arguments, variables, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    entry = "{alias: a, endpoint: 'https://a.example', file: ~nobody-has-this-name/a.pem}"
    (tmp_path / "a.yaml").write_text(f"holdfast: 1\ncertificates: [{entry}]\n")
    message = guest.fail(*arguments, **variables)
    assert "Can't expand ~nobody-has-this-name/" in message


def test_an_empty_file_name_is_rejected_with_its_line(guest, tmp_path):
    (tmp_path / "a.yaml").write_text(
        "holdfast: 1\ncertificates:\n- {alias: a, endpoint: 'https://a.example', file: ''}\n"
    )
    message = guest.fail("diff", "-f", tmp_path / "a.yaml")
    assert "a.yaml:3: certificates[0].file: Name a file, or remove this field." in message
