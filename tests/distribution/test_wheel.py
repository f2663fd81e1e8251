"""The wheel has everything that runs, and runs where nothing else is installed."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
NOT_SOURCES = shutil.ignore_patterns("*.egg-info", "__pycache__")
# What a user has in the environment: no settings of these tests, no packages of this clone.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "PYTHON", "VIRTUAL"))
}

pytestmark = [pytest.mark.envoy, pytest.mark.long]


def run(*command: str | Path, cwd: Path) -> str:
    """Run *command*, which must succeed, and return what it prints."""
    result = subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=250)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """A wheel that was built from the source distribution, as for a release."""
    clone = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "src", clone / "src", ignore=NOT_SOURCES)
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "requirements/run.in", "tests/test_docs.py"):
        (clone / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, clone / name)
    run(UV, "build", "--quiet", "--offline", "--no-build-isolation", "--python", sys.executable, cwd=clone)
    return next((clone / "dist").glob("holdfast_gateway-*.whl"))


def test_the_wheel_has_every_file_of_the_package(wheel):
    files = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src/holdfast").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if name.startswith("holdfast/")}
    original = "holdfast/web/static/vendor/tabler-1.6.1.min.css"  # css/tabler.css has what pages use of it
    assert original in files
    assert names == files - {original}


def test_the_source_distribution_has_no_tests(wheel):
    with tarfile.open(next(wheel.parent.glob("*.tar.gz"))) as archive:
        assert [name for name in archive.getnames() if "/tests" in name] == []


def test_the_wheel_runs_the_demo_where_nothing_else_is_installed(wheel, tmp_path):
    environment = tmp_path / "environment"
    python = environment / "bin/python"
    run(UV, "venv", "--quiet", "--python", sys.executable, environment, cwd=tmp_path)
    constraints = ROOT / "requirements/run.txt"
    run(UV, "pip", "install", "--quiet", "--python", python, "--constraint", constraints, wheel, cwd=tmp_path)
    assert run(environment / "bin/holdfast", "--version", cwd=tmp_path).startswith("holdfast 0.")
    steps = re.findall(r"^\d +(\w+)", run(environment / "bin/holdfast", "demo", "--once", cwd=tmp_path), re.MULTILINE)
    assert steps == ["refused", "import", "served", "delete", "refused"]
