"""
Certificates that backends present: those that expire, have changed, or aren't trusted, as the watch has seen.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from holdfast.apis.notifications.event import Condition, EventKind, EventSeverity, Wording
from holdfast.apis.notifications.expiry import describe_rest, find_threshold, judge_threshold
from holdfast.apis.watch.watched_endpoint import CHANGED_WITHIN, BackendCertificate, WatchedEndpoint
from holdfast.services.notifications.sources.certificates import WITHIN
from holdfast.store.catalog import apis
from holdfast.store.trust import expiring
from holdfast.store.watch import watched_endpoints
from holdfast.store.watch.watched_endpoints import WatchFilter

KIND = EventKind.PRESENTED_CERTIFICATE


def find_presented(session: Session, organization: str, now: datetime) -> Iterator[Condition]:
    """Yield the conditions of what backends present, except expiries that concern a trusted certificate, too."""
    endpoints, _ = watched_endpoints.find(session, organization, WatchFilter(), now)
    using = apis.list_ids_by_origin(session, organization, [endpoint.origin for endpoint in endpoints])
    trusted_expiries = {
        (certificate.origin, certificate.not_after)
        for certificate in expiring.find(session, organization, now + WITHIN)
        if not certificate.previous
    }
    for endpoint in endpoints:
        if endpoint.certificate is None:
            continue
        api_ids = using.get(endpoint.origin, [])
        threshold = find_threshold(endpoint.certificate.expires_at, now)
        if threshold and (endpoint.origin, endpoint.certificate.expires_at) not in trusted_expiries:
            yield _describe_expiry(endpoint, endpoint.certificate, threshold, api_ids, now)
        has_changed = endpoint.changes.at is not None and now - endpoint.changes.at < CHANGED_WITHIN
        if has_changed or endpoint.explain_rejection(now):
            yield _describe_change(endpoint, endpoint.certificate, api_ids, now)


def _describe_expiry(
    endpoint: WatchedEndpoint, certificate: BackendCertificate, threshold: str, api_ids: Sequence[str], now: datetime
) -> Condition:
    return Condition(
        f"{KIND.value}:{endpoint.origin}:{certificate.chain}",
        KIND,
        threshold,
        judge_threshold(threshold),
        Wording(
            f"The certificate of {endpoint.origin} {describe_rest(certificate.expires_at, now)}",
            f"The backend presents {certificate.name}, issued by {certificate.issuer}. Gateways reject it after that.",
            "Ask the backend's owner to renew it, and whether the new one will have another key or issuer.",
            _find_page(api_ids),
        ),
        _list_objects(endpoint, api_ids),
    )


def _describe_change(
    endpoint: WatchedEndpoint, certificate: BackendCertificate, api_ids: Sequence[str], now: datetime
) -> Condition:
    rejection, coverage = endpoint.explain_rejection(now), endpoint.coverage
    if rejection:
        title = f"Gateways don't trust the certificate of {endpoint.origin} ({rejection})"
        effect = f"Requests to it fail with {rejection}."
        action = "Verify the certificate with the backend's owner, then import it."
    else:
        title = f"{endpoint.origin} presents {_list_changes(endpoint)}"
        until = coverage.until if coverage else None
        effect = (
            f"Gateways trust it until {until:%Y-%m-%d %H:%M} UTC." if until else "It wasn't compared with trust yet."
        )
        action = "Nothing, if you expected this. Otherwise, ask the backend's owner."
    return Condition(
        f"{KIND.value}:{endpoint.origin}",
        KIND,
        f"{rejection or 'trusted'}:{certificate.chain}",
        EventSeverity.ERROR if rejection else EventSeverity.WARNING,
        Wording(
            title,
            f"Since {certificate.since:%Y-%m-%d %H:%M} UTC, the backend presents {certificate.name}, issued by "
            f"{certificate.issuer}. {effect}",
            action,
            _find_page(api_ids),
        ),
        _list_objects(endpoint, api_ids),
    )


def _list_changes(endpoint: WatchedEndpoint) -> str:
    changes = endpoint.changes
    new = [
        words
        for words, at in (("a new key", changes.key), ("a new issuer", changes.issuer), ("new names", changes.names))
        if at is not None and at == changes.at
    ]
    return " and ".join(new) or "a new certificate"


def _list_objects(endpoint: WatchedEndpoint, api_ids: Sequence[str]) -> tuple[str, ...]:
    return (f"origin:{endpoint.origin}", *(f"api:{api_id}" for api_id in api_ids))


def _find_page(api_ids: Sequence[str]) -> str:
    return f"/apis/{api_ids[0]}/endpoints?certificates" if api_ids else "/apis"
