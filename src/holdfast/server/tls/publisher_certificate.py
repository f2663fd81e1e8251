"""
The publisher's certificate: each connection gets the version that is current.
"""

import ssl
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from holdfast.network.certificate_files import LoadedFiles, load, make_context
from holdfast.network.presented_files import CertificateFiles


class PublisherCertificate(CertificateFiles[ssl.SSLContext]):
    """The publisher's certificate. Open connections keep theirs."""

    whose = "publisher"

    def __init__(self, certificate: Path, key: Path, now: Callable[[], datetime]) -> None:
        """Read both files."""
        super().__init__(certificate, key, now)
        # The server's context has no certificate; each connection gets the latest context.
        self.context = make_context()
        self.context.sni_callback = self._hand_over

    @property
    def pin(self) -> bytes | None:
        """The SHA-256 of the key (SubjectPublicKeyInfo) that is presented; None if none is."""
        return bytes.fromhex(self._loaded.spki_fingerprint) if self._loaded else None

    def _load(self, certificate: Path, key: Path) -> LoadedFiles[ssl.SSLContext]:
        return load(certificate, key)

    def _hand_over(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> int | None:
        del name, context
        if self.current is None:
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        connection.context = self.current
        return None
