"""`holdfast apply` applies files to an organization; `diff` shows what that would change."""

import re

import pytest

from issuing import DAY, issue, revoke

pytestmark = pytest.mark.envoy

FILE = """
holdfast: 1
apis:
  - name: Pizza
    context: /pizza
    version: 1.0
    description: "What is on the menu:\\nall of it"
    state: published
    production: https://127.0.0.1:8443/base
    sandbox: http://127.0.0.1:8444
certificates:
  - alias: pizza
    endpoint: https://127.0.0.1:8443
    file: certificates/pizza.pem
trust:
  - endpoint: https://127.0.0.1:8443
    names: [pizza.example, 192.0.2.1]
    tlsMinimum: 1.3
"""


@pytest.fixture
def folder(tmp_path):
    """A directory with a file that has an API, its certificate and its trust settings."""
    (tmp_path / "wanted/certificates").mkdir(parents=True)
    (tmp_path / "wanted/holdfast.yaml").write_text(FILE)
    (tmp_path / "wanted/certificates/pizza.pem").write_bytes(issue("pizza.example").pem)
    return tmp_path / "wanted"


@pytest.fixture
def file(folder):
    return folder / "holdfast.yaml"


@pytest.fixture(autouse=True)
def _without_trust_settings(command):
    """Reset trust settings, which outlive their API, for the next test."""
    yield
    command("api", "create", "Last", "/last", "1", "--production", "https://127.0.0.1:8443")
    command("trust", "set", "https://127.0.0.1:8443", "--names", "none", "--tls-minimum", "1.2", "--crls", "none")


def edit(file, *changes):
    text = file.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    file.write_text(text)


def name_file(target):
    """Return the file that an export to *target* reports."""
    return target if target.suffix else target / "holdfast.yaml"


def list_steps(command, file, *arguments):
    """Return the changes that diff shows, in short."""
    result = command("diff", "-f", file, *arguments, "--json")
    assert result.code == (5 if result.json["count"] else 0), result
    return [f"{change['action']} {change['kind']} {change['name']}" for change in result.json["changes"]]


def test_apply_changes_nothing_the_second_time(command, file):
    expected = [
        "create api Pizza:1.0",
        "create certificate pizza",
        "change trust https://127.0.0.1:8443",
        "move api Pizza:1.0",
    ]
    assert list_steps(command, file) == expected
    result = command.process("apply", "-f", str(file), "--yes")
    assert (result.code, result.errors) == (0, "")
    assert [line for line in result.output.splitlines() if line[0] in "+~-"] == [
        f"{'+' if step.startswith('create') else '~'} {step}" for step in expected
    ]
    assert result.output.endswith("Applied 4 changes.\n")
    assert list_steps(command, file) == []
    assert command.run("apply", "-f", file).output == "No changes.\n"
    assert command.run("api", "show", "Pizza", "--json").json["description"] == "What is on the menu:\nall of it"


def test_diff_exits_with_5_for_differences_0_for_none_and_1_for_errors(command, file, tmp_path):
    assert command("diff", "-f", file).code == 5
    command.run("apply", "-f", file, "--yes")
    assert command("diff", "-f", file).code == 0
    assert command("diff", "-f", tmp_path / "missing.yaml").code == 1
    edit(file, ("context: /pizza", "context: /t/pizza"))
    assert command("diff", "-f", file).code == 1


def test_diff_shows_changes_and_makes_none(command, file, folder):
    command.run("apply", "-f", file, "--yes")
    edit(file, ("all of it", "most of it"), ("    sandbox: http://127.0.0.1:8444\n", ""), ("192.0.2.1", "192.0.2.2"))
    (folder / "certificates/pizza.pem").write_bytes(issue("new.example").pem)
    for _ in range(2):
        output = command("diff", "-f", file).output
        assert "~ change api Pizza:1.0\n" in output
        assert "    sandbox: http://127.0.0.1:8444 -> nothing\n" in output
        assert "    names: pizza.example, 192.0.2.1 -> pizza.example, 192.0.2.2\n" in output
        certificate = r"CN=\S+, expires \d{4}-\d\d-\d\d, SHA-256 ([0-9A-F]{2}:){7}[0-9A-F]{2}\.\.\.\n"
        of_it = rf"~ change certificate pizza\n    trusts: {certificate}    keeps as previous: {certificate}"
        assert re.search(of_it, output), output


def test_equivalent_values_in_other_order_or_case_are_not_a_difference(command, file):
    command.run("apply", "-f", file, "--yes")
    edit(
        file,
        ("[pizza.example, 192.0.2.1]", "['192.0.2.1', PIZZA.example]"),
        ("context: /pizza", "context: pizza/"),
        ("endpoint: https://127.0.0.1:8443", "endpoint: HTTPS://127.0.0.1:8443/other"),
    )
    assert list_steps(command, file) == []


