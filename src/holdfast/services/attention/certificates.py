"""
Endpoint certificates that need attention, and gateway identities that no API uses.
"""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from urllib.parse import quote

from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.attention.item import Item, Kind, Urgency, format_count
from holdfast.services.inventory.completion import complete_facts
from holdfast.services.trust.rotation import SEEN_WITHIN
from holdfast.store.trust import unused_origins, urgent
from holdfast.store.trust.urgent import UrgentCertificates

_PATH = "/certificates"
# The values of its parameter `show`.
_SHOWN = {
    Kind.EXPIRED_IN_USE: "expired",
    Kind.EXPIRING_IN_7_DAYS: "7",
    Kind.EXPIRING_IN_30_DAYS: "30",
    Kind.EXPIRING_IN_90_DAYS: "90",
    Kind.PREVIOUS_TO_RETIRE: "previous",
    Kind.UNUSED_CERTIFICATES: "unused",
}
# Days until expiry, each of which ends one kind and begins the next.
_STAGES = (
    (7, Kind.EXPIRING_IN_7_DAYS, Urgency.SOON),
    (30, Kind.EXPIRING_IN_30_DAYS, Urgency.SOON),
    (90, Kind.EXPIRING_IN_90_DAYS, Urgency.LATER),
)


def examine_certificates(context: Context, retire_after: timedelta) -> Iterator[Item]:
    """Yield items about endpoint certificates; previous ones that aren't needed for *retire_after* can be retired."""
    context.user.require(Permission.VIEW_ENDPOINT_CERTIFICATES)
    complete_facts(context.store, context.user.organization)
    organization, now = context.user.organization, context.now
    with context.read() as session:
        unused_at = unused_origins.list_with_certificates(session, organization)
        expired_certificates = urgent.find_expiring(session, organization, now, None, unused_at)
        bounds = [now + timedelta(days=days) for days in (0, *(days for days, _, _ in _STAGES))]
        expiring = [
            urgent.find_expiring(session, organization, before, after, unused_at) for after, before in pairwise(bounds)
        ]
        retirable = urgent.find_retirable(session, organization, now, now - SEEN_WITHIN, now - retire_after)
        unused_certificates = urgent.find_unused(session, organization, unused_at)
        identities = urgent.find_unused_identities(session, organization)
    if expired_certificates.count:
        sentence = format_count(
            expired_certificates.count, "certificate in use has expired", "certificates in use have expired"
        )
        yield _describe(Kind.EXPIRED_IN_USE, Urgency.NOW, expired_certificates, sentence, "expired")
    for number, (certificates, (days, kind, urgency)) in enumerate(zip(expiring, _STAGES, strict=True)):
        if certificates.count:
            # The list that this leads to also has those of the earlier stages.
            more = "more " if any(overview.count for overview in expiring[:number]) else ""
            sentence = format_count(
                certificates.count, f"{more}certificate in use expires", f"{more}certificates in use expire"
            )
            yield _describe(kind, urgency, certificates, f"{sentence} within {days} days", "expires")
    if retirable.count:
        sentence = format_count(retirable.count, "previous certificate", "previous certificates")
        yield _describe(Kind.PREVIOUS_TO_RETIRE, Urgency.LATER, retirable, f"{sentence} can be retired", "replaced")
    if unused_certificates.count:
        sentence = format_count(
            unused_certificates.count, "certificate isn't used by any API", "certificates aren't used by any API"
        )
        yield _describe(Kind.UNUSED_CERTIFICATES, Urgency.LATER, unused_certificates, sentence, "expires")
    if identities.count:
        sentence = format_count(
            identities.count, "gateway identity isn't used by any API", "gateway identities aren't used by any API"
        )
        where = identities.endpoint
        kind, action = Kind.UNUSED_IDENTITIES, "Show what is unused"
        yield Item(kind, Urgency.LATER, identities.count, sentence, where, "/unused-certificates", action)


def _describe(kind: Kind, urgency: Urgency, certificates: UrgentCertificates, sentence: str, event: str) -> Item:
    if certificates.count == 1:
        path, action = f"{_PATH}/{quote(certificates.alias, safe='')}", "Show certificate"
    else:
        path, action = f"{_PATH}?show={_SHOWN[kind]}", "Show certificates"
    return Item(
        kind,
        urgency,
        certificates.count,
        sentence,
        f"{certificates.alias}, {certificates.endpoint}",
        path,
        action,
        event,
        certificates.at,
    )
