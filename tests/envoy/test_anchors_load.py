"""Envoy loads certificates with names that Holdfast reads, and rejects those that Holdfast refuses."""

import base64
import json
import subprocess
from pathlib import Path

import pytest

from certificates.test_names import DAMAGED, UNUSUAL, make_attribute, name
from holdfast.certificates import names
from holdfast.certificates.formats import der
from holdfast.gateway.process.binary import find_envoy
from issuing import alter_der, issue

pytestmark = pytest.mark.envoy
NAMES = [*DAMAGED, *(name(make_attribute(tag, content)) for tag, content, _ in UNUSUAL)]
TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"


def loads(anchor: bytes, directory: Path) -> bool:
    """Return whether Envoy accepts *anchor* (DER) as a trust anchor."""
    file = directory / "anchor.pem"
    file.write_text(pem(anchor))
    trust = {"common_tls_context": {"validation_context": {"trusted_ca": {"filename": str(file)}}}}
    cluster = {
        "name": "backend",
        "load_assignment": {"cluster_name": "backend"},
        "transport_socket": {"name": "tls", "typed_config": {"@type": TLS} | trust},
    }
    configuration = json.dumps({"static_resources": {"clusters": [cluster]}})
    command = [str(find_envoy()), "--mode", "validate", "--log-level", "off", "--config-yaml", configuration]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0


def reads(encoding: bytes) -> bool:
    """Return whether Holdfast reads this name."""
    try:
        names.write_distinguished_name(*der.read(encoding))
    except der.NotDer:
        return False
    return True


def pem(content: bytes) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(content).decode()}-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("encoding", NAMES, ids=bytes.hex)
def test_envoy_loads_what_holdfast_reads_and_nothing_else(encoding: bytes, tmp_path: Path):
    anchor = alter_der(issue(ca=True), subject=encoding, issuer=encoding)
    assert loads(anchor, tmp_path) == reads(encoding)
