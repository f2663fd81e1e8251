"""
Trust that no API uses, left behind when an API is deleted or its endpoints change: list and delete it.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.identities.gateway_identity import GatewayIdentity
from holdfast.apis.trust.endpoint_certificate import EndpointCertificate
from holdfast.apis.trust.trust_settings import TrustSettings
from holdfast.services.access.audit import write_down
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.errors import NotFound
from holdfast.services.trust import removal
from holdfast.services.trust.trust_settings import compare_settings
from holdfast.store import api_origins
from holdfast.store.audit import Action, Unused
from holdfast.store.catalog import apis
from holdfast.store.identities import gateway_identities
from holdfast.store.trust import endpoint_certificates, trust_settings, unused_origins


@dataclass(frozen=True, slots=True)
class UnusedTrust:
    """Certificates, trust settings and gateway identity of an origin where no API has an endpoint."""

    origin: str
    certificates: tuple[EndpointCertificate, ...]  # by alias
    settings: TrustSettings | None
    identity: GatewayIdentity | None


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """The trust that an API leaves behind: *kept* is still in force, *deleted* isn't."""

    kept: tuple[UnusedTrust, ...] = ()
    deleted: tuple[UnusedTrust, ...] = ()


def origins_of(api: Api) -> set[str]:
    """Return the origins of the endpoints of *api*."""
    return {str(endpoint.origin) for endpoint in api.endpoints}


def used_origins(session: Session, api: Api) -> set[str]:
    """Return all origins that *api* uses, including those of deployed revisions."""
    return origins_of(api) | api_origins.list_of_api(session, api.organization, api.id)


def find_unused(context: Context, origins: Collection[str] | None = None) -> list[UnusedTrust]:
    """List the trust that no API uses, by origin; with *origins*, only for these."""
    context.user.require(Permission.VIEW_ENDPOINT_CERTIFICATES)
    with context.read() as session:
        return _find_trust(session, context, unused_origins.find(session, context.user.organization, origins))


def find_used_only_by(context: Context, api: Api) -> list[UnusedTrust]:
    """List the trust that no API would use if *api* were deleted, by origin."""
    context.user.require(Permission.VIEW_ENDPOINT_CERTIFICATES)
    with context.read() as session:
        users = apis.list_ids_by_origin(session, context.user.organization, used_origins(session, api))
        return _find_trust(session, context, sorted(origin for origin, ids in users.items() if ids == [api.id]))


def delete_unused(context: Context, origins: Collection[str]) -> LeftBehind:
    """
    Delete the trust of *origins* that no API uses. Certificates can be restored for 30 days, the rest can't.

    Raises:
        NotPermitted: The user can't delete certificates.
        NotFound: These origins have no unused trust.
    """
    context.user.require(Permission.CHANGE_ENDPOINT_CERTIFICATES)
    with context.write() as session:
        outcome = settle(session, context, origins, delete=True)
    if not (outcome.deleted or outcome.kept):
        raise NotFound("unused trust for", ", ".join(sorted(origins)))
    return outcome


def settle(session: Session, context: Context, origins: Collection[str], *, delete: bool) -> LeftBehind:
    """
    Return the trust of *origins* that no API uses; with *delete*, delete it. Runs in the caller's transaction.

    Trust settings and gateway identities that the user can't change are kept. Raises NotPermitted.
    """
    if delete:
        context.user.require(Permission.CHANGE_ENDPOINT_CERTIFICATES)
    elif not context.user.may(Permission.VIEW_ENDPOINT_CERTIFICATES):
        return LeftBehind()  # a token that can delete APIs, but not view certificates
    unused = _find_trust(session, context, unused_origins.find(session, context.user.organization, origins))
    if not delete:
        return LeftBehind(kept=tuple(unused))
    deleted = [_delete(session, context, trust) for trust in unused]
    kept = _find_trust(session, context, [trust.origin for trust in unused])
    return LeftBehind(
        tuple(kept), tuple(trust for trust in deleted if trust.certificates or trust.settings or trust.identity)
    )


def _find_trust(session: Session, context: Context, origins: Collection[str]) -> list[UnusedTrust]:
    organization = context.user.organization
    certificates = endpoint_certificates.list_of_origins(session, organization, origins)
    settings = trust_settings.list_by_origin(session, organization, origins)
    unused = []
    for origin in origins:
        decided = settings.get(origin)
        trust = UnusedTrust(
            origin,
            tuple(entry for entry in certificates if entry.origin == origin),
            decided if decided != TrustSettings(organization, origin) else None,
            gateway_identities.get(session, organization, origin),
        )
        if trust.certificates or trust.settings or trust.identity:
            unused.append(trust)
    return unused


def _delete(session: Session, context: Context, unused: UnusedTrust) -> UnusedTrust:
    """Delete the parts of *unused* that the user can; return those."""
    for entry in unused.certificates:
        removal.delete_entry(session, context, entry)
    settings = unused.settings if context.user.may(Permission.CHANGE_TRUST_SETTINGS) else None
    identity = unused.identity if context.user.may(Permission.MANAGE_GATEWAY_IDENTITIES) else None
    if settings:
        trust_settings.remove(session, context.user.organization, unused.origin)
        nothing = TrustSettings(context.user.organization, unused.origin)
        details = Unused(settings=compare_settings(settings, nothing).settings)
        _record(session, context, Action.DELETE_TRUST_SETTINGS, unused.origin, details)
    if identity:
        gateway_identities.remove(session, identity)
        details = Unused(removed=tuple(certificate.fingerprint for certificate in identity.chain))
        _record(session, context, Action.REMOVE_IDENTITY, unused.origin, details)
    return replace(unused, settings=settings, identity=identity)


def _record(session: Session, context: Context, action: Action, origin: str, details: Unused) -> None:
    write_down(session, context.user, context.now, action, origin, details, changed=("origin", origin))
