"""`holdfast diff --out` writes a plan, and `holdfast apply PLAN` makes exactly these changes or none."""

import json

import pytest

from cli.applying import URL, write_files
from issuing import issue

pytestmark = pytest.mark.envoy


@pytest.fixture
def plan(command, tmp_path):
    """Write files and plan their changes."""
    write_files(tmp_path)

    def plan(*arguments):
        result = command("diff", "-f", tmp_path / "a.yaml", "--out", tmp_path / "plan.json", *arguments)
        assert result.code == 5, result
        return tmp_path / "plan.json"

    yield plan
    command("trust", "set", URL, "--tls-minimum", "1.2")


def test_a_plan_is_applied_without_a_question_and_only_once(command, plan):
    path = plan()
    assert command.run("apply", path).output.endswith("Applied 5 changes.\n")
    message = command.fail("apply", path, code=8)
    assert message.startswith("holdfast: The plan is stale. Nothing was changed.\n")
    assert "create api Burger:1: no longer needed, because it was already changed\n" in message


def test_a_plan_is_refused_after_its_files_have_changed(command, plan, tmp_path):
    path = plan()
    (tmp_path / "pizza.pem").write_bytes(issue("other.example").pem)
    message = command.fail("apply", path, code=8)
    assert f"  {tmp_path}/pizza.pem: this file has changed\n" in message
    write_files(tmp_path, (tmp_path / "a.yaml").read_text().replace("/burger", "/burgers"))
    assert f"  {tmp_path}/a.yaml: this file has changed\n" in command.fail("apply", path, code=8)
    assert command.run("api", "list", "--json").json["count"] == 0


def test_a_plan_is_refused_after_the_publisher_has_changed(command, plan):
    command.run("api", "create", "Pizza", "/pizza", "1", "--description", "first")
    path = plan()
    command.run("api", "set", "Pizza", "--description", "second")
    message = command.fail("apply", path, code=8)
    assert "change api Pizza:1: description is second -> wanted, and the plan says first -> wanted\n" in message
    path = plan()
    command.run("api", "set", "Pizza", "--tag", "hot")
    assert "change api Pizza:1: someone else has changed it\n" in command.fail("apply", path, code=8)
    command.run("apply", plan())


def test_a_plan_with_prune_deletes_only_what_it_shows(command, plan):
    command.run("api", "create", "Old", "/old", "1")
    path = plan("--prune")
    command.run("api", "create", "New", "/new", "1")
    assert "delete api New:1: not in the plan\n" in command.fail("apply", path, code=8)
    path = plan("--prune")
    command.run("apply", path)
    names = [api["name"] for api in command.run("api", "list", "--json").json["list"]]
    assert names == ["Burger", "Pizza"]


def test_a_file_that_is_not_a_plan_is_refused_with_the_option_for_it(command, tmp_path):
    (tmp_path / "a.yaml").write_text("holdfast: 1\n")
    message = command.fail("apply", tmp_path / "a.yaml")
    assert f"or apply the file itself: `-f {tmp_path / 'a.yaml'}`" in message
    assert f"To apply its files, use `-f {tmp_path}`." in command.fail("apply", tmp_path)


def test_a_plan_is_bound_to_publisher_and_organization(command, plan):
    path = plan()
    body = json.loads(path.read_text())
    for member, value in (("publisher", "https://other.example"), ("organization", "other")):
        path.write_text(json.dumps(body | {member: value}))
        assert "The plan is for organization" in command.fail("apply", path)


def test_an_edited_plan_makes_no_other_change(command, plan):
    path = plan()
    body = json.loads(path.read_text())
    body["changes"] = body["changes"][1:]
    path.write_text(json.dumps(body))
    assert "create api Burger:1: not in the plan\n" in command.fail("apply", path, code=8)
    for text in (
        "",
        "{}",
        "[]",
        '{"holdfastPlan": 1}',
        '{"holdfastPlan": 2}',
        "[" * 10_000,
        json.dumps(body | {"changes": [1]}),
    ):
        path.write_text(text)
        assert str(path) in command.fail("apply", path)


def test_a_plan_contains_no_configuration(plan, tmp_path):
    text = plan().read_text()
    assert "BEGIN CERTIFICATE" not in text
    assert (tmp_path / "pizza.pem").read_text()[100:150] not in text


def test_options_that_a_plan_decides_are_refused(command, plan, tmp_path):
    path = plan()
    for arguments in ([], [path, "-f", tmp_path / "a.yaml"], [path, "--prune"], [path, "--overlay", "x"]):
        command.fail("apply", *arguments, code=2)
    message = command.fail("diff", "-f", "-", "--out", path, code=2, stdin="holdfast: 1\napis: []")
    assert "Standard input can't be read again" in message
