"""The documentation names everything that its readers will meet."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer.main

from holdfast.certificates.findings.examination import Code
from holdfast.cli.app import app
from holdfast.cli.declaration.format import DOCUMENT
from holdfast.cli.exit_codes import MEANINGS, ExitCode
from holdfast.demo.backend import MENU, PORT
from holdfast.demo.story import ALIAS
from holdfast.demo.tour import CONTEXT, VERSION
from holdfast.gateway.agent.metrics import read_metrics
from holdfast.gateway.control.reports import Report
from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.resources.local_replies import REPLIES
from holdfast.rest.prefixes import OTHERS, PREFIX
from holdfast.server.settings import Settings
from holdfast.services.access.scopes import SCOPES

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/holdfast"
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")]


def commands(group: Any, above: str = "") -> dict[str, Any]:
    """Return all commands below *group*, by name."""
    names: dict[str, Any] = {}
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        names |= commands(command, f"{name} ") if inner else {f"{above}{name}": command}
    return names


COMMANDS = commands(typer.main.get_command(app))


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def section(name: str, heading: str) -> str:
    """Return the text of the page *name* below *heading*, up to the next heading of its level or above."""
    text = page(name).partition(f"\n{heading}\n")[2]
    return re.split(rf"^#{{1,{heading.index(' ')}}} ", text, maxsplit=1, flags=re.MULTILINE)[0]


def test_the_table_of_settings_has_every_setting_and_option_and_no_other():
    rows = re.findall(r"^\| `HOLDFAST_(\w+)`(?:<br>`(--[a-z-]+)`)? \|", page("reference/settings.md"), re.MULTILINE)
    options = {option for setting in COMMANDS["up"].params for option in setting.opts} - {"--demo"}  # not a setting
    assert sorted(variable.lower() for variable, _ in rows) == sorted(Settings.model_fields)
    assert {option for _, option in rows if option} == options


def test_every_code_that_callers_get_is_in_the_page_of_causes():
    causes = {f"| {reply.status or ''} | `{reply.code}` |".replace("|  |", "| others |") for reply in REPLIES}
    assert {row for row in causes if row not in page("reference/causes.md")} == set()


def test_every_cause_of_a_failure_is_in_the_page_of_causes():
    assert {cause for cause in Cause if f"`{cause}`" not in page("reference/causes.md")} == set()


def test_every_finding_is_reported_somewhere_and_documented():
    sources = "".join(path.read_text() for path in (SOURCE / "certificates/findings").glob("*.py"))
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", page("reference/findings.md"), re.MULTILINE)) == set(Code)
    assert {code for code in Code if not re.search(rf"[Ff]inding\(\s*Code.{code.name},", sources)} == set()


def test_the_table_of_exit_codes_has_every_code_and_no_other():
    rows = re.findall(r"^\| (\d+) \|", section("reference/cli.md", "## In scripts"), re.MULTILINE)
    assert sorted(map(int, rows)) == sorted(map(int, ExitCode))
    assert {code for code in ExitCode if f"| {int(code)} | {MEANINGS[code]}" not in page("reference/cli.md")} == set()


def test_the_reference_of_commands_and_operations_is_that_of_the_code():
    tool = [sys.executable, str(ROOT / "tools/reference.py"), "--check"]
    check = subprocess.run(tool, capture_output=True, text=True, timeout=100, check=False)
    assert (check.returncode, check.stderr) == (0, "")


def test_every_option_in_the_documentation_is_there():
    parameters = [parameter for command in COMMANDS.values() for parameter in command.params]
    options = {option for parameter in parameters for option in (*parameter.opts, *parameter.secondary_opts)}
    common = {"--help", "--version", "--install-completion"}
    foreign = {
        *("--cert", "--key", "--fail"),  # curl
        *("--url", "--config"),  # openapi-python-client
        *("--detach", "--no-deps", "--rm", "--volumes", "--wait"),  # docker compose
        *("--from-file", "--from-literal", "--namespace", "--set", "--type"),  # kubectl and helm
        *(
            "--dbname",
            "--encoding",
            "--exit-on-error",
            "--file",
            "--format",
            "--no-owner",
            "--owner",
            "--role",
        ),  # pg_dump
        *("--single-transaction",),  # pg_restore
        *("--checkpoint", "--pgdata"),  # pg_basebackup
        *("--pwprompt", "--template"),  # createuser and createdb
        *("--now",),  # systemctl
        *("--apim", "--params", "--rotate-revision", "--skip-deployments", "--update", "--verbose"),  # apictl
        *("--all", "--dry-run", "--force", "--latest", "--preserve-credentials", "--rev"),  # apictl
        *("--vcs-source-repo-path", "--vcs-deployment-repo-path"),  # apictl
    }
    names = {name for document in DOCUMENTS for name in re.findall(r"(?<![\w-])--[a-z][a-z-]+", document.read_text())}
    assert names - options - common - foreign == set()


def test_every_command_in_the_documentation_is_there():
    words = [
        match.split()
        for document in DOCUMENTS
        for match in re.findall(r"(?m)(?:^ *(?:\$ )?|`)holdfast ([a-z][a-z-]*(?: [a-z][a-z-]*)?)", document.read_text())
    ]
    groups = {name.split()[0] for name in COMMANDS if " " in name}
    assert len(words) > 100
    unknown = [pair for pair in words if pair[0] not in COMMANDS and " ".join(pair) not in COMMANDS]
    assert [pair for pair in unknown if not (pair[0] in groups and len(pair) == 1)] == []


@pytest.mark.parametrize("path", ["README.md", "docs/tutorial/first-api.md"])
def test_the_readme_and_the_tutorial_tell_the_story_of_the_demo(path):
    story = {f"{CONTEXT}/{VERSION}/menu", f"https://localhost:{PORT}", ALIAS, "backend.pem"}
    story.add(json.dumps({"menu": MENU}, separators=(",", ":")))
    text = (ROOT / path).read_text()
    assert {item for item in story if item not in text} == set()


def test_the_table_of_metrics_has_every_metric_and_no_other():
    source = (SOURCE / "rest/publishing/metrics.py").read_text()
    families = re.findall(r'(Gauge|Counter|Info)\w*\(\s*"(\w+)"', source)
    endings = {"Counter": "_total", "Info": "_info"}
    metrics = {name + endings.get(kind, "") for kind, name in families}
    assert len(metrics) > 5
    now = datetime.now(UTC)
    metrics |= {metric.sample_name for metric in read_metrics(Report(now, now, "1"), now, is_ready=True)}
    assert set(re.findall(r"^\| `(\w+)` \|", page("reference/metrics.md"), re.MULTILINE)) == metrics


def test_every_check_of_doctor_is_in_its_section():
    source = "".join(path.read_text() for path in (SOURCE / "doctor").glob("*.py"))
    checks = set(re.findall(r'Check(?:\.(?:ok|warning|failed))?\(\s*"([^"]+)"', source))
    text = section("how-to/monitor.md", "## Find problems with `holdfast doctor`")
    assert len(checks) > 15
    assert {check for check in checks if check not in text} == set()


def test_every_background_task_is_in_the_page_about_running():
    tasks = re.findall(r'background\.start\("([^"]+)"', (SOURCE / "server/tasks.py").read_text())
    assert len(tasks) > 5
    assert {task for task in tasks if f"`{task}`" not in section("how-to/run.md", "## When something dies")} == set()


def test_every_field_that_apply_reads_is_in_its_page():
    sections, fields = [DOCUMENT], set()
    for part in sections:
        sections += [field.section for field in part.fields if field.section]
        fields |= {field.name for field in part.fields}
    assert len(fields) > 30
    assert {field for field in fields if f"`{field}`" not in page("reference/declaration.md")} == set()


def test_every_prefix_of_rest_is_in_the_rest_page():
    assert {prefix for prefix in (PREFIX, *OTHERS) if f"`{prefix}`" not in page("reference/rest.md")} == set()


def test_the_table_of_problem_types_has_every_type_with_its_status_and_no_other():
    sources = "".join(path.read_text() for path in SOURCE.rglob("*.py"))
    problems = {(name, status) for status, name in re.findall(r'Problem\((\d+), "([a-z-]+)"', sources)}
    assert len(problems) > 25
    assert set(re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", page("reference/problems.md"), re.MULTILINE)) == problems


@pytest.mark.parametrize("part", ["how-to", "reference", "concepts"])
def test_the_first_page_of_each_part_leads_to_all_its_pages(part):
    pages = {path.name for path in (ROOT / "docs" / part).glob("*.md")} - {"index.md"}
    assert {name for name in pages if f"]({name})" not in page(f"{part}/index.md")} == set()


def test_every_scope_is_in_the_page_of_scopes():
    assert {scope for scope in SCOPES if f"| `{scope}` |" not in page("reference/scopes.md")} == set()


def test_every_address_of_a_file_in_the_documentation_is_right():
    missing = [
        f"{document.name}: {target}"
        for document in DOCUMENTS
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert missing == []


def test_each_section_of_decisions_has_the_newest_first():
    sections = page("concepts/decisions.md").split("\n## ")[1:]
    dates = [re.findall(r"^\| (\d{4}-\d\d-\d\d) \|", part, re.MULTILINE) for part in sections]
    assert sum(map(len, dates)) > 250
    assert dates == [sorted(column, reverse=True) for column in dates]


@pytest.mark.parametrize(
    ("name", "module"),
    [("concepts/architecture.md", r"(?:\w+/)+\w+\.py"), ("concepts/threat-model.md", r"(?:\w+/)*\w+\.py")],
)
def test_every_module_that_a_page_names_is_there(name, module):
    paths = set(re.findall(f"`({module})`", page(name)))
    assert len(paths) > 10
    assert {path for path in paths if not (SOURCE / path).exists()} == set()


def test_every_heading_that_the_documentation_leads_to_is_there():
    def headings(document: Path) -> set[str]:
        titles = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
        # tools/docs_hooks.py gives these anchors.
        codes = re.findall(r"^\| `([a-z0-9_-]+)` \|", document.read_text(), re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in titles} | set(codes)

    missing = [
        f"{document.name}: {target}#{heading}"
        for document in DOCUMENTS
        for target, heading in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", document.read_text())
        if heading not in headings(document.parent / target if target else document)
    ]
    assert missing == []
