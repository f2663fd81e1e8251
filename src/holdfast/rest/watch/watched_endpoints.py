"""
`/watched-endpoints`: what backends present, and since when.
"""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

from holdfast.apis.watch.watched_endpoint import Changes, Silence, WatchStatus
from holdfast.certificates.description import describe_certificate
from holdfast.rest.authentication import RequestContext
from holdfast.rest.errors import PREFIX
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, paginate
from holdfast.rest.router import Router
from holdfast.rest.watch import responses
from holdfast.rest.watch.responses import PresentedChains, WatchedEndpoint, WatchedEndpoints, WatchedEndpointWithChain
from holdfast.services.watch import watched_endpoints
from holdfast.services.watch.watched_endpoints import WatchedBackend, WatchSelection

PATH = f"{PREFIX}/watched-endpoints"
router = Router(prefix=PATH, tags=["Watched endpoints"])


@router.get("")
def list_watched_endpoints(
    context: RequestContext,
    status: Annotated[WatchStatus | None, Query(description="Only endpoints with this status.")] = None,
    api: Annotated[str, Query(alias="apiId", description="Only endpoints of this API.")] = "",
    endpoint: Annotated[str, Query(description="Only the endpoint with the origin of this URL.")] = "",
    expires_before: Annotated[
        datetime | None,
        Query(alias="expiresBefore", description="Only endpoints whose certificate expires before this time."),
    ] = None,
    query: Annotated[
        str,
        Query(description="Part of the endpoint, or of the name or issuer of what its backend presents, in any case."),
    ] = "",
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
) -> WatchedEndpoints:
    """
    List what backends present.

    Returns every https endpoint of APIs that aren't retired, once for each origin, with the certificate that its
    backend presented when a gateway last looked, and whether it is trusted.
    """
    before = as_utc(expires_before)
    criteria = WatchSelection(status, api, endpoint, before, query)
    page, total = watched_endpoints.list_watched_endpoints(context, criteria, offset, limit)
    filters = {
        "endpoint": endpoint,
        "status": status.value if status else "",
        "apiId": api,
        "expiresBefore": before.isoformat() if before else "",
        "query": query,
    }
    return {
        "count": len(page),
        "list": [_describe(backend, context.now) for backend in page],
        "pagination": paginate(PATH, filters, offset, limit, total),
    }


@router.get("/{endpoint_id}")
def get_watched_endpoint(context: RequestContext, endpoint_id: str) -> WatchedEndpointWithChain:
    """
    Get what a backend presents.
    """
    backend, chain = watched_endpoints.get_watched_endpoint(context, endpoint_id)
    certificates = [describe_certificate(certificate, context.now) for certificate in chain]
    return {**_describe(backend, context.now), "certificates": certificates}


@router.get("/{endpoint_id}/history")
def list_history(
    context: RequestContext, endpoint_id: str, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0
) -> PresentedChains:
    """
    List what a backend presented.

    Returns the last 50 chains, and only those of the last 400 days. `changes` says what differs from the chain before.
    """
    page, total = watched_endpoints.list_history(context, endpoint_id, offset, limit)
    return {
        "count": len(page),
        "list": [
            {
                "firstSeen": chain.first_at.isoformat(),
                "lastChange": chain.last_at.isoformat(),
                "changes": list(chain.changes),
                "certificates": [describe_certificate(certificate, context.now) for certificate in chain.certificates],
            }
            for chain in page
        ],
        "pagination": paginate(f"{PATH}/{endpoint_id}/history", {}, offset, limit, total),
    }


def as_utc(moment: datetime | None) -> datetime | None:
    """Return *moment* as an aware time; without an offset, it is UTC."""
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def _describe(backend: WatchedBackend, now: datetime) -> WatchedEndpoint:
    endpoint = backend.endpoint
    summary, coverage = endpoint.certificate, endpoint.coverage
    is_trusted = endpoint.is_trusted(now) if coverage else None
    return {
        "id": endpoint.id,
        "endpoint": endpoint.origin,
        "status": endpoint.assess_status(now),
        "apis": [{"id": api.id, "name": api.name, "version": api.version} for api in backend.apis],
        "presented": {
            "name": summary.name,
            "issuer": summary.issuer,
            "expires": summary.expires_at.isoformat(),
            "since": summary.since.isoformat(),
        }
        if summary
        else None,
        "trusted": is_trusted,
        "trustedUntil": coverage.until.isoformat() if coverage and coverage.until else None,
        "cause": endpoint.explain_rejection(now),
        "decidedBy": ("gateway" if coverage.by_gateway else "comparison") if coverage else None,
        "changed": _describe_changes(endpoint.changes),
        "unreachable": _describe_silence(endpoint.silence) if endpoint.silence else None,
    }


def _describe_changes(changes: Changes) -> responses.Changes:
    any_, key, issuer, names = (
        moment.isoformat() if moment else None for moment in (changes.at, changes.key, changes.issuer, changes.names)
    )
    return {"any": any_, "key": key, "issuer": issuer, "names": names}


def _describe_silence(silence: Silence) -> responses.Silence:
    return {
        "since": silence.since.isoformat(),
        "cause": silence.cause,
        "attempts": silence.attempts,
        "retry": silence.retry_at.isoformat(),
    }