def test_apply_changes_nothing_without_confirmation(command, file):
    assert "Apply 4 changes? [y/N]" in command.fail("apply", "-f", file, stdin="n\n")
    assert "No answer. Nothing was changed. Use --yes" in command.fail("apply", "-f", file)
    assert command.run("api", "list", "--json").json["count"] == 0
    assert command.run("apply", "-f", file, stdin="y\n").output.endswith("Applied 4 changes.\n")


def test_apply_reports_its_changes_as_json(command, file):
    result = command.run("apply", "-f", file, "--yes", "--json")
    assert (result.json["count"], result.errors) == (4, "")
    assert result.json["changes"][0]["details"][0] == {"field": "context", "before": None, "after": "/pizza"}
    assert command.run("apply", "-f", file, "--yes", "--json").json == {
        "count": 0,
        "changes": [],
        "verificationOff": [],
        "notes": [],
    }
    assert {change["result"] for change in result.json["changes"]} == {"applied"}


def test_apply_waits_until_gateways_enforce_the_changes(command, file):
    result = command.run("apply", "-f", file, "--yes", "--wait")
    assert result.output.endswith("Applied 4 changes.\n")
    body = command.run("certificate", "show", "pizza", "--json").json
    assert body["enforcement"]["progress"] == "enforced"
    edit(file, ("state: published", "state: created"))
    command.run("apply", "-f", file, "--yes", "--wait")


def test_a_changed_endpoint_is_trusted_right_away(command, file):
    command.run("apply", "-f", file, "--yes")
    edit(file, ("8443", "9443"))
    assert list_steps(command, file) == [
        "change api Pizza:1.0",
        "change certificate pizza",
        "change trust https://127.0.0.1:9443",
    ]
    command.run("apply", "-f", file, "--yes")
    assert command.run("certificate", "show", "pizza", "--json").json["endpoint"] == "https://127.0.0.1:9443"
    assert list_steps(command, file) == []


def test_apply_takes_the_shortest_path_through_the_lifecycle(command, file):
    command.run("apply", "-f", file, "--yes")
    for state in ("deprecated", "created", "retired"):
        file.write_text(re.sub(r"state: \w+", f"state: {state}", file.read_text()))
        command.run("apply", "-f", file, "--yes")
        assert command.run("api", "show", "Pizza", "--json").json["lifeCycleStatus"] == state.upper()
    edit(file, ("state: retired", "state: published"))
    message = command.fail("apply", "-f", file, "--yes")
    assert f"{file}:4: apis[0]: Pizza 1.0 is retired and can't become published." in message


def test_a_state_in_no_file_stays(command, file):
    command.run("apply", "-f", file, "--yes")
    edit(file, ("    state: published\n", ""))
    command.run("api", "demote", "Pizza")
    assert list_steps(command, file) == []


def test_a_context_cannot_be_changed(command, file):
    command.run("apply", "-f", file, "--yes")
    edit(file, ("context: /pizza", "context: /pasta"))
    message = command.fail("apply", "-f", file, "--yes")
    assert "Pizza 1.0 has the context /pizza, which can't change. Delete the API first." in message


def test_only_prune_deletes_objects_that_are_in_no_file(command, file):
    command.run("apply", "-f", file, "--yes")
    command.run("api", "create", "Old", "/old", "1")
    command.run("certificate", "add", "old", "https://127.0.0.1:8443", "-", stdin=issue("old.example").pem)
    assert list_steps(command, file) == []
    assert list_steps(command, file, "--prune") == ["delete api Old:1", "delete certificate old"]
    message = command.fail("apply", "-f", file, "--prune", stdin="n\n")
    assert "Apply 2 changes, including 2 deletions? [y/N]" in message
    command.run("apply", "-f", file, "--prune", "--yes")
    assert list_steps(command, file, "--prune") == []
    assert command.run("api", "list", "--json").json["count"] == 1


def test_apply_reports_certificates_that_become_unused(command, file):
    command.run("apply", "-f", file, "--yes")
    command.run("certificate", "add", "old", "https://127.0.0.1:8443", "-", stdin=issue("old.example").pem)
    edit(file, ("8443", "9443"))
    assert (
        "No API uses these certificates, but they stay trusted: old."
        in command.run("apply", "-f", file, "--yes").errors
    )
    edit(file, ("menu", "new menu"))
    command.run("certificate", "delete", "old", "--yes")
    assert "No API uses" not in command.run("apply", "-f", file, "--yes").errors


def test_prune_ignores_kinds_that_no_file_lists(command, file, tmp_path):
    command.run("apply", "-f", file, "--yes")
    (tmp_path / "empty.yaml").write_text("holdfast: 1\n")
    assert list_steps(command, tmp_path / "empty.yaml", "--prune") == []
    (tmp_path / "empty.yaml").write_text("holdfast: 1\ncertificates: []\n")
    assert list_steps(command, tmp_path / "empty.yaml", "--prune") == ["delete certificate pizza"]


