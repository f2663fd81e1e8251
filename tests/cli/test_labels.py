"""Labels keep two pipelines from changing or deleting each other's objects."""

import pytest

from issuing import issue

pytestmark = pytest.mark.envoy
URL = "https://127.0.0.1:{}"


@pytest.fixture
def team(tmp_path, command):
    """Write the file of a team: an API, its certificate and its trust settings."""
    ports = {}

    def team(name, *, apis=True, label=True, tls="1.3"):
        if name not in ports:
            (tmp_path / f"{name}.pem").write_bytes(issue(f"{name}.example").pem)
        port = ports.setdefault(name, 8500 + len(ports))
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
    for name, port in ports.items():  # trust settings outlive their API
        command("api", "create", f"last {name}", f"/last-{name}", "1", "--production", URL.format(port))
        command("api", "delete", f"last {name}", "--delete-unused-certificates", "--yes")


def apply(command, file, *arguments):
    command.run("apply", "-f", file, "--yes", *arguments)
    assert command("diff", "-f", file, *arguments).code == 0


def list_objects(command):
    apis = command.run("api", "list", "--json").json["list"]
    certificates = command.run("certificate", "list", "--json").json["list"]
    return sorted(api["name"] for api in apis), sorted(entry["alias"] for entry in certificates)


def test_two_pipelines_with_prune_keep_each_others_objects(command, team):
    apply(command, team("a"), "--prune")
    apply(command, team("b"), "--prune")
    command.run("api", "create", "by-hand", "/by-hand", "1")
    assert list_objects(command) == (["a", "b", "by-hand"], ["a", "b"])
    apply(command, team("a"), "--prune")
    apply(command, team("a", apis=False), "--prune")
    assert list_objects(command) == (["b", "by-hand"], ["b"])
    without_label = team("c", label=False)
    apply(command, without_label, "--prune")
    assert list_objects(command) == (["b", "c"], ["b", "c"])


def test_objects_of_other_files_are_not_changed(command, team):
    apply(command, team("a"))
    file = team("a", label=False, tls="1.2")
    assert "has the label a, so it belongs to other files." in command.fail("diff", "-f", file)
    assert command("diff", "-f", team("a", label=False)).code == 0
    file.write_text(file.read_text().replace("holdfast: 1", "holdfast: 1\nlabel: b"))
    message = command.fail("diff", "-f", file)
    assert message.count("has the label a, so it belongs to other files.") == 3
    (api,) = command.run("label", "list", "--label", "a", "--json").json["list"][:1]
    command.run("label", "set", "api", "a:1", "a", "b")
    assert command.fail("diff", "-f", file).count("has the label a,") == 2
    assert api["kind"] == "api"
    rows = [line.split() for line in command.run("label", "list").output.splitlines()]
    assert ["api", "a:1", "a,", "b"] in rows
    assert api["object"] in command.run("label", "list", "-o", "wide").output


def test_objects_without_a_label_get_that_of_the_files(command, team):
    apply(command, team("a", label=False))
    result = command("diff", "-f", team("a"), "--json")
    assert [(step["action"], step["kind"]) for step in result.json["changes"]] == [
        ("label", "api"),
        ("label", "certificate"),
        ("label", "trust"),
    ]
    apply(command, team("a"))
    labels = command.run("label", "list", "--json").json["list"]
    assert {(entry["kind"], tuple(entry["labels"])) for entry in labels} == {
        ("api", ("a",)),
        ("certificate", ("a",)),
        ("trust", ("a",)),
    }
    assert command("diff", "-f", team("a", label=False), "--label", "a").code == 0
    command.fail("diff", "-f", team("a"), "--label", "b", code=2)


def test_a_plan_shows_the_trust_settings_that_an_api_left(command, team):
    file = team("a")
    apply(command, file)
    command.run("api", "delete", "a", "--yes")
    command.run("certificate", "delete", "a", "--yes")
    file = team("a", tls="1.2")
    result = command("diff", "-f", file, "--json")
    (trust,) = [step for step in result.json["changes"] if step["kind"] == "trust"]
    assert trust["details"] == [{"field": "tlsMinimum", "before": "1.3", "after": "1.2"}]
    apply(command, file)
