"""Unknown HOLDFAST_* variables are reported with suggestions."""

import json
import re
import subprocess
from pathlib import Path

from holdfast.doctor import environment
from holdfast.server.settings import Settings
from holdfast.server.variables import OF_COMMANDS, RENAMED, find_unknown_variables
from running import COMMAND, Holdfast

CASES = {
    "HOLDFAST_GATWAY": "Did you mean HOLDFAST_GATEWAY?",
    "HOLDFAST_TLSCERT": "Did you mean HOLDFAST_TLS_CERT?",
    "HOLDFAST_ADMIN_PASSWD": "Did you mean HOLDFAST_ADMIN_PASSWORD?",
    "holdfast_gatway": "Did you mean HOLDFAST_GATEWAY?",
    "HOLDFAST_DRAIN": "It was renamed to HOLDFAST_BACKEND_DRAIN.",
    "HOLDFAST_COLOUR_OF_THE_SKY": "Remove it: Holdfast doesn't know it.",
}


def test_unknown_variables_come_with_suggestions():
    assert find_unknown_variables([*CASES, "PATH", "HOLD"]) == CASES


def test_settings_and_variables_of_commands_are_known_whatever_their_case():
    names = {f"HOLDFAST_{name.upper()}" for name in Settings.model_fields} | OF_COMMANDS
    assert find_unknown_variables([*names, *(name.lower() for name in names)]) == {}


def test_every_variable_that_sources_and_documents_name_is_known():
    root = Path(__file__).parents[2]
    files = [*root.glob("src/holdfast/**/*.py"), *root.glob("docs/**/*.md"), root / "README.md"]
    names = {name for file in files for name in re.findall(r"\bHOLDFAST_[A-Z_]*[A-Z]\b", file.read_text("utf-8"))}
    assert len(names) > 40
    assert find_unknown_variables(names).keys() <= {*RENAMED, "HOLDFAST_TABLES"}  # the last is for tests


def test_doctor_names_unknown_variables(monkeypatch):
    monkeypatch.setenv("HOLDFAST_GATWAY", "127.0.0.1:1")
    (check,) = [check for check in environment.check_variables() if "GATWAY" in check.text]
    assert (check.outcome, check.text, check.advice) == (
        "warning",
        "HOLDFAST_GATWAY isn't a setting of Holdfast and has no effect.",
        "Did you mean HOLDFAST_GATEWAY?",
    )


def test_a_start_logs_unknown_variables_without_their_values(tmp_path):
    holdfast = Holdfast(tmp_path, HOLDFAST_GATWAY="secret", HOLDFAST_ADMIN_PASSWORD="short")
    command = [COMMAND, "up", *holdfast.options()]
    process = subprocess.run(command, env=holdfast.environment, capture_output=True, timeout=60, check=False)
    warning, refusal = process.stderr.decode().splitlines()
    assert json.loads(warning)["variable"] == "HOLDFAST_GATWAY"
    assert json.loads(warning)["advice"] == "Did you mean HOLDFAST_GATEWAY?"
    assert "secret" not in warning
    assert refusal.startswith("holdfast: HOLDFAST_ADMIN_PASSWORD can't be used. Use at least 12 characters.")
