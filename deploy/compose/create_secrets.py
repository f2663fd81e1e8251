"""
Create the secrets of compose.yaml as files that only the containers' users can read; existing files stay.

    docker compose run --rm secrets publisher.example 192.0.2.10
"""

import base64
import os
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOLDFAST, POSTGRES = 10001, 999  # user and group IDs in the two images
NAMES = ("localhost", "control-planes", "control-plane-1", "control-plane-2")
LASTS = timedelta(days=3650)


def main(directory: Path, hosts: Sequence[str]) -> None:
    """Create the files that don't exist in *directory*; people reach the publisher as *hosts*."""
    for name, make in {
        "postgres-password": lambda: secrets.token_urlsafe(32),
        "database-password": lambda: secrets.token_urlsafe(32),
        "admin-password": lambda: secrets.token_urlsafe(18),
        "sealing-key": lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
        "enrollment-key": lambda: f"hfe_{secrets.token_hex(32)}",
    }.items():
        if not (directory / name).exists():
            write(directory / name, f"{make()}\n")
    if not (directory / "publisher.pem").exists():
        key, certificate, ca = issue((*NAMES, *hosts))
        write(directory / "publisher.key", key)
        write(directory / "load-balancer.pem", certificate + key)
        write(directory / "ca.pem", ca)
        write(directory / "publisher.pem", certificate)


def write(path: Path, content: str) -> None:
    """Write *content*, which only Holdfast's user and PostgreSQL's group can read."""
    part = path.with_name(f".{path.name}")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o440), "w", encoding="ascii") as opened:
        opened.write(content)
    if os.geteuid() == 0:
        os.chown(part, HOLDFAST, POSTGRES)
    part.rename(path)
    sys.stdout.write(f"Created {path}.\n")


def issue(names: Sequence[str]) -> tuple[str, str, str]:
    """Return a key, a certificate for *names*, and the CA that issued it (all PEM). Nobody keeps the CA's key."""
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = _name("Holdfast's own CA")
    ca_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = (
        _builder(ca_name, ca_name, ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(ca_id, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    certificate = (
        _builder(_name("Holdfast publisher"), ca_name, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_id), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode(), *(each.public_bytes(Encoding.PEM).decode() for each in (certificate, ca))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + LASTS)


def _usage(**allowed: bool) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    every = dict.fromkeys((*names, "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(**every | allowed)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
