"""
The gateway's verdict about a backend, read from its responses.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from holdfast.certificates.findings.examination import Finding, examine_presented
from holdfast.certificates.trust import TrustSet
from holdfast.gateway.control.service import Connection
from holdfast.gateway.failures.causes import CERTIFICATE_CAUSES, Cause, classify_reason
from holdfast.gateway.failures.explanation import Explanation
from holdfast.gateway.failures.explanations import explain
from holdfast.gateway.probing.connection import Answer, HeadAnswer
from holdfast.network.backend import MOMENT
from holdfast.network.presentation import FailedHandshake, Presentation
from holdfast.services.probing.faults import AFTER_THE_PATH, Fault, find_faults
from holdfast.services.probing.offers import Offer

ENDED = "connection closed after the handshake"
# For these, what the backend presents can say more.
UNCLEAR = {*CERTIFICATE_CAUSES, Cause.CLOSED_BEFORE_RESPONSE, Cause.OTHER}
_ASK_FOR_CHAIN = "Ask the backend's operator to send a correct chain."
_NOT_ABOUT_TRUST = {
    Cause.CONNECTION_REFUSED,
    Cause.DNS_FAILURE,
    Cause.TIMEOUT,
    Cause.NOT_TLS,
    Cause.CLOSED_BEFORE_RESPONSE,
    Cause.TRUST_NOT_READY,
    Cause.OTHER,
}
_TIMED_OUT, _WITHOUT_HOST = {"UT", "SI", "DPE"}, {"UH", "DF"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the gateway accepts a backend; *by* is "none", and nothing is known, if no gateway answered."""

    accepted: bool
    cause: Cause | None = None
    reason: str = ""  # in the words of the gateway
    by: Literal["gateway", "none"] = "gateway"
    address: str = ""  # with port; empty if the gateway didn't connect
    tls_version: str = ""
    cipher: str = ""
    fingerprint: str = ""  # SHA-256 of the certificate that the gateway verified; empty if unknown
    over_http2: bool = False  # the request without a response was sent over HTTP/2
    reported_cause: Cause | None = None  # derived only from the gateway's words
    faults: tuple[Fault, ...] = ()  # of the presented certificates; the first is the cause
    offer: Offer | None = None  # importing this certificate helps
    advice: Explanation | None = None  # takes into account what the backend presents

    @property
    def is_about_trust(self) -> bool:
        """Whether a gateway accepted or rejected the certificates that it saw."""
        return self.by == "gateway" and self.cause not in _NOT_ABOUT_TRUST

    @property
    def explanation(self) -> Explanation:
        """The meaning of the verdict, and what to do."""
        if self.advice:
            return self.advice
        if self.accepted:
            return Explanation("The gateway accepts this backend.", "")
        if self.cause is None:
            return Explanation("No gateway answered, so we don't know whether it accepts this backend.", "Try again.")
        return explain(self.cause, self.reason)


async def judge_connection(
    connection: Connection, handshake: "asyncio.Future[Presentation | FailedHandshake]", *, presents: bool
) -> Verdict:
    """Return the gateway's verdict; *handshake* fetches what the backend presents, *presents*: with an identity."""
    answer = connection.answer
    if not answer.connected:
        return _build_refusal(answer, presents=presents)
    presentation = await asyncio.shield(handshake)
    asks = isinstance(presentation, Presentation) and presentation.asks_for_certificate
    if (asks or isinstance(presentation, FailedHandshake)) and await connection.ends_within(MOMENT):
        return Verdict(False, _find_objection(presentation, presents=presents), ENDED)
    return Verdict(
        True,
        address=answer.address,
        tls_version=answer.tls_version,
        cipher=answer.cipher,
        fingerprint=answer.fingerprint,
    )


async def judge_refusal(connection: Connection, *, presents: bool) -> Verdict:
    """Return why the gateway can't connect, or, if it can, that the backend closed the earlier connection."""
    if connection.answer.connected:
        return Verdict(False, Cause.CLOSED_BEFORE_RESPONSE, ENDED)
    return _build_refusal(connection.answer, presents=presents)


