"""
A certificate in the context of the other certificates in its file.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.choices import ChainRole
from holdfast.certificates.findings.finding import Code, Finding, Severity, display
from holdfast.certificates.identity import ReferenceIdentifier, presents
from holdfast.certificates.trust import could_have_issued

NAMED = 5  # names listed in one message


@dataclass(frozen=True, slots=True)
class Case:
    """
    A certificate to examine, its issuers and the certificates that it issued in the same file, and the time.

    The backend must present one of *references*; if there are none, names are not examined. *times* is how often the
    certificate occurs in the file. *role* is its role in the chain that a backend presents, or None in a file.
    """

    certificate: Certificate
    issuers: tuple[Certificate, ...]
    issued: tuple[Certificate, ...]
    references: tuple[ReferenceIdentifier, ...]
    now: datetime
    times: int = 1
    role: ChainRole | None = None

    @property
    def is_authority(self) -> bool:
        """Whether it is a CA, has keyCertSign in its key usage, or issued another certificate in the file."""
        if self.role is not None:
            return self.role is not ChainRole.LEAF
        usage = self.certificate.extensions.key_usage
        return self.certificate.is_ca or bool(self.issued) or (usage is not None and usage.key_cert_sign)

    @property
    def may_be_presented(self) -> bool:
        """Whether it may be a backend's own; many self-signed server certificates are marked as CAs."""
        if self.role is not None:
            return self.role is ChainRole.LEAF
        return not self.is_authority or (self.certificate.is_self_issued and not self.issued)

    @property
    def is_named(self) -> bool:
        """Whether it presents one of *references*."""
        return any(presents(self.certificate, reference) for reference in self.references)

    @property
    def required_names(self) -> str:
        """The first names of *references*, as text for a sentence."""
        names = [display(reference.value) for reference in self.references[:NAMED]]
        if len(self.references) > NAMED:
            names.append(f"{len(self.references) - NAMED} more")
        return " or ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))

    @property
    def checked_by(self) -> str:
        """The name of the issuer in the file that the gateway checks it with; empty if it is trusted unchecked."""
        able = (issuer for issuer in self.issuers if not issuer.extensions.lacks_key_cert_sign)
        return next((display(issuer.subject) or "without a name" for issuer in able), "")

    def build_finding(self, code: Code, severity: Severity, message: str, remedy: str) -> Finding:
        """Return a finding about this certificate."""
        return Finding(code, severity, message, remedy, self.certificate.fingerprint)


def build_cases(
    certificates: Sequence[Certificate], references: Sequence[ReferenceIdentifier], now: datetime
) -> list[Case]:
    """Return a case for each distinct certificate, in the order of *certificates*."""
    times = Counter(certificate.fingerprint for certificate in certificates)
    unique = {certificate.fingerprint: certificate for certificate in certificates}.values()
    return [
        Case(
            own,
            tuple(other for other in unique if _has_issued(other, own)),
            tuple(other for other in unique if _has_issued(own, other)),
            tuple(references),
            now,
            times[own.fingerprint],
        )
        for own in unique
    ]


def _has_issued(candidate: Certificate, certificate: Certificate) -> bool:
    if certificate.is_self_issued or not certificate.issuer:
        return False
    return candidate.subject == certificate.issuer and could_have_issued(candidate, certificate)