def test_an_api_can_be_renamed_by_pruning_the_old_one(command, file):
    command.run("apply", "-f", file, "--yes")
    edit(file, ("name: Pizza", "name: Pizzeria"))
    assert list_steps(command, file, "--prune") == [
        "delete api Pizza:1.0",
        "create api Pizzeria:1.0",
        "move api Pizzeria:1.0",
    ]
    command.run("apply", "-f", file, "--prune", "--yes")
    assert list_steps(command, file, "--prune") == []


@pytest.mark.parametrize("target", ["-", "out", "out.yaml"])
def test_an_export_equals_the_current_state(command, file, tmp_path, target):
    command.run("apply", "-f", file, "--yes")
    command.run("api", "create", "Empty", "/empty", "1.10", "--description", ": { 'yes'")
    chain = issue("chain.example", by=issue(ca=True, common_name="Root"))
    command.run("certificate", "add", "zwölf", "https://127.0.0.1:8443", "-", stdin=chain.chain_pem + file.read_bytes())
    if target == "-":
        export = command.process("export")
        result = command.process("apply", "-f", "-", "--prune", "--yes", stdin=export.output)
    else:
        command.run("export", "-o", tmp_path / target)
        result = command.run("apply", "-f", tmp_path / target, "--prune", "--yes")
    assert (result.code, result.output) == (0, "No changes.\n")


def test_an_export_recreates_the_same_state(command, file, tmp_path):
    command.run("apply", "-f", file, "--yes")
    command.run("export", "-o", tmp_path / "out")
    first = (tmp_path / "out/holdfast.yaml").read_text()
    command.run("api", "delete", "Pizza", "--yes")
    command.run("certificate", "delete", "pizza", "--yes")
    command.run("apply", "-f", tmp_path / "out", "--yes")
    command.run("export", "-o", tmp_path / "out")
    assert (tmp_path / "out/holdfast.yaml").read_text() == first
    assert "PRIVATE" not in first + (tmp_path / "out/certificates/pizza.pem").read_text()


@pytest.fixture
def file_with_crls(file, folder):
    """The file, with two CRLs of its backend's CAs."""
    crls = revoke(issue(ca=True, common_name="One")) + revoke(issue(ca=True, common_name="Two"))
    (folder / "crls.pem").write_bytes(crls)
    edit(file, ("    tlsMinimum: 1.3\n", "    tlsMinimum: 1.3\n    crlFile: crls.pem\n"))
    return file


def test_crls_come_from_files_and_stay_if_omitted(command, file_with_crls, folder):
    command.run("apply", "-f", file_with_crls, "--yes")
    assert list_steps(command, file_with_crls) == []
    edit(file_with_crls, ("    crlFile: crls.pem\n", ""))
    assert list_steps(command, file_with_crls) == []
    edit(file_with_crls, ("tlsMinimum: 1.3\n", "tlsMinimum: 1.3\n    crlFile: crls.pem\n"))
    (folder / "crls.pem").write_bytes(revoke(issue(ca=True, common_name="One")))
    assert list_steps(command, file_with_crls) == ["change trust https://127.0.0.1:8443"]
    edit(file_with_crls, ("crlFile: crls.pem", "crls: ''"))
    assert list_steps(command, file_with_crls) == ["change trust https://127.0.0.1:8443"]


def test_an_empty_organization_is_exported_to_a_folder(command, tmp_path):
    command.run("export", "-o", tmp_path / "new/out")
    assert command.run("apply", "-f", tmp_path / "new/out").output == "No changes.\n"


@pytest.mark.parametrize("target", ["out", "out.yaml"])
def test_exported_crls_recreate_the_same_trust_elsewhere(command, file_with_crls, folder, tmp_path, target):
    command.run("apply", "-f", file_with_crls, "--yes")
    before = command.run("trust", "show", "https://127.0.0.1:8443", "--json").json
    assert command.run("export", "-o", tmp_path / target).errors == f"Wrote {name_file(tmp_path / target)}.\n"
    assert list_steps(command, tmp_path / target) == []
    command.run("trust", "set", "https://127.0.0.1:8443", "--crls", "none", "--tls-minimum", "1.2")
    command.run("apply", "-f", tmp_path / target, "--yes")
    after = command.run("trust", "show", "https://127.0.0.1:8443", "--json").json
    assert (after["crls"], after["tlsMinimum"]) == (before["crls"], "1.3")
    assert len(after["crls"]) == 2
    if target == "out":
        (crls,) = (tmp_path / "out/crls").iterdir()
        assert crls.name == "127.0.0.1%3A8443.pem"
        assert crls.read_bytes() == (folder / "crls.pem").read_bytes()


