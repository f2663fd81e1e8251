"""
Certificates that expire: those that are trusted for endpoints, that gateways present, of callers, and of servers.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from urllib.parse import quote

from sqlalchemy.orm import Session

from holdfast.apis.notifications.event import Condition, EventKind, Wording
from holdfast.apis.notifications.expiry import (
    DAYS,
    EXPIRED,
    FIRST,
    describe_rest,
    find_threshold,
    judge_threshold,
)
from holdfast.network.server_certificates import ServerCertificate
from holdfast.store.catalog import apis
from holdfast.store.identities import caller_certificates, gateway_identities
from holdfast.store.trust import expiring
from holdfast.store.trust.expiring import ExpiringCertificate

WITHIN = timedelta(days=DAYS[0])


def find_expiring_certificates(session: Session, organization: str, now: datetime) -> Iterator[Condition]:
    """Yield a condition for each trusted certificate that expires soon, or that has and is still in use."""
    kind = EventKind.CERTIFICATE_EXPIRY
    certificates = [
        *expiring.find(session, organization, now + WITHIN),
        *expiring.find(session, organization, now + FIRST, now + WITHIN, only_cas=True),
    ]
    using = apis.list_ids_by_origin(
        session, organization, {certificate.origin for certificate in certificates if certificate.used}
    )
    for certificate in certificates:
        threshold = find_threshold(certificate.not_after, now, is_ca=certificate.is_ca)
        if threshold is None or certificate.previous or (threshold == EXPIRED and not certificate.used):
            continue
        api_ids = using.get(certificate.origin, [])
        yield Condition(
            f"{kind.value}:{certificate.alias}:{certificate.fingerprint}",
            kind,
            threshold,
            judge_threshold(threshold),
            _describe_trusted(certificate, threshold, len(api_ids), now),
            (
                f"certificate:{certificate.alias}",
                f"origin:{certificate.origin}",
                *(f"api:{api_id}" for api_id in api_ids),
            ),
        )


def _describe_trusted(certificate: ExpiringCertificate, threshold: str, users: int, now: datetime) -> Wording:
    is_expired = threshold == EXPIRED
    what = "CA certificate" if certificate.is_ca else "certificate"
    use = "No API uses it." if not users else f"Used by {users} API{'' if users == 1 else 's'}."
    action = "Get the backend's new certificate and replace this one, before the backend switches."
    if not users:
        action = "Delete it, unless an API will use it again."
    elif is_expired:
        action = "Replace it with the certificate that the backend presents now."
    still = " and is still in use" if is_expired else ""
    return Wording(
        f"The {what} {certificate.alias} {describe_rest(certificate.not_after, now)}{still}",
        f"{certificate.common_name or certificate.issuer}, trusted for {certificate.endpoint}. {use}",
        action,
        f"/certificates/{quote(certificate.alias, safe='')}",
    )


def find_expiring_identities(session: Session, organization: str, now: datetime) -> Iterator[Condition]:
    """Yield a condition for each certificate that gateways present and that expires soon, or has."""
    kind = EventKind.IDENTITY_EXPIRY
    for identity in gateway_identities.list_of_organization(session, organization):
        using = apis.list_using_origins(session, organization, {identity.origin})
        for certificate in identity.chain:
            threshold = find_threshold(certificate.not_after, now, is_ca=certificate is not identity.chain[0])
            if threshold is None:
                continue
            what = f"The gateway identity for {identity.origin}"
            names = f"{', '.join(certificate.common_names) or certificate.subject}"
            yield Condition(
                f"{kind.value}:{identity.origin}:{certificate.fingerprint}",
                kind,
                threshold,
                judge_threshold(threshold),
                Wording(
                    f"{what} {describe_rest(certificate.not_after, now)}",
                    f"Certificate {names}. Backends that require a client certificate reject gateways after that.",
                    "Get a new certificate and import it on the Endpoints page of the API.",
                    f"/apis/{using[0].id}/endpoints?certificates" if using else "/apis",
                ),
                (f"origin:{identity.origin}", *(f"api:{api.id}" for api in using)),
            )


def find_expiring_callers(session: Session, organization: str, now: datetime) -> Iterator[Condition]:
    """Yield a condition for each caller certificate that expires soon, or has."""
    kind = EventKind.CALLER_EXPIRY
    expiring = caller_certificates.find_expiring(session, organization, now + WITHIN)
    names = apis.list_names(session, organization, {entry.api_id for entry in expiring})
    for entry in expiring:
        threshold = find_threshold(entry.not_after, now)
        api = names.get(entry.api_id)
        if threshold is None or api is None:
            continue
        yield Condition(
            f"{kind.value}:{entry.api_id}:{entry.fingerprint}",
            kind,
            threshold,
            judge_threshold(threshold),
            Wording(
                f"The caller certificate {entry.alias} of {api.name} {api.version} "
                f"{describe_rest(entry.not_after, now)}",
                "Callers with this certificate are rejected after that.",
                "Ask its owner for the new certificate and replace it, or delete it if it is no longer used.",
                f"/apis/{entry.api_id}/callers",
            ),
            (f"api:{entry.api_id}",),
        )


def find_expiring_servers(certificates: Iterable[ServerCertificate], now: datetime) -> Iterator[Condition]:
    """Yield a condition for each certificate of publisher and gateways that expires soon, or has."""
    kind = EventKind.SERVER_EXPIRY
    for certificate in certificates:
        threshold = find_threshold(certificate.not_after, now) if certificate.not_after else None
        if threshold is None or certificate.not_after is None:
            continue
        effect = "fail" if threshold == EXPIRED else "fail after that"
        yield Condition(
            f"{kind.value}:{certificate.server}:{certificate.not_after.isoformat()}",
            kind,
            threshold,
            judge_threshold(threshold),
            Wording(
                f"The {certificate.server}'s certificate {describe_rest(certificate.not_after, now)}",
                f"Connections of clients that verify it {effect}.",
                "Renew it and replace its files. Holdfast notices new files without a restart.",
                "/gateways",
            ),
            (f"server:{certificate.server}",),
        )
