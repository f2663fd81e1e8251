"""
Summaries of certificates for plans.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast.certificates.certificate import Certificate
from holdfast.cli.declaration.wording import show_text
from holdfast.cli.terminal.output import group_fingerprint

SHORT = 16  # hexadecimal digits of a fingerprint in text


@dataclass(frozen=True, slots=True)
class CertificateSummary:
    """A certificate: subject, end of validity (aware) and SHA-256 of its DER in lower-case hex."""

    subject: str
    not_after: datetime
    fingerprint: str

    def __str__(self) -> str:
        subject = show_text(self.subject) or "no subject"
        return f"{subject}, expires {self.not_after:%Y-%m-%d}, SHA-256 {group_fingerprint(self.fingerprint[:SHORT])}..."

    @property
    def members(self) -> dict[str, str]:
        """The summary as JSON members."""
        return {
            "subject": self.subject,
            "notAfter": self.not_after.isoformat(),
            "fingerprint": self.fingerprint,
        }


def summarize_certificate(certificate: Certificate) -> CertificateSummary:
    """Summarize a parsed certificate."""
    return CertificateSummary(certificate.subject, certificate.not_after, certificate.fingerprint)


def summarize_answer(members: dict[str, Any]) -> CertificateSummary:
    """Summarize a certificate from a REST response. Raises ValueError if the response is invalid."""
    text = members["validity"]["to"]
    not_after = datetime.fromisoformat(text) if isinstance(text, str) else None
    if not_after is None or not_after.tzinfo is None:
        raise ValueError(text)
    return CertificateSummary(members["subject"], not_after, members["fingerprint"])


def list_fingerprints(certificates: Iterable[CertificateSummary | Certificate]) -> frozenset[str]:
    """Return the fingerprints, to compare sets of certificates."""
    return frozenset(certificate.fingerprint for certificate in certificates)
