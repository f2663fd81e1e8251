"""`holdfast apply` reports lost responses, partly applied steps, and conflicts with a concurrent apply."""

import json
import signal
import subprocess
import threading

import pytest

from cli.applying import FILE as PUBLISHED
from cli.applying import start, write_files
from cli.relaying import relaying
from holdfast.cli.declaration.interruption import defer_interrupt
from issuing import issue
from running import wait_until

pytestmark = pytest.mark.envoy

FILE = PUBLISHED.replace("published", "deprecated")  # which needs two actions


@pytest.fixture
def file(tmp_path):
    return write_files(tmp_path, FILE)


def start_unattended(command, url, file, *arguments):
    """Start to apply *file* through *url*, unattended."""
    return start(command, file, "--yes", *arguments, url=url, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("write", "status", "results", "code"),
    [
        (2, 0, ["applied", "unknown", "not tried", "not tried", "not tried"], 3),
        (6, 503, ["applied"] * 4 + ["partly applied"], 1),
        (6, 401, ["applied"] * 4 + ["partly applied"], 4),
        (6, 0, ["applied"] * 4 + ["unknown"], 3),
    ],
)
def test_json_reports_the_result_of_each_change(command, holdfast, file, write, status, results, code):
    with relaying(holdfast.publisher_url, lambda number: status if number == write else None) as url:
        result = command("apply", "-f", file, "--yes", "--json", HOLDFAST_URL=url)
    assert ([change["result"] for change in result.json["changes"]], result.code) == (results, code)
    assert result.json["error"]["exitCode"] == code
    assert f"({results[write - 1 if write < 6 else 4]})" in result.errors
    command.run("apply", "-f", file, "--yes")
    assert command.run("diff", "-f", file).code == 0


def test_results_are_reported_even_if_the_publisher_disappears(command, holdfast, file):
    command.run("apply", "-f", file, "--yes")
    file.write_text(FILE.replace("wanted", "ours"))
    end = threading.Event()

    def decide(_):
        end.set()
        return 412

    with relaying(holdfast.publisher_url, decide, is_gone=end.is_set) as url:
        result = command("apply", "-f", file, "--yes", "--json", HOLDFAST_URL=url)
    assert (result.code, [change["result"] for change in result.json["changes"]]) == (1, ["failed"])


def test_a_second_ctrl_c_stops_apply_immediately_with_an_unknown_result(command, holdfast, file):
    pause, go_on = threading.Event(), threading.Event()

    def decide(number):
        if number == 2:
            pause.set()
            go_on.wait(60)

    with relaying(holdfast.publisher_url, decide) as url:
        applying = start_unattended(command, url, file, "--json")
        assert pause.wait(60)
        applying.send_signal(signal.SIGINT)
        text = ""
        while "Press Ctrl-C again" not in text:
            text += applying.stderr.readline()
            assert applying.poll() is None, text
        applying.send_signal(signal.SIGINT)
        output, errors = applying.communicate(timeout=120)
        go_on.set()  # the publisher handles the request although nobody waits for it
        wait_until(lambda: holdfast.rest.get("/apis").json()["pagination"]["total"] == 2)
    assert applying.returncode == 130, errors
    assert [change["result"] for change in json.loads(output)["changes"]][:3] == ["applied", "unknown", "not tried"]
    assert "1 of 5 changes applied:\n  create api Burger:1\nNot applied:\n  create api Pizza:1 (unknown)\n" in errors


def test_ctrl_c_stays_ignored_in_background_jobs():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with defer_interrupt() as is_interrupted:
            signal.raise_signal(signal.SIGINT)
        assert not is_interrupted()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("change", "step"),
    [
        (lambda text, name: text.replace("pizza.pem", f"{name}.pem"), "change certificate pizza"),
        (lambda text, name: text.replace("deprecated", {"a": "retired", "b": "published"}[name]), "move api Pizza:1"),
    ],
)
def test_one_of_two_concurrent_applies_is_rejected(command, holdfast, file, tmp_path, change, step):
    command.run("apply", "-f", file, "--yes")
    barrier = threading.Barrier(2)

    def decide(number):
        if number <= 2:
            barrier.wait(60)  # until both have a plan

    for name in "ab":
        (tmp_path / f"{name}.pem").write_bytes(issue(f"{name}.example").pem)
        (tmp_path / f"{name}.yaml").write_text(change(FILE, name))
    with relaying(holdfast.publisher_url, decide) as url:
        applying = {name: start_unattended(command, url, tmp_path / f"{name}.yaml") for name in "ab"}
        outcomes = {name: (*process.communicate(timeout=120), process.returncode) for name, process in applying.items()}
    (winner,), (loser,) = ([name for name in "ab" if outcomes[name][2] == code] for code in (0, 1))
    assert f"holdfast: {step}: Someone else changed it after the plan was made:\n" in outcomes[loser][1]
    assert command("diff", "-f", tmp_path / f"{winner}.yaml").code == 0


def test_two_concurrent_applies_create_each_object_once(command, holdfast, file):
    barrier = threading.Barrier(2)

    def decide(number):
        if number <= 2:
            barrier.wait(60)

    with relaying(holdfast.publisher_url, decide) as url:
        applying = [start_unattended(command, url, file) for _ in range(2)]
        outcomes = [(*process.communicate(timeout=120), process.returncode) for process in applying]
    assert sorted(code for *_, code in outcomes) == [0, 1]
    assert command("diff", "-f", file).code == 0
