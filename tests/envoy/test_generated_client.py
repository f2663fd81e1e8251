"""A client that openapi-python-client generates of `/openapi.json` works; `tools/client.sh` installs the generator."""

import base64
import subprocess
import sys
from pathlib import Path

import pytest

from backends import Backend
from issuing import issue
from running import Holdfast

pytestmark = pytest.mark.envoy
GENERATOR = Path(sys.prefix) / "client/bin"
CONFIGURATION = """
post_hooks: []
content_type_overrides:
  application/zip: application/octet-stream
  application/x-pem-file: application/octet-stream
  image/gif: application/octet-stream
  image/jpeg: application/octet-stream
  image/png: application/octet-stream
"""


def test_a_generated_client_creates_imports_reads_and_deletes(holdfast: Holdfast, tmp_path: Path):
    description, configuration = tmp_path / "openapi.json", tmp_path / "configuration.yaml"
    with holdfast.browser() as client:
        description.write_bytes(client.get("/openapi.json").content)
    configuration.write_text(CONFIGURATION)
    generate = [GENERATOR / "openapi-python-client", "generate", "--fail-on-warning", "--meta=none"]
    where = [f"--path={description}", f"--config={configuration}", f"--output-path={tmp_path / 'holdfast_client'}"]
    process = subprocess.run([*generate, *where], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout

    identity = issue("127.0.0.1")
    (tmp_path / "backend.pem").write_bytes(identity.pem)
    (tmp_path / "use.py").write_text(Path(__file__).with_name("generated_client.py").read_text())
    credentials = base64.b64encode(f"admin:{holdfast.admin_password}".encode()).decode()
    with Backend(identity) as backend:
        arguments = [holdfast.publisher_url, credentials, backend.url(), "backend.pem"]
        command = [GENERATOR / "python", "use.py", *arguments]
        process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
