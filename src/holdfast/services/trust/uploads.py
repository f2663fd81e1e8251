"""
Opens files of certificates and keys, including those that need a lot of hashing.
"""

from collections.abc import Callable
from typing import TypeVar

from holdfast.certificates.formats import credentials, parsing
from holdfast.certificates.formats.credentials import Credential
from holdfast.certificates.formats.derivation import Work
from holdfast.certificates.formats.parsing import Upload
from holdfast.refusals import Busy
from holdfast.services.access.context import Context
from holdfast.work.slow_derivation import SlowDerivation, TooManyFiles

T = TypeVar("T")
BUSY = 5  # seconds until the next attempt
_SLOW = SlowDerivation()  # one for the whole process, shared fairly among users, because the machine is the limit


def open_upload(context: Context, data: bytes, password: str | None = None) -> Upload:
    """Read certificates. Raises CertificateError, Busy."""
    return _open(context, lambda work: parsing.parse(data, password, work))


def open_credential(context: Context, data: bytes, password: str | None, key: bytes) -> Credential:
    """Read a private key and its chain. Raises CertificateError, Busy."""
    return _open(context, lambda work: credentials.read_credential(data, password, key, work))


def _open(context: Context, read: Callable[[Work], T]) -> T:
    try:
        with _SLOW.work(context.user.account, context.release) as work:
            return read(work)
    except TooManyFiles:
        raise Busy("Too many files that need a lot of hashing are being opened right now.", BUSY) from None
