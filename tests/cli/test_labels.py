"""Labels keep two pipelines from changing or deleting each other's objects."""

import pytest

from issuing import issue

pytestmark = pytest.mark.envoy
URL = "https://127.0.0.1:{}"


@pytest.fixture
def team(tmp_path, command):
    """Write the file of a team: an API, its certificate and its trust settings."""
    created = {}

    def team(name, *, apis=True, label=True, tls="1.3"):
        if name not in created:
            (tmp_path / f"{name}.pem").write_bytes(issue(f"{name}.example").pem)
        port = created.setdefault(name, 8500 + len(created))
        file = tmp_path / f"{name}.yaml"
        url = URL.format(port)
        lines = ["holdfast: 1", *([f"label: {name}"] if label else [])]
        lines += ["apis:" if apis else "apis: []", "certificates:" if apis else "certificates: []"]
        api = f"- {{name: {name}, context: /{name}, version: 1, production: '{url}'}}"
        certificate = f"- {{alias: {name}, endpoint: '{url}', file: {name}.pem}}"
        trust = ["trust:", f"- {{endpoint: '{url}', tlsMinimum: {tls}}}"]
        file.write_text("\n".join([*lines[:-1], *([api] * apis), lines[-1], *([certificate] * apis), *(trust * apis)]))
        return file

    yield team
    for name, port in created.items():  # trust settings outlive their API
        command("api", "create", f"last {name}", f"/last-{name}", "1", "--production", URL.format(port))
        command("api", "delete", f"last {name}", "--delete-unused-certificates", "--yes")


def apply(command, file, *arguments):
    command.done("apply", "-f", file, "--yes", *arguments)
    assert command("diff", "-f", file, *arguments).code == 0


def objects(command):
    apis = command.done("api", "list", "--json").json["list"]
    certificates = command.done("certificate", "list", "--json").json["list"]
    return sorted(api["name"] for api in apis), sorted(each["alias"] for each in certificates)


def test_two_pipelines_with_prune_keep_each_others_objects(command, team):
    apply(command, team("a"), "--prune")
    apply(command, team("b"), "--prune")
    command.done("api", "create", "by-hand", "/by-hand", "1")
    assert objects(command) == (["a", "b", "by-hand"], ["a", "b"])
    apply(command, team("a"), "--prune")
    apply(command, team("a", apis=False), "--prune")
    assert objects(command) == (["b", "by-hand"], ["b"])
    unlabeled = team("c", label=False)
    apply(command, unlabeled, "--prune")
    assert objects(command) == (["b", "c"], ["b", "c"])


def test_objects_of_other_files_are_not_changed(command, team):
    apply(command, team("a"))
    file = team("a", label=False, tls="1.2")
    assert "has the label a, so it belongs to other files." in command.refused("diff", "-f", file)
    assert command("diff", "-f", team("a", label=False)).code == 0
    file.write_text(file.read_text().replace("holdfast: 1", "holdfast: 1\nlabel: b"))
    said = command.refused("diff", "-f", file)
    assert said.count("has the label a, so it belongs to other files.") == 3
    (api,) = command.done("label", "list", "--label", "a", "--json").json["list"][:1]
    command.done("label", "set", "api", "a:1", "a", "b")
    assert command.refused("diff", "-f", file).count("has the label a,") == 2
    assert api["kind"] == "api"


def test_objects_without_a_label_get_that_of_the_files(command, team):
    apply(command, team("a", label=False))
    ended = command("diff", "-f", team("a"), "--json")
    assert [(step["action"], step["kind"]) for step in ended.json["changes"]] == [
        ("label", "api"),
        ("label", "certificate"),
        ("label", "trust"),
    ]
    apply(command, team("a"))
    labels = command.done("label", "list", "--json").json["list"]
    assert {(each["kind"], tuple(each["labels"])) for each in labels} == {
        ("api", ("a",)),
        ("certificate", ("a",)),
        ("trust", ("a",)),
    }
    assert command("diff", "-f", team("a", label=False), "--label", "a").code == 0
    command.refused("diff", "-f", team("a"), "--label", "b", code=2)


def test_a_plan_shows_the_trust_settings_that_an_api_left(command, team):
    file = team("a")
    apply(command, file)
    command.done("api", "delete", "a", "--yes")
    command.done("certificate", "delete", "a", "--yes")
    file = team("a", tls="1.2")
    ended = command("diff", "-f", file, "--json")
    (trust,) = [step for step in ended.json["changes"] if step["kind"] == "trust"]
    assert trust["details"] == [{"field": "tlsMinimum", "before": "1.3", "after": "1.2"}]
    apply(command, file)
