"""The documentation names everything that its readers will meet."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from holdfast import cli
from holdfast.certificates.findings import Code
from holdfast.cli.exit_codes import MEANINGS, ExitCode
from holdfast.gateway.causes import Cause
from holdfast.gateway.local_replies import REPLIES
from holdfast.rest.prefixes import OTHERS, PREFIX
from holdfast.services.scopes import SCOPES
from holdfast.settings import Settings

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/holdfast"


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def test_every_setting_is_in_the_operations_page():
    settings = {f"`HOLDFAST_{name.upper()}`" for name in Settings.model_fields}
    assert {name for name in settings if name not in page("operations.md")} == set()


def test_every_code_that_callers_get_is_in_the_trust_page():
    told = {f"| {each.status or ''} | `{each.code}` |".replace("|  |", "| others |") for each in REPLIES}
    assert {row for row in told if row not in page("trust.md")} == set()


def test_every_cause_of_a_failure_is_in_the_trust_page():
    assert {cause for cause in Cause if f"`{cause}`" not in page("trust.md")} == set()


def test_every_finding_is_in_the_findings_page_and_all_are_told():
    told = "".join(path.read_text() for path in (SOURCE / "certificates/judgements").glob("*.py"))
    assert {code for code in Code if f"| `{code}` |" not in page("findings.md")} == set()
    assert {code for code in Code if f"finding(Code.{code.name}, " not in told} == set()


def commands(group: Any, above: str = "") -> set[str]:
    """Name all commands below *group*."""
    found: set[str] = set()
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        found |= commands(command, f"{name} ") if inner else {f"{above}{name}"}
    return found


def test_every_exit_code_is_in_the_page_about_the_command_line():
    assert {code for code in ExitCode if f"| {int(code)} | {MEANINGS[code]}" not in page("cli.md")} == set()


def test_every_command_is_in_the_page_about_the_command_line():
    every = commands(typer.main.get_command(cli.app))
    assert {"login", "api list", "trust except", "apply"} <= every
    assert {command for command in every if f"`{command}`" not in page("cli.md")} == set()


def test_every_field_that_apply_reads_is_in_its_page():
    source = (SOURCE / "cli/declaration/reading.py").read_text()
    known = re.findall(r'fields\.(?:value|text|texts|flag)\("(\w+)"', source)
    assert len(known) > 15
    assert {field for field in known if f"`{field}`" not in page("apply.md")} == set()


def test_every_prefix_of_rest_is_in_the_rest_page():
    assert {prefix for prefix in (PREFIX, *OTHERS) if f"`{prefix}`" not in page("rest.md")} == set()


def test_every_scope_is_in_the_page_about_accounts():
    assert {scope for scope in SCOPES if f"| `{scope}` |" not in page("accounts.md")} == set()


def test_every_address_of_a_file_in_the_documentation_is_right():
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md")]
    missing = [
        f"{document.name}: {target}"
        for document in documents
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert missing == []


@pytest.mark.parametrize(("name", "module"), [("map.md", r"(?:\w+/)+\w+\.py"), ("security.md", r"(?:\w+/)*\w+\.py")])
def test_every_module_that_a_page_names_is_there(name, module):
    named = set(re.findall(f"`({module})`", page(name)))
    assert len(named) > 10
    assert {path for path in named if not (SOURCE / path).exists()} == set()


def test_every_heading_that_the_documentation_leads_to_is_there():
    def headings(document: Path) -> set[str]:
        found = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}

    missing = [
        f"{document.name}: {target}#{heading}"
        for document in (ROOT / "docs").glob("*.md")
        for target, heading in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", document.read_text())
        if heading not in headings(document.parent / target if target else document)
    ]
    assert missing == []
