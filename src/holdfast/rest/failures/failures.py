"""
`/failures`: why requests to backends failed, for all APIs, and for a single request.
"""

from typing import Annotated

from fastapi import Query

from holdfast.certificates.description import describe_certificate
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.errors import PREFIX
from holdfast.rest.failures import responses
from holdfast.rest.failures.responses import ExaminedBackend, FailedRequest, FailureCause, Failures
from holdfast.rest.inputs import Time
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, paginate
from holdfast.rest.probing.verdicts import describe_suggestion, list_causes, write_difference
from holdfast.rest.router import Router
from holdfast.rest.shapes import describe_unreadable
from holdfast.services.failures import diagnosis
from holdfast.services.failures.acknowledgements import LASTS
from holdfast.services.failures.diagnosis import FailureFilter
from holdfast.services.failures.failed_calls import FailedCall
from holdfast.services.failures.failure import Failure
from holdfast.store.catalog.failure_acknowledgements import Acknowledgement

router = Router(prefix=f"{PREFIX}/failures", tags=["Failures"])


@router.get("")
def list_failures(
    runtime: CurrentRuntime,
    context: RequestContext,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    api_id: Annotated[str, Query(alias="apiId", description="Only failures of this API.")] = "",
    code: Annotated[str, Query(description="Only failures with this cause.")] = "",
    gateway: Annotated[str, Query(description="Only failures at this gateway.")] = "",
    since: Annotated[Time | None, Query(description="Only failures that were seen since this time.")] = None,
    acknowledged: Annotated[bool | None, Query(description="Only failures that are, or aren't, acknowledged.")] = None,
) -> Failures:
    """
    List failures.

    Returns the latest failure of each backend since `startedTime`, the one that began last first. Gateways report only
    failures, so a backend in the list may work by now.
    """
    criteria = FailureFilter(api_id, code, gateway, since, acknowledged)
    page = diagnosis.list_failures(context, runtime.failures, criteria, offset, limit)
    values = {
        "apiId": api_id,
        "code": code,
        "gateway": gateway,
        "since": since.isoformat() if since else "",
        "acknowledged": "" if acknowledged is None else str(acknowledged).lower(),
    }
    filters = {name: value for name, value in values.items() if value}
    return {
        "count": len(page.backends),
        "list": [
            {
                **describe_failure(backend.failure, backend.endpoint),
                "apiId": backend.api.id,
                "apiName": backend.api.name,
                "apiVersion": backend.api.version,
                "acknowledgement": describe_acknowledgement(backend.acknowledgement)
                if backend.acknowledgement
                else None,
            }
            for backend in page.backends
        ],
        "startedTime": runtime.failures.started_at.isoformat(),
        "pagination": paginate(f"{PREFIX}/failures", filters, offset, limit, page.total),
    }


@router.get("/{request_id}")
def get_failed_request(runtime: CurrentRuntime, context: RequestContext, request_id: str) -> FailedRequest:
    """
    Get a failed request.

    Returns why a recent request failed, by the request ID in the response that the caller got. Members about an API are
    null if the request belongs to none.
    """
    request = diagnosis.find_request(context, runtime.failures, runtime.other_requests, request_id)
    return {
        **_describe_call(request.call),
        "time": request.call.at.isoformat(),
        "apiId": request.call.api_id or None,
        "apiName": request.api.name if request.api else None,
        "apiVersion": request.api.version if request.api else None,
        "endpoint": request.endpoint or None,
    }


def describe_failure(failure: Failure, endpoint: str) -> responses.Failure:
    """Describe the latest failure of a backend, by the URL of its *endpoint*, at a gateway."""
    return {
        **_describe_call(failure.latest),
        "since": failure.since.isoformat(),
        "last": failure.last.isoformat(),
        "times": failure.count,
        "endpoint": endpoint,
    }


def describe_acknowledgement(acknowledgement: Acknowledgement) -> responses.Acknowledgement:
    """Describe who acknowledged the failures of a backend, and until when."""
    return {
        "user": acknowledgement.user,
        "time": acknowledgement.at.isoformat(),
        "until": (acknowledgement.at + LASTS).isoformat(),
    }


def _describe_call(call: FailedCall) -> FailureCause:
    explanation = call.explanation
    return {
        "environment": call.environment,
        "gateway": call.gateway,
        "upstream": call.upstream,
        "code": call.cause,
        "message": explanation.sentence,
        "remedy": explanation.remedy,
        "action": explanation.action,
        "reason": call.reason,
        "flags": sorted(call.evidence.flags),
        "requestId": call.request_id,
        "traceId": call.trace_id or None,
        **_describe_probe(call),
    }


def _describe_probe(call: FailedCall) -> ExaminedBackend:
    """Describe the result of a probe of the backend; members are null before the first one."""
    probe = call.probe
    agrees = probe is not None and probe.confirms(call.reported_cause)
    return {
        "examinedTime": probe.at.isoformat() if probe else None,
        "presented": [describe_certificate(certificate, probe.at) for certificate in probe.presented]
        if probe
        else None,
        "unreadable": [describe_unreadable(certificate) for certificate in probe.unreadable] if probe else None,
        "difference": write_difference(probe.difference) if probe else None,
        "causes": list_causes(probe.verdict) if probe and agrees else [{"code": call.cause, "difference": None}],
        "suggestedCertificate": describe_suggestion(probe.verdict) if probe and agrees else None,
    }
