"""
Opening files of certificates and keys, also those that ask for a lot of hashing.
"""

from collections.abc import Callable
from typing import TypeVar

from holdfast.certificates import credentials, parsing
from holdfast.certificates.credentials import Credential
from holdfast.certificates.derivation import Work
from holdfast.certificates.parsing import Upload
from holdfast.services.errors import Busy
from holdfast.slow_derivation import SlowDerivation, TooManyFiles

T = TypeVar("T")
BUSY = 5  # seconds until the next attempt
_SLOW = SlowDerivation()  # one for all users: it is the machine that is limited


def open_upload(data: bytes, password: str | None = None) -> Upload:
    """Read certificates. Raises CertificateError, Busy."""
    return _open(lambda work: parsing.parse(data, password, work))


def open_credential(data: bytes, password: str | None, key: bytes) -> Credential:
    """Read a private key and its chain. Raises CertificateError, Busy."""
    return _open(lambda work: credentials.read_credential(data, password, key, work))


def _open(read: Callable[[Work], T]) -> T:
    try:
        with _SLOW.work() as work:
            return read(work)
    except TooManyFiles:
        raise Busy("Too many files that ask for a lot of hashing are being opened.", BUSY) from None
