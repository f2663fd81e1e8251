"""The steps of action.yml, run in a shell as GitHub's runner does, against a real publisher."""

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from cli.applying import URL, write_files

pytestmark = pytest.mark.envoy
ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
REFERENCE = re.compile(r"\$\{\{ (.*?) \}\}")


class Comments(BaseHTTPRequestHandler):
    """The comments of a pull request, as GitHub's REST API has them."""

    comments: list[dict[str, object]] = []  # noqa: RUF012 - reset by each test

    def do_GET(self):
        first_page = self.path.endswith("page=1")
        self._answer(self.comments if first_page else [])

    def do_POST(self):
        self.comments.append(self._body() | {"id": len(self.comments), "user": {"type": "Bot"}})
        self._answer(self.comments[-1])

    def do_PATCH(self):
        comment = self.comments[int(self.path.rpartition("/")[2])]
        comment |= self._body()
        self._answer(comment)

    def _body(self):
        assert self.headers["Authorization"] == "Bearer of-github"
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, value):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def github():
    """Serve comments."""
    Comments.comments = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Comments) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def run(command, holdfast, github, tmp_path):
    """Run the action for an event; return the output of each step, by its name."""
    write_files(tmp_path)
    token = command.run("token", "create", "ci", "--for", "apply").output.strip()

    def run(event, *, expected=0, **inputs):
        all_inputs = {name: definition.get("default", "") for name, definition in ACTION["inputs"].items()}
        all_inputs |= {"url": holdfast.publisher_url, "token": token, "install": "false", "github-token": "of-github"}
        all_inputs |= {"files": "a.yaml"} | {name.replace("_", "-"): value for name, value in inputs.items()}
        assert all_inputs.keys() == ACTION["inputs"].keys()
        values = {f"inputs.{name}": value for name, value in all_inputs.items()}
        values |= {"github.event_name": event, "github.event.pull_request.number": "7"}
        outputs, logs = tmp_path / "outputs", {}
        base = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
        base |= {"RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(outputs), "GITHUB_ACTION_PATH": str(ROOT)}
        base |= {"GITHUB_API_URL": github, "GITHUB_REPOSITORY": "team/apis"}
        for step in ACTION["runs"]["steps"]:
            if not holds(step.get("if", ""), values):
                continue
            environment = {name: fill(str(value), values) for name, value in step["env"].items()}
            result = subprocess.run(
                ["/bin/bash", "-e", "-o", "pipefail", "-c", step["run"]],
                env=base | environment,
                cwd=tmp_path,
                text=True,
                capture_output=True,
                timeout=180,
                check=False,
            )
            logs[step["name"]] = result.stdout + result.stderr
            if outputs.exists():
                lines = [line.partition("=") for line in outputs.read_text().splitlines()]
                values |= {f"steps.plan.outputs.{name}": value for name, _, value in lines}
            if result.returncode:
                assert result.returncode == expected, logs
                return logs
        assert expected == 0, logs
        return logs

    yield run
    command("token", "revoke", "ci", "--yes")
    command("trust", "set", URL, "--tls-minimum", "1.2")


def holds(condition, values):
    """Evaluate the condition of a step, which is also Python except for && and ||."""
    text = condition.replace("&&", "and").replace("||", "or") or "True"
    for name in sorted(values, key=len, reverse=True):
        text = re.sub(rf"(?<![\w.]){re.escape(name)}(?![\w.-])", repr(values[name]), text)
    return bool(eval(text, {"__builtins__": {}}))  # noqa: S307 - of our own file


def fill(text, values):
    """Replace the expressions in a value."""
    return REFERENCE.sub(lambda match: values[match[1]], text)


def test_a_pull_request_gets_the_plan_as_a_comment_and_changes_nothing(run, command, tmp_path):
    logs = run("pull_request")
    assert list(logs) == ["Check the files", "Plan", "Comment on the pull request"]
    (comment,) = Comments.comments
    assert "+ create api Pizza:1\n" in comment["body"]
    assert command.run("api", "list", "--json").json["count"] == 0
    write_files(tmp_path, (tmp_path / "a.yaml").read_text().replace("wanted", "text with ``` in it"))
    run("pull_request")
    (comment,) = Comments.comments
    assert "\n````diff\n" in comment["body"]


def test_a_push_applies_the_plan(run, tmp_path):
    logs = run("push")
    assert list(logs) == ["Check the files", "Plan", "Apply"]
    assert logs["Apply"].endswith("Applied 5 changes.\n")
    assert run("push", wait="false")["Apply"].endswith("No changes.\n")
    assert Comments.comments == []
    (tmp_path / "b.yaml").write_text("holdfast: 1\napis: [{name: Burger, version: 1, description: '${TEXT}'}]")
    logs = run("push", wait="false", overlays="b.yaml", variables="TEXT=from $(id) here\n")
    assert "description: nothing -> from $(id) here" in logs["Apply"]


def test_without_a_token_files_are_only_checked(run, tmp_path):
    assert list(run("pull_request", token="")) == ["Check the files"]
    (tmp_path / "a.yaml").write_text("holdfast: 2")
    logs = run("pull_request", token="", expected=1)
    assert "Each file needs holdfast: 1" in logs["Check the files"]


def test_inputs_never_become_a_part_of_a_script():
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", ""), step["name"]
        assert re.search(r"@[0-9a-f]{40}$", step.get("uses", "@" + "0" * 40)), step["name"]
