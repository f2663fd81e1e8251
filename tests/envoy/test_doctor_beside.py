"""`holdfast doctor` together with a running Holdfast."""

import json
import subprocess

import pytest

from holdfast.doctor.check import CheckResult
from running import COMMAND

pytestmark = pytest.mark.envoy


def doctor(holdfast, *options):
    command = [str(COMMAND), "doctor", *holdfast.options(), *options]
    return subprocess.run(command, env=holdfast.environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_running_holdfast_is_healthy(holdfast):
    process = doctor(holdfast, "--json")
    checks = {check["name"]: check for check in json.loads(process.stdout)["list"]}
    assert (process.returncode, process.stderr) == (0, "")
    assert CheckResult.FAILED not in {check["outcome"] for check in checks.values()}
    assert checks["database"]["outcome"] == checks["sealing key"]["outcome"] == CheckResult.OK
    assert checks["running"]["text"] == f"Holdfast is running with {holdfast.data}."
    assert checks["health"]["outcome"] == CheckResult.OK
    assert checks["publisher"]["text"].endswith("is in use, and Holdfast is running.")
    assert holdfast.rest.get("/apis").status_code == 200


def test_the_exit_code_reports_failed_checks(holdfast):
    process = doctor(holdfast, "--tls-key=nothing")
    assert (process.returncode, process.stderr) == (1, "")
    (line,) = (line for line in process.stdout.splitlines() if line.startswith("failed"))
    assert line.split(maxsplit=2)[1:] == [
        "TLS",
        "--tls-cert and --tls-key belong together. Set both or neither. Fix it before the next start.",
    ]


def test_unreadable_settings_are_the_only_result(holdfast):
    process = doctor(holdfast, "--sandbox=nowhere", "--json")
    (only,) = json.loads(process.stdout)["list"]
    assert (process.returncode, only["name"], only["outcome"]) == (1, "settings", "failed")
    assert "'nowhere' is not HOST:PORT" in only["text"]
