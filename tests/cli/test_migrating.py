"""Each command in the guide about migrating from WSO2 works, on files like those of WSO2."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from backends import Backend
from issuing import issue, keystore, truststore
from running import Holdfast

pytestmark = pytest.mark.envoy
PAGE = Path(__file__).parents[2] / "docs/how-to/migrate-from-wso2.md"
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
EXPORT = "PizzaShackAPI-1.0.0"
LISTED = """type: endpoint_certificates
version: v4.3.0
data:
- alias: pizza
  endpoint: https://pizza.example:8443
  certificate: pizza.crt
"""


def write_files(directory, backend):
    """Create an export like apictl, and a truststore that includes the backend's certificate."""
    with zipfile.ZipFile(directory / f"{EXPORT}.zip", "w") as export:
        export.writestr(f"{EXPORT}/api.yaml", "type: api\nversion: v4.3.0\ndata:\n  name: PizzaShackAPI\n")
        export.writestr(f"{EXPORT}/Definitions/swagger.yaml", "openapi: 3.0.1\n")
        export.writestr(f"{EXPORT}/Endpoint-certificates/endpoint_certificates.yaml", LISTED)
        export.writestr(f"{EXPORT}/Endpoint-certificates/pizza.crt", backend.pem)
    other_ca = issue(ca=True, common_name="another CA")
    entries = [("other", other_ca.der), ("pizza", backend.der)]
    (directory / "client-truststore.jks").write_bytes(keystore(entries, "wso2carbon"))
    (directory / "client-truststore.p12").write_bytes(truststore("wso2carbon", other_ca, backend))


@pytest.fixture
def perform(tmp_path: Path, holdfast: Holdfast):
    """Run a line of the guide unchanged, except for its addresses and the password that curl prompts for."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")} | {
        "HOLDFAST_URL": holdfast.publisher_url,
        "HOLDFAST_USER": "admin",
        "HOLDFAST_PASSWORD": holdfast.admin_password,
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }

    def perform(block, endpoint):
        there = {
            "https://pizza.example:8443": endpoint,
            "http://127.0.0.1:9080": holdfast.publisher_url,
            "-u admin": '-u "admin:$HOLDFAST_PASSWORD"',
        }
        for text, replacement in there.items():
            block = block.replace(text, replacement)
        script = f"set -e -o pipefail\n{block}"
        command = ["bash", "-c", script]
        result = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=90, check=False
        )
        assert result.returncode == 0, (block, result.stdout, result.stderr)
        return result.stdout

    return perform


@pytest.mark.skipif(shutil.which("keytool") is None, reason="keytool is not here")
@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not here")
def test_every_command_in_the_guide_works(holdfast, tmp_path, perform):
    leaf = issue("127.0.0.1")
    write_files(tmp_path, leaf)
    with Backend(leaf) as backend:
        outputs = [perform(block, backend.url()) for block in BLOCKS]
    assert "alias: pizza" in outputs[0]
    aliases = {entry["alias"] for entry in holdfast.rest.get("/endpoint-certificates").json()["certificates"]}
    assert aliases == {"pizza", "pizza-curl", "pizza-truststore", "pizza-all", "pizza-p12"}
    (api,) = holdfast.rest.get("/apis").json()["list"]
    assert (api["name"], api["lifeCycleStatus"]) == ("PizzaShackAPI", "PUBLISHED")
    assert "PizzaShackAPI 1.0.0" in outputs[-1]


def test_the_guide_has_a_block_for_each_method():
    assert len(BLOCKS) == 10
    assert all("holdfast" in block or "unzip" in block or "curl" in block for block in BLOCKS)