async def judge_certificates(connection: Connection, *, presents: bool) -> Verdict:
    """Return whether the gateway accepts the backend's certificates, whatever the backend does after the handshake."""
    return Verdict(True) if connection.answer.connected else _build_refusal(connection.answer, presents=presents)


def judge_head(answer: HeadAnswer) -> Verdict | None:
    """Return why a backend sent no status over an open connection; None if the connection itself failed."""
    if answer.flags & _TIMED_OUT:
        return Verdict(False, Cause.TIMEOUT)
    over_http2 = "HTTP/2" in answer.flags
    if "UPE" in answer.flags:
        return Verdict(False, Cause.NOT_HTTP, over_http2=over_http2)
    if answer.flags & {"UC", "UR"}:
        return Verdict(False, Cause.CLOSED_BEFORE_RESPONSE, ENDED, over_http2=over_http2)
    return None


def _build_refusal(answer: Answer, *, presents: bool) -> Verdict:
    return Verdict(False, _find_cause(answer, presents=presents), answer.reason or answer.flags)


def _find_objection(presentation: Presentation | FailedHandshake, *, presents: bool) -> Cause:
    """Return why a backend closed an accepted connection: in TLS 1.3, it rejects client certificates that late."""
    if isinstance(presentation, FailedHandshake) or not presentation.asks_for_certificate:
        return Cause.CLOSED_BEFORE_RESPONSE
    return Cause.CLIENT_CERTIFICATE_REJECTED if presents else Cause.CLIENT_CERTIFICATE_REQUIRED


def _find_cause(answer: Answer, *, presents: bool) -> Cause:
    flags = set(answer.flags.split(","))
    return classify_reason(
        answer.reason,
        timed_out=bool(flags & _TIMED_OUT),
        without_host=bool(flags & _WITHOUT_HOST),
        presents_identity=presents,
    )


def refine(
    verdict: Verdict, presentation: Presentation | FailedHandshake, trust: TrustSet, now: datetime, *, presents: bool
) -> Verdict:
    """
    Return *verdict* with a more precise cause, based on what the backend presents.

    This finds all faults of its certificates, and distinguishes a missing intermediate from an unknown issuer, and a
    rejected client certificate from other reasons to close the connection.
    """
    verdict = replace(verdict, reported_cause=verdict.cause)
    is_seen = isinstance(presentation, Presentation) and bool(presentation.certificates.unreadable)
    if verdict.cause is Cause.UNREADABLE_CERTIFICATE and is_seen:
        # It is known which certificate can't be read, so the advice doesn't ask the user to find out.
        return replace(verdict, advice=Explanation(verdict.explanation.sentence, _ASK_FOR_CHAIN))
    if verdict.cause is Cause.CLOSED_BEFORE_RESPONSE and verdict.reason == ENDED:
        return replace(verdict, cause=_find_objection(presentation, presents=presents))
    if verdict.cause not in CERTIFICATE_CAUSES or isinstance(presentation, FailedHandshake) or not presentation.chain:
        return verdict
    faults = find_faults(verdict.cause, presentation.chain, trust, now)
    return replace(verdict, cause=faults[0].cause, faults=faults)


def is_mended(verdict: Verdict, faults: Sequence[Fault]) -> bool:
    """Return whether *verdict* no longer has the first of *faults*, and has no fault that wasn't there before."""
    remaining_causes = {fault.cause for fault in faults[1:]} & AFTER_THE_PATH
    return verdict.accepted or verdict.cause in remaining_causes


def examine_presentation(
    presentation: Presentation | FailedHandshake, trust: TrustSet, now: datetime
) -> tuple[Finding, ...]:
    """Return findings about what a backend presents, with the names that the trust settings accept."""
    if isinstance(presentation, FailedHandshake):
        return ()
    return tuple(examine_presented(presentation.chain, trust.accepted_names, now))
