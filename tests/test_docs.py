"""The documentation names everything that its readers will meet."""

import re
from pathlib import Path

from holdfast.gateway.causes import Cause
from holdfast.rest.prefixes import OTHERS, PREFIX
from holdfast.settings import Settings

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/holdfast"


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def test_every_setting_is_in_the_operations_page():
    settings = {f"`HOLDFAST_{name.upper()}`" for name in Settings.model_fields}
    assert {name for name in settings if name not in page("operations.md")} == set()


def test_every_code_that_callers_get_is_in_the_trust_page():
    codes = set(
        re.findall(r'_reply\([^"]*(?:"[A-Z]+"\))?, (\d+), "(\w+)"', (SOURCE / "gateway/listeners.py").read_text())
    )
    assert len(codes) == 4
    assert {code for status, code in codes if f"| {status} | `{code}` |" not in page("trust.md")} == set()


def test_every_cause_of_a_failure_is_in_the_trust_page():
    assert {cause for cause in Cause if f"`{cause}`" not in page("trust.md")} == set()


def test_every_finding_is_in_the_trust_page():
    codes = set(re.findall(r'_finding\(certificate, "([a-z-]+)"', (SOURCE / "certificates/findings.py").read_text()))
    assert len(codes) >= 8
    assert {code for code in codes if f"`{code}`" not in page("trust.md")} == set()


def test_every_prefix_of_rest_is_in_the_rest_page():
    assert {prefix for prefix in (PREFIX, *OTHERS) if f"`{prefix}`" not in page("rest.md")} == set()


def test_every_address_of_a_file_in_the_documentation_is_right():
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    missing = [
        f"{document.name}: {target}"
        for document in documents
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert missing == []


def test_every_module_that_the_map_names_is_there():
    named = set(re.findall(r"`((?:\w+/)+\w+\.py)`", page("map.md")))
    assert len(named) > 10
    assert {path for path in named if not (SOURCE / path).exists()} == set()
