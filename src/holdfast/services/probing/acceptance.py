"""
Why a gateway accepts a backend: because of the certificate that is being tested, or regardless of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.path import leads_to
from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.resources.public_roots import read_public_roots
from holdfast.network.presentation import FailedHandshake, Presentation
from holdfast.services.probing.terms import StoredCertificates, Terms
from holdfast.services.probing.verdicts import Verdict

_NOT_TRUSTED = {Cause.UNKNOWN_ISSUER, Cause.SELF_SIGNED_NOT_TRUSTED, Cause.CHAIN_INCOMPLETE}
STILL_PRESENTED = (
    "The backend still presents a certificate that this replacement would stop trusting. Keep trusting the old "
    "certificate until the backend switches."
)


class Result(StrEnum):
    """The result of a test; docs/how-to/import.md explains each."""

    BY_UPLOAD = "accepted_by_upload"
    ANYWAY = "accepted_anyway"
    ACCEPTED = "accepted"  # nothing was uploaded, or Holdfast doesn't know what the upload adds
    REJECTED = "rejected"
    UNKNOWN = "unknown"  # no gateway answered


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A *result* and, if the backend is accepted without the upload, all the reasons."""

    result: Result
    stored_certificates: tuple[StoredCertificates, ...] = ()  # which verify the backend's chain
    by_public_roots: bool = False
    only_public_roots: bool = False  # imported certificates aren't used at all
    unverified_until: datetime | None = None
    needs_removed: bool = False  # rejected, and the backend presents what would no longer be trusted

    @property
    def sentence(self) -> str:
        """The result as a sentence; empty if the verdict's explanation is enough."""
        match self.result:
            case Result.BY_UPLOAD:
                return "The gateway accepts this backend because of this certificate."
            case Result.ANYWAY:
                return f"The gateway accepts this backend, but not because of this certificate: {self._write_reason()}"
            case _:
                return ""

    def _write_reason(self) -> str:
        if self.unverified_until:
            return (
                f"verification is off until {self.unverified_until:%Y-%m-%d %H:%M} UTC, so it accepts any certificate."
            )
        if self.only_public_roots:
            return "this endpoint trusts only public roots, so imported certificates aren't used."
        reasons = [
            f"the previous certificate of {entry.alias} stays trusted"
            if entry.is_previous
            else f"{entry.alias} is trusted"
            for entry in self.stored_certificates
        ]
        if self.by_public_roots:
            reasons.append("public roots are trusted")
        return f"{' and '.join(reasons) or 'other trust settings'} for this endpoint, too."


def needs_second_answer(verdict: Verdict, terms: Terms) -> bool:
    """Return whether only a gateway can tell if the backend is accepted because of the upload."""
    return (
        verdict.accepted
        and terms.with_upload
        and terms.without_upload not in (None, terms.trust)
        and terms.trust.unverified_until is None
    )


def accept(
    verdict: Verdict, without: Verdict | None, presentation: Presentation | FailedHandshake, terms: Terms
) -> Acceptance:
    """Return the result of a test; *without* is the verdict on `terms.without_upload`, None if there is none."""
    chain = presentation.chain if isinstance(presentation, Presentation) else ()
    if verdict.by == "none":
        return Acceptance(Result.UNKNOWN)
    if not verdict.accepted:
        needs_ended = verdict.cause in _NOT_TRUSTED and bool(leads_to(chain, terms.removed_certificates))
        return Acceptance(Result.REJECTED, needs_removed=needs_ended)
    if not terms.with_upload:
        return _add_reasons(Result.ACCEPTED, chain, terms)
    if terms.trust.unverified_until or terms.without_upload == terms.trust or (without and without.accepted):
        return _add_reasons(Result.ANYWAY, chain, terms)
    if terms.without_upload is None or (without and without.is_about_trust):
        return Acceptance(Result.BY_UPLOAD)
    return Acceptance(Result.ACCEPTED)


def _add_reasons(result: Result, chain: Sequence[Certificate], terms: Terms) -> Acceptance:
    rest = terms.without_upload or terms.trust
    if terms.trust.unverified_until:
        return Acceptance(result, unverified_until=terms.trust.unverified_until)
    if not rest.anchors:
        return Acceptance(
            result, by_public_roots=True, only_public_roots=bool(terms.stored_certificates) or terms.with_upload
        )
    entries = tuple(entry for entry in terms.stored_certificates if leads_to(chain, entry.certificates))
    by_public = rest.public_roots and (not entries or bool(leads_to(chain, read_public_roots())))
    return Acceptance(result, entries, by_public_roots=by_public)
