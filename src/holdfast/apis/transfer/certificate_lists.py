"""
The lists of endpoint certificates and caller certificates in archives.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.apis.errors import UnreadableArchive

MAX_CERTIFICATES = 200
Files = Mapping[str, bytes]  # by path


@dataclass(frozen=True, slots=True)
class ArchivedCertificate:
    """An endpoint certificate in an archive; *data* is its file, in any supported format."""

    alias: str
    endpoint: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ArchivedCaller:
    """A caller certificate in an archive."""

    alias: str
    tier: str
    data: bytes
    environment: str = ""  # empty: both


def read_certificate(entry: Mapping[str, Any], files: Files) -> ArchivedCertificate:
    """Read an entry in the list of endpoint certificates. Raises UnreadableArchive."""
    what = "Each entry in endpoint_certificates.yaml must have alias, endpoint and certificate."
    alias = _read_text(entry.get("alias"), what)
    endpoint = _read_text(entry.get("endpoint", entry.get("hostName")), what)
    return ArchivedCertificate(alias, endpoint, _get_file("Endpoint-certificates", alias, entry, files, what))


def read_caller(entry: Mapping[str, Any], files: Files, folder: str = "") -> ArchivedCaller:
    """
    Read an entry in the list of caller certificates, or in that of an environment's *folder*.

    Raises UnreadableArchive.
    """
    what = "Each entry in client_certificates.yaml must have alias and certificate."
    alias = _read_text(entry.get("alias"), what)
    tier = _read_text(entry.get("tierName") or "", what)
    environment = folder or _read_text(entry.get("environment") or "", what)
    place = f"Client-certificates/{folder.upper()}" if folder else "Client-certificates"
    return ArchivedCaller(alias, tier, _get_file(place, alias, entry, files, what), environment)


def _get_file(folder: str, alias: str, entry: Mapping[str, Any], files: Files, what: str) -> bytes:
    """Return the certificate of an alias from its file, or from the list itself in PEM or base64."""
    certificate = _read_text(entry.get("certificate"), what)
    path = f"{folder}/{certificate}"
    if path in files:
        return files[path]
    if "BEGIN CERTIFICATE" in certificate:
        return certificate.encode()
    try:
        return base64.b64decode("".join(certificate.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnreadableArchive(f"The archive has no file {path[:200]} for the alias {alias[:60]}.") from error


def _read_text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise UnreadableArchive(what)
    return value
