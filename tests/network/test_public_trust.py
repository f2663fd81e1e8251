"""The public roots of Holdfast's own HTTP clients are the same on every machine."""

import re
import ssl
from pathlib import Path

import certifi
import pytest

from holdfast.network.public_trust import make_public_context
from issuing import issue

PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def list_roots(context):
    return set(context.get_ca_certs(binary_form=True))


def test_without_an_environment_the_roots_are_those_of_certifi():
    text = Path(certifi.where()).read_text("utf-8")
    assert list_roots(make_public_context()) == {ssl.PEM_cert_to_DER_cert(block) for block in PEM.findall(text)}


def test_ssl_cert_file_replaces_them_unless_the_environment_is_ignored(environment, tmp_path):
    root = issue(ca=True)
    (tmp_path / "roots.pem").write_bytes(root.pem)
    environment.setenv("SSL_CERT_FILE", str(tmp_path / "roots.pem"))
    own = {ssl.PEM_cert_to_DER_cert(root.pem.decode())}
    assert list_roots(make_public_context()) == own
    assert not list_roots(make_public_context(trust_env=False)) & own


def test_names_and_certificates_are_verified():
    context = make_public_context()
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
