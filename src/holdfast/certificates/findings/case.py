"""
One certificate among those that it was uploaded with.
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

NAMED = 5  # of many names only so many are shown


@dataclass(frozen=True, slots=True)
class Case:
    """
    What is judged: a certificate, those of its file above and below it, and the time.

    Of *references* the backend must present one; none: names are not judged. *times* is how often the file has it.
    *role* is the place of a certificate in what a backend presents; None: it is in a file.
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
        """It is a CA, or it says so in its key usage, or it has issued another one of the file."""
        if self.role is not None:
            return self.role is not ChainRole.LEAF
        usage = self.certificate.extensions.key_usage
        return self.certificate.is_ca or bool(self.issued) or (usage is not None and usage.key_cert_sign)

    @property
    def may_be_presented(self) -> bool:
        """A backend may present it as its own; many self-signed server certificates say that they are CAs."""
        if self.role is not None:
            return self.role is ChainRole.LEAF
        return not self.is_authority or (self.certificate.is_self_issued and not self.issued)

    @property
    def is_named(self) -> bool:
        """It presents one of the names that are asked for."""
        return any(presents(self.certificate, reference) for reference in self.references)

    @property
    def wanted(self) -> str:
        """The first names that are asked for, as a sentence has them."""
        names = [display(reference.value) for reference in self.references[:NAMED]]
        if len(self.references) > NAMED:
            names.append(f"{len(self.references) - NAMED} more")
        return " or ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))

    @property
    def checked_by(self) -> str:
        """The issuer in the file by which the gateway checks it, by name; empty if it is believed as it is."""
        able = (issuer for issuer in self.issuers if not issuer.extensions.lacks_key_cert_sign)
        return next((display(issuer.subject) or "without a name" for issuer in able), "")

    def finding(self, code: Code, severity: Severity, message: str, remedy: str) -> Finding:
        """Make a finding about this certificate."""
        return Finding(code, severity, message, remedy, self.certificate.fingerprint)


def build_cases(
    certificates: Sequence[Certificate], references: Sequence[ReferenceIdentifier], now: datetime
) -> list[Case]:
    """Put each of *certificates* among the others, in their order, each once."""
    times = Counter(certificate.fingerprint for certificate in certificates)
    unique = {certificate.fingerprint: certificate for certificate in certificates}.values()
    return [
        Case(
            one,
            tuple(other for other in unique if _issued(other, one)),
            tuple(other for other in unique if _issued(one, other)),
            tuple(references),
            now,
            times[one.fingerprint],
        )
        for one in unique
    ]


def _issued(candidate: Certificate, certificate: Certificate) -> bool:
    if certificate.is_self_issued or not certificate.issuer:
        return False
    return candidate.subject == certificate.issuer and could_have_issued(candidate, certificate)
