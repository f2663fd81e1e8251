"""An interrupted `holdfast apply` reports what was applied, and never overwrites changes of others."""

import json
import signal
import threading

import pytest

from cli.applying import FILE, URL, start, write_files
from cli.relaying import relaying
from issuing import issue

pytestmark = pytest.mark.envoy

ALL = [
    "create api Burger:1",
    "create api Pizza:1",
    "create certificate pizza",
    "change trust " + URL,
    "move api Pizza:1",
]


@pytest.fixture
def file(tmp_path):
    return write_files(tmp_path)


@pytest.fixture
def creator(command, holdfast):
    """The command of a user who can create APIs but not publish them."""
    if holdfast.rest.get("/users/creator").status_code == 404:
        command.run(
            "user", "create", "creator", "--role", "creator", "--password-stdin", stdin="long enough for a test"
        )
    command.environment |= {"HOLDFAST_USER": "creator", "HOLDFAST_PASSWORD": "long enough for a test"}
    return command


def test_a_rejection_lists_applied_and_missing_changes(creator, file):
    lines = creator.fail("apply", "-f", file, "--yes").splitlines()
    assert lines[0].startswith("holdfast: move api Pizza:1: You need the permission")
    assert lines[1:] == [
        "4 of 5 changes applied:",
        *(f"  {step}" for step in ALL[:4]),
        "Not applied:",
        "  move api Pizza:1 (failed)",
        "Applied changes stay. To continue, apply again.",
    ]


def test_json_of_a_rejection_has_the_result_of_each_change(creator, file):
    file.write_text(FILE.replace("version: 1}", "version: 1, state: published}", 1))
    result = creator("apply", "-f", file, "--yes", "--json")
    results = [change["result"] for change in result.json["changes"]]
    assert (result.code, results) == (1, ["applied"] * 4 + ["failed", "not tried"])
    assert result.json["error"]["exitCode"] == 1
    assert "You need the permission" in result.json["error"]["message"]


def test_ctrl_c_finishes_the_current_change_and_lists_applied_changes(command, holdfast, tmp_path):
    count, limit = 60, 25
    pause, go_on = threading.Event(), threading.Event()

    def decide(number):
        if number == limit:
            pause.set()
            go_on.wait(60)

    lines = [f"  - {{name: n{n}, context: /n{n}, version: 1}}" for n in range(count)]
    (tmp_path / "many.yaml").write_text("\n".join(["holdfast: 1", "apis:", *lines]))
    with relaying(holdfast.publisher_url, decide) as url:
        applying = start(command, tmp_path / "many.yaml", "--yes", "--json", url=url)
        assert pause.wait(60)
        applying.send_signal(signal.SIGINT)
        text = ""
        while "Press Ctrl-C again" not in text:
            text += applying.stderr.readline()
            assert applying.poll() is None, text
        go_on.set()
        output, errors = applying.communicate(timeout=120)
    assert applying.returncode == 130, errors
    results = [change["result"] for change in json.loads(output)["changes"]]
    assert results == ["applied"] * limit + ["not tried"] * (count - limit)
    assert f"Interrupted.\n{limit} of {count} changes applied:\n  create api n0:1\n" in errors
    assert f"  and {limit - 20} more\n" in errors
    assert holdfast.rest.get("/apis").json()["pagination"]["total"] == limit


def change_description(command):
    (api,) = command.run("api", "list", "--query", "name:Pizza", "--json").json["list"]
    return lambda rest: rest.put(f"/apis/{api['id']}", json={"description": "theirs"})


def replace_certificate(command):
    del command
    files = {"certificate": ("new.pem", issue("theirs.example").pem)}
    return lambda rest: rest.put("/endpoint-certificates/pizza", files=files)


def decide_trust(command):
    del command
    return lambda rest: rest.put(
        "/endpoints/trust-settings", params={"endpoint": URL}, json={"names": ["theirs.example"]}
    )


@pytest.mark.parametrize(
    ("theirs", "step", "message"),
    [
        (change_description, "change api Pizza:1", "description: wanted -> theirs"),
        (replace_certificate, "change certificate pizza", "CN=theirs.example, expires "),
        (decide_trust, f"change trust {URL}", "names: nothing -> theirs.example"),
    ],
)
def test_changes_made_during_the_confirmation_are_not_overwritten(
    command, holdfast, file, tmp_path, theirs, step, message
):
    command.run("apply", "-f", file, "--yes")
    change = theirs(command)
    (tmp_path / "pizza.pem").write_bytes(issue("ours.example").pem)
    file.write_text(FILE.replace("wanted", "ours").replace("tlsMinimum: 1.3", "names: [ours.example]"))
    applying = start(command, file)
    assert applying.stdout
    while "change api Pizza:1" not in applying.stdout.readline():
        assert applying.poll() is None
    assert change(holdfast.rest).is_success
    _, errors = applying.communicate("y\n", timeout=120)
    assert applying.returncode == 1
    assert f"holdfast: {step}: Someone else changed it after the plan was made:\n  " in errors
    assert message in errors
    assert "Run `holdfast diff` again" in errors
    after = holdfast.rest.get("/endpoint-certificates/pizza").json()["subject"]
    assert (after == "CN=theirs.example") is (theirs is replace_certificate)


def test_a_deletion_during_the_confirmation_is_reported(command, holdfast, file):
    command.run("apply", "-f", file, "--yes")
    (api,) = command.run("api", "list", "--query", "name:Burger", "--json").json["list"]
    file.write_text(FILE.replace("version: 1}", "version: 1, state: published}", 1))
    applying = start(command, file)
    assert applying.stdout
    assert "move api Burger:1" in applying.stdout.readline()
    holdfast.rest.delete(f"/apis/{api['id']}")
    _, errors = applying.communicate("y\n", timeout=120)
    assert "move api Burger:1: Someone else deleted it after the plan was made." in errors


def test_ctrl_c_at_the_confirmation_reports_that_nothing_changed(command, file):
    applying = start(command, file)
    assert applying.stderr
    question = ""
    while "[y/N]" not in question:
        question += applying.stderr.read(1)
    applying.send_signal(signal.SIGINT)
    _, errors = applying.communicate(timeout=120)
    assert (applying.returncode, errors.strip().splitlines()[-1]) == (
        130,
        "holdfast: Interrupted. Nothing was changed.",
    )
