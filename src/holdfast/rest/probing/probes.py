"""
`/endpoints/probe` and `/endpoints/fetch`: look at a backend, and test whether the gateway accepts it.
"""

from collections.abc import Sequence
from typing import Annotated

from fastapi import File, Form, UploadFile
from starlette.concurrency import run_in_threadpool

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.choices import ChainRole, list_choices
from holdfast.certificates.description import describe_certificate, describe_findings
from holdfast.network.presentation import FailedHandshake, Presentation
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.errors import PREFIX
from holdfast.rest.probing.responses import AcceptanceReason, Connection, FetchedChain, Probe, ProbeVerdict, TrustChoice
from holdfast.rest.probing.verdicts import describe_suggestion, list_causes
from holdfast.rest.router import Router
from holdfast.rest.shapes import describe_unreadable, read_upload
from holdfast.rest.trust.endpoint_certificates import Password
from holdfast.services.probing.acceptance import Acceptance
from holdfast.services.probing.offers import explain_refusal
from holdfast.services.probing.outcomes import ProbeOutcome
from holdfast.services.probing.terms import Change, find_terms_to_test

router = Router(prefix=f"{PREFIX}/endpoints", tags=["Probes"])
GatewayName = Annotated[
    str, Form(description="The name of a connected gateway. Default: the one on the publisher's machine.")
]
Url = Annotated[str, Form(description="An https URL. It needn't be an endpoint of an API.")]


@router.post("/probe")
async def probe_endpoint(
    runtime: CurrentRuntime,
    context: RequestContext,
    endpoint: Url,
    certificate: Annotated[
        UploadFile | None, File(description="Certificates to test with, as if they were imported.")
    ] = None,
    password: Password = "",
    gateway: GatewayName = "",
    alias: Annotated[str, Form(description="The alias that the certificates would replace.")] = "",
    keep: Annotated[
        bool, Form(alias="keepPrevious", description="Keep trusting the certificates of the alias, too.")
    ] = False,
) -> Probe:
    """
    Test an endpoint.

    The gateway makes a TLS handshake with the backend and decides with the current trust settings, and with
    `certificate` if there is one. No request is sent to the backend, and nothing is stored.
    """
    data = None if certificate is None else await run_in_threadpool(read_upload, certificate)
    change = Change(data, password or None, alias or None, keep)
    terms = await run_in_threadpool(find_terms_to_test, context, runtime.sealing, endpoint, change)
    context.release()
    outcome = await runtime.probes.probe(context.user, endpoint, terms, gateway)
    return {
        **_describe_connection(endpoint, outcome.presentation, outcome.gateway),
        "presented": [
            {**describe_certificate(certificate, context.now), "role": role}
            for certificate, role in _list_roles(outcome.presentation)
        ],
        "verdict": _describe_verdict(outcome),
        "findings": describe_findings(outcome.findings),
    }


@router.post("/fetch")
async def fetch_certificates(
    runtime: CurrentRuntime, context: RequestContext, endpoint: Url, gateway: GatewayName = ""
) -> FetchedChain:
    """
    Fetch the certificates of an endpoint.

    Returns the certificates that the backend presents, which aren't verified, and what it would mean to trust each.
    Compare a fingerprint with one you got through another channel before you import a certificate. Nothing is stored.
    """
    terms = await run_in_threadpool(find_terms_to_test, context, runtime.sealing, endpoint)
    context.release()
    presentation, place = await runtime.probes.fetch(context.user, endpoint, terms, gateway)
    chain = presentation.chain if isinstance(presentation, Presentation) else ()
    choices: list[TrustChoice] = [
        {
            "kind": choice.kind,
            "fingerprint": choice.certificate.fingerprint,
            "sentence": choice.sentence,
            "importable": not (why_not := explain_refusal(choice.certificate, terms.trust.anchors, context.now)),
            "reason": why_not,
        }
        for choice in list_choices(chain)
    ]
    return {
        **_describe_connection(endpoint, presentation, place),
        "presented": [
            {**describe_certificate(certificate, context.now), "role": role, "pem": certificate.pem}
            for certificate, role in _list_roles(presentation)
        ],
        "choices": choices,
    }


def _list_roles(presentation: Presentation | FailedHandshake) -> Sequence[tuple[Certificate, ChainRole]]:
    return presentation.certificates.with_roles if isinstance(presentation, Presentation) else ()


def _describe_connection(endpoint: str, presentation: Presentation | FailedHandshake, gateway: str) -> Connection:
    if isinstance(presentation, FailedHandshake):
        return {
            "endpoint": endpoint.strip(),
            "gateway": gateway,
            "address": presentation.address,
            "unreadable": [],
            "sent": 0,
            "leftOut": 0,
            "tlsVersion": "",
            "cipher": "",
            "alpn": "",
            "clientCertificateRequested": False,
            "problem": {"code": presentation.obstacle.value, "message": presentation.text},
        }
    chain = presentation.certificates
    return {
        "endpoint": endpoint.strip(),
        "gateway": gateway,
        "address": presentation.address,
        "unreadable": [describe_unreadable(certificate) for certificate in chain.unreadable],
        "sent": chain.count,
        "leftOut": len(chain.unreadable) + chain.beyond,
        "tlsVersion": presentation.tls_version,
        "cipher": presentation.cipher,
        "alpn": presentation.alpn,
        "clientCertificateRequested": presentation.asks_for_certificate,
        "problem": {"code": "connection_ended", "message": presentation.end_reason}
        if presentation.end_reason
        else None,
    }


def _describe_verdict(outcome: ProbeOutcome) -> ProbeVerdict:
    verdict, acceptance, explanation = outcome.verdict, outcome.acceptance, outcome.explanation
    return {
        "accepted": verdict.accepted,
        "result": acceptance.result,
        "because": _list_reasons(acceptance),
        "replacedStillPresented": acceptance.needs_removed,
        "answeredBy": verdict.by,
        "code": verdict.cause,
        "message": explanation.sentence,
        "remedy": explanation.remedy,
        "action": explanation.action,
        "causes": list_causes(verdict),
        "suggestedCertificate": describe_suggestion(verdict) if explanation.action else None,
        "reason": verdict.reason,
        "address": verdict.address,
        "tlsVersion": verdict.tls_version,
        "cipher": verdict.cipher,
        "fingerprint": verdict.fingerprint,
    }


def _list_reasons(acceptance: Acceptance) -> list[AcceptanceReason]:
    reasons: list[AcceptanceReason] = [
        {"kind": "endpoint_certificate", "alias": certificate.alias, "previous": certificate.is_previous}
        for certificate in acceptance.stored_certificates
    ]
    if acceptance.by_public_roots:
        reasons.append({"kind": "public_roots"})
    if acceptance.unverified_until:
        reasons.append({"kind": "exception", "until": acceptance.unverified_until.isoformat()})
    return reasons
