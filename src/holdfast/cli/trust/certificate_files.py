"""
Certificate files, parsed locally so that only certificates are sent: no private key or password leaves the machine.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.errors import InvalidField
from holdfast.certificates.description import describe_certificate, describe_file
from holdfast.certificates.errors import CertificateError, PasswordNeeded
from holdfast.certificates.findings.examination import examine_all
from holdfast.certificates.formats.parsing import MAX_BYTES, Upload, parse
from holdfast.certificates.identity import ReferenceIdentifier
from holdfast.certificates.validity import explain_expiry
from holdfast.cli.access.passwords import read_password
from holdfast.cli.failures import InvalidUsage, WrongFile
from holdfast.cli.terminal.files import read_file, read_input
from holdfast.cli.terminal.output import tell
from holdfast.work.slow_derivation import SlowDerivation


def read_certificate_file(name: str) -> bytes:
    """Read a file with certificates or CRLs; `-` is standard input. Raises WrongFile."""
    return read_input(MAX_BYTES) if name == "-" else read_file(Path(name), MAX_BYTES)


def open_upload(file: str, *, password_stdin: bool = False) -> Upload:
    """Read the certificates in *file*, with its password from standard input if wanted. Raises CommandFailed."""
    if password_stdin and file == "-":
        raise InvalidUsage("Standard input can't be both the file and its password. Name the file.")
    password = read_password("Password", stdin=True) if password_stdin else None
    return read_upload(read_certificate_file(file), file, password)


def read_upload(data: bytes, name: str, password: str | None = None) -> Upload:
    """Parse certificates like the publisher does. Raises WrongFile."""
    try:
        with SlowDerivation().work() as work:
            return parse(data, password, work)
    except PasswordNeeded as error:
        raise WrongFile(f"{name}: {error} (--password-stdin)") from error
    except CertificateError as error:
        raise WrongFile(f"{name}: {error}") from error


def build_part(upload: Upload) -> tuple[str, bytes]:
    """Return the certificates of *upload* as a part of a form: file name and PEM."""
    return "certificate.pem", "".join(certificate.pem for certificate in upload.certificates).encode()


def tell_ignored(upload: Upload) -> None:
    """Print the ignored parts of the file to standard error."""
    for part in upload.ignored:
        tell(f"Ignored {part.what}: {part.why}")


def find_names(endpoint: str) -> tuple[ReferenceIdentifier, ...]:
    """Return the name that a backend at *endpoint* (a URL) must present; empty: none. Raises InvalidUsage."""
    try:
        return (parse_endpoint(endpoint).origin.reference,) if endpoint else ()
    except InvalidField as error:
        raise InvalidUsage(f"--endpoint: {error}") from error


def describe_upload(upload: Upload, names: tuple[ReferenceIdentifier, ...], now: datetime) -> dict[str, Any]:
    """Describe the certificates in *upload* and their findings, like REST does."""
    return {
        "certificates": [describe_certificate(certificate, now) for certificate in upload.certificates],
        "refusal": explain_expiry(upload.certificates, now) or None,
        **describe_file(examine_all(upload.certificates, names, now), upload.used, upload.ignored),
    }