def test_an_export_without_crls_removes_crls_elsewhere(command, file, folder, tmp_path):
    command.run("apply", "-f", file, "--yes")
    command.run("export", "-o", tmp_path / "out")
    (folder / "crls.pem").write_bytes(revoke(issue(ca=True)))
    command.run("trust", "set", "https://127.0.0.1:8443", "--crls", folder / "crls.pem")
    assert list_steps(command, tmp_path / "out") == ["change trust https://127.0.0.1:8443"]
    command.run("apply", "-f", tmp_path / "out", "--yes")
    assert command.run("trust", "show", "https://127.0.0.1:8443", "--json").json["crls"] == []


def test_impossible_changes_are_reported_before_any_change(command, file, folder):
    (folder / "certificates/pizza.pem").write_bytes(issue("a", start=-10 * DAY, end=-DAY).pem)
    edit(file, ("trust:\n  - endpoint: https://127.0.0.1:8443", "trust:\n  - endpoint: https://nobody.example"))
    message = command.fail("apply", "-f", file, "--yes")
    assert f"{file}:14: certificates[0].file: All of its certificates have expired." in message
    assert f"{file}:16: trust[0]: No API has an endpoint at https://nobody.example." in message
    assert command.run("api", "list", "--json").json["count"] == 0


def test_several_files_and_directories_are_merged(command, file, folder, tmp_path):
    (folder / "more.yml").write_text("holdfast: 1\napis: [{name: Burger, context: /burger, version: 1}]\n")
    (tmp_path / "third.yaml").write_text("holdfast: 1\napis: [{name: Pasta, context: /pasta, version: 1}]\n")
    command.run("apply", "-f", folder, "-f", tmp_path / "third.yaml", "--yes")
    assert command.run("api", "list", "--json").json["count"] == 3
    message = command.fail("apply", "-f", folder, "-f", file, "--yes")
    assert f"{file}:4: apis[0]: Duplicate API Pizza 1.0, first at {file}:4." in message


def test_exceptions_are_shown_with_reason_and_expiry(command, file):
    command.run("apply", "-f", file, "--yes")
    command.run("trust", "except", "https://127.0.0.1:8443", "--reason", "renewed today", "--for", "2h")
    try:
        result = command.run("diff", "-f", file)
        assert re.fullmatch(
            r"No changes\.\n"
            r"! Verification is off for https://127\.0\.0\.1:8443 until \d{4}-\d\d-\d\d \d\d:\d\d UTC\. "
            r"Reason \(admin\): "
            r"renewed today\n",
            result.output,
        )
        (off,) = command.run("diff", "-f", file, "--json").json["verificationOff"]
        assert (off["origin"], off["reason"], off["owner"]) == ("https://127.0.0.1:8443", "renewed today", "admin")
        assert "! Verification is off for https://127.0.0.1:8443" in command.run("apply", "-f", file).output
    finally:
        command.run("trust", "verify", "https://127.0.0.1:8443")


def test_a_plan_is_readable_in_40_columns(command, file):
    output = command("diff", "-f", file, COLUMNS="40").output
    assert re.search(r"^ +(SHA-256 )?([0-9A-F]{2}:){7}[0-9A-F]{2}\.\.\.$", output, re.MULTILINE), output
    assert "    production:\n      https://127.0.0.1:8443/base\n" in output
    assert max(map(len, output.splitlines())) <= 40


def test_unused_certificates_are_not_exported(command, file, tmp_path):
    command.run("apply", "-f", file, "--yes")
    command.run("api", "create", "Old", "/old", "1", "--production", "https://127.0.0.1:9443")
    command.run("certificate", "add", "old", "https://127.0.0.1:9443", "-", stdin=issue("old.example").pem)
    command.run("api", "delete", "Old", "--yes")
    errors = command.run("export", "-o", tmp_path / "out").errors
    assert "Skipped certificate old: no API has an endpoint at https://127.0.0.1:9443," in errors
    assert sorted(file.name for file in (tmp_path / "out/certificates").iterdir()) == ["pizza.pem"]


def test_trust_settings_that_an_api_left_are_shown_and_changed(command, file):
    edit(file, ("    names: [pizza.example, 192.0.2.1]\n    tlsMinimum: 1.3\n", ""))
    command.run("apply", "-f", file, "--yes")
    command.run("trust", "set", "https://127.0.0.1:8443", "--names", "left.example")
    command.run("api", "delete", "Pizza", "--yes")
    command.run("certificate", "delete", "pizza", "--yes")
    output = command.run("apply", "-f", file, "--yes").output
    assert "~ change trust https://127.0.0.1:8443\n    names: left.example -> nothing\n" in output
    assert command.run("trust", "show", "https://127.0.0.1:8443", "--json").json["names"] == []
    assert list_steps(command, file) == []
