"""tools/install.sh, which `make run` and `make install` call, completes an installation that was interrupted."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools/install.sh"
# Builds the project without setuptools, which would have to be downloaded.
BACKEND = """
from zipfile import ZipFile

def build_editable(directory, config_settings=None, metadata_directory=None):
    name = "pizza-1-py3-none-any.whl"
    with ZipFile(f"{directory}/{name}", "w") as wheel:
        wheel.writestr("pizza.py", "")
        wheel.writestr("pizza-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: pizza\\nVersion: 1\\n")
        wheel.writestr("pizza-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("pizza-1.dist-info/RECORD", "pizza.py,,\\n")
    return name
"""
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@pytest.mark.long
@pytest.mark.timeout(300)  # pip is slow where the machine is busy
def test_a_virtual_environment_without_pip_is_made_again(tmp_path):
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/run.txt").touch()
    (tmp_path / "backend.py").write_text(BACKEND)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    shell = shutil.which("sh")
    assert shell
    command = [shell, SCRIPT, environment, "run"]
    variables = os.environ | {"PYTHON": sys.executable, "PIP_NO_INDEX": "1"}
    result = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    subprocess.run([environment / "bin/python", "-c", "import pizza"], check=True)
