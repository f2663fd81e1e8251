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
from holdfast.store.audit import Action, UnusedTrustRemoval
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

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing that could be deleted."""
        return not (self.certificates or self.settings or self.identity)


@dataclass(frozen=True, slots=True)
class TrustOutcome:
    """The trust that an API leaves behind: *unused_trust* is still in force, *deleted_trust* isn't."""

    unused_trust: tuple[UnusedTrust, ...] = ()
    deleted_trust: tuple[UnusedTrust, ...] = ()


def list_origins(api: Api) -> set[str]:
    """Return the origins of the endpoints of *api*."""
    return {str(endpoint.origin) for endpoint in api.endpoints}


def list_used_origins(session: Session, api: Api) -> set[str]:
    """Return all origins that *api* uses, including those of deployed revisions."""
    return list_origins(api) | api_origins.list_of_api(session, api.organization, api.id)


def find_unused(context: Context, origins: Collection[str] | None = None) -> list[UnusedTrust]:
    """List the trust that no API uses, by origin; with *origins*, only for these."""
    context.user.require(Permission.VIEW_ENDPOINT_CERTIFICATES)
    with context.read() as session:
        return _find_trust(session, context, unused_origins.find(session, context.user.organization, origins))


def find_used_only_by(context: Context, api: Api) -> list[UnusedTrust]:
    """List the trust that no API would use if *api* were deleted, by origin."""
    context.user.require(Permission.VIEW_ENDPOINT_CERTIFICATES)
    with context.read() as session:
        users = apis.list_ids_by_origin(session, context.user.organization, list_used_origins(session, api))
        return _find_trust(session, context, sorted(origin for origin, ids in users.items() if ids == [api.id]))


def delete_unused(context: Context, origins: Collection[str]) -> TrustOutcome:
    """
    Delete the trust of *origins* that no API uses. Certificates can be restored for 30 days, the rest can't.

    Raises:
        NotPermitted: The user can't delete certificates.
        NotFound: These origins have no unused trust.
    """
    context.user.require(Permission.CHANGE_ENDPOINT_CERTIFICATES)
    with context.write() as session:
        outcome = settle(session, context, origins, delete=True)
    if not (outcome.deleted_trust or outcome.unused_trust):
        raise NotFound("unused trust for", ", ".join(sorted(origins)))
    return outcome


def settle(session: Session, context: Context, origins: Collection[str], *, delete: bool) -> TrustOutcome:
    """
    Return the trust of *origins* that no API uses; with *delete*, delete it. Runs in the caller's transaction.

    Trust settings and gateway identities that the user can't change are kept. Raises NotPermitted.
    """
    if delete:
        context.user.require(Permission.CHANGE_ENDPOINT_CERTIFICATES)
    elif not context.user.may(Permission.VIEW_ENDPOINT_CERTIFICATES):
        return TrustOutcome()  # a token that can delete APIs, but not view certificates
    before = _find_trust(session, context, unused_origins.find(session, context.user.organization, origins))
    if not delete:
        return TrustOutcome(unused_trust=tuple(before))
    deletions = [_delete(session, context, trust) for trust in before]
    after = _find_trust(session, context, [trust.origin for trust in before])
    return TrustOutcome(tuple(after), tuple(trust for trust in deletions if not trust.is_empty))


def _find_trust(session: Session, context: Context, origins: Collection[str]) -> list[UnusedTrust]:
    organization = context.user.organization
    certificates = endpoint_certificates.list_of_origins(session, organization, origins)
    settings_by_origin = trust_settings.list_by_origin(session, organization, origins)
    result = []
    for origin in origins:
        settings = settings_by_origin.get(origin)
        trust = UnusedTrust(
            origin,
            tuple(entry for entry in certificates if entry.origin == origin),
            settings if settings != TrustSettings(organization, origin) else None,
            gateway_identities.get(session, organization, origin),
        )
        if not trust.is_empty:
            result.append(trust)
    return result


def _delete(session: Session, context: Context, trust: UnusedTrust) -> UnusedTrust:
    """Delete the parts of *trust* that the user can; return those."""
    if trust.certificates:
        removal.delete_entries(session, context, trust.certificates)
    settings = trust.settings if context.user.may(Permission.CHANGE_TRUST_SETTINGS) else None
    identity = trust.identity if context.user.may(Permission.MANAGE_GATEWAY_IDENTITIES) else None
    if settings:
        trust_settings.remove(session, context.user.organization, trust.origin)
        nothing = TrustSettings(context.user.organization, trust.origin)
        details = UnusedTrustRemoval(settings=compare_settings(settings, nothing).settings)
        _record(session, context, Action.DELETE_TRUST_SETTINGS, trust.origin, details)
    if identity:
        gateway_identities.remove(session, identity)
        details = UnusedTrustRemoval(removed=tuple(certificate.fingerprint for certificate in identity.chain))
        _record(session, context, Action.REMOVE_IDENTITY, trust.origin, details)
    return replace(trust, settings=settings, identity=identity)


def _record(session: Session, context: Context, action: Action, origin: str, details: UnusedTrustRemoval) -> None:
    write_down(session, context.user, context.now, action, origin, details, change=("origin", origin))
