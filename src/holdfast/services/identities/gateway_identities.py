"""
Gateway identities: the client certificates that gateways present to the backends of an origin.

Keys are stored encrypted and never returned. Gateway identities don't affect which backends are trusted, and have
their own permission.
"""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import Endpoint
from holdfast.apis.identities.gateway_identity import (
    GatewayIdentity,
    PendingRequest,
    RequestDraft,
    check_request,
)
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.formats.credentials import build_chain
from holdfast.certificates.formats.parsing import SkippedPart
from holdfast.certificates.formats.private_keys import make_key, open_key
from holdfast.certificates.signing_requests import make_signing_request
from holdfast.certificates.validity import explain_expiry
from holdfast.services.access.audit import SYSTEM, write_down
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.access.principal import Principal
from holdfast.services.control_planes.sealing_key import replace_sealed_value
from holdfast.services.errors import CertificateExpired, NotFound
from holdfast.services.trust.endpoints import refuse_foreign, secure_endpoint
from holdfast.services.trust.uploads import open_credential, open_upload
from holdfast.store.access import accounts
from holdfast.store.audit import Action, CertificateRequest, CertificatesOf, DiscardedRequest
from holdfast.store.catalog import apis, endpoint_security
from holdfast.store.database import Store
from holdfast.store.gateways import authorities
from holdfast.store.identities import gateway_identities
from holdfast.store.journal import ChangeKind
from holdfast.store.notifications import channels
from holdfast.store.sealing import CannotUnseal, Sealing

log = structlog.get_logger()
_KIND, _REQUEST_KIND = "gateway identity", "certificate signing request"


@dataclass(frozen=True, slots=True)
class IdentityImport:
    """The stored identity, and the parts of the files that were ignored."""

    entry: GatewayIdentity
    ignored_parts: tuple[SkippedPart, ...]


def get_gateway_identity(context: Context, endpoint: str) -> GatewayIdentity | None:
    """
    Return the identity that gateways present at the origin of *endpoint*, None if none. Every role can view it.

    Raises InvalidField, EndpointNeedsNoCertificate.
    """
    context.user.require(Permission.VIEW_APIS)
    target = secure_endpoint(endpoint)
    with context.read() as session:
        refuse_foreign(session, context, target)
        return gateway_identities.get(session, context.user.organization, str(target.origin))


def import_gateway_identity(
    context: Context,
    sealing: Sealing,
    endpoint: str,
    data: bytes,
    password: str | None,
    key: bytes = b"",
) -> IdentityImport:
    """
    Present the chain in *data* from now on, with the key in *data* or in the file *key*; *password* opens both.

    This replaces the current identity; a pending certificate signing request stays pending.

    Raises:
        NotPermitted: The user lacks the permission.
        InvalidField, EndpointNeedsNoCertificate: *endpoint* isn't an https endpoint of an API.
        CertificateError: The files can't be used, or key and certificate don't match.
        CertificateExpired: Backends would reject it.
    """
    context.user.require(Permission.MANAGE_GATEWAY_IDENTITIES)
    target = secure_endpoint(endpoint)
    _refuse_foreign_first(context, target)
    credential = open_credential(context, data, password, key)  # before the write transaction, because it can take long
    _refuse_expired(credential.chain[0], context.now)
    with context.write() as session:
        refuse_foreign(session, context, target)
        before = _get_or_build(session, context, target)
        sealed_key = sealing.seal(credential.key.der, context.user.organization, before.id)
        after = replace(
            before, endpoint=target.base_url, chain=credential.chain, sealed_key=sealed_key, updated_at=context.now
        )
        gateway_identities.save(session, after)
        _record(session, context, Action.IMPORT_IDENTITY, after, before)
        return IdentityImport(after, credential.ignored)


def make_request(context: Context, sealing: Sealing, endpoint: str, draft: RequestDraft) -> GatewayIdentity:
    """
    Create a key and a certificate signing request for a CA; an earlier pending request is replaced.

    Gateways present the current identity until the signed certificate is imported.

    Raises:
        NotPermitted, InvalidField, EndpointNeedsNoCertificate
    """
    context.user.require(Permission.MANAGE_GATEWAY_IDENTITIES)
    target = secure_endpoint(endpoint)
    subject = check_request(draft)
    _refuse_foreign_first(context, target)
    context.release()  # generating an RSA key takes a while
    key = make_key(subject.key_type)
    request = make_signing_request(key, subject.common_name, subject.dns_names)
    with context.write() as session:
        refuse_foreign(session, context, target)
        before = _get_or_build(session, context, target)
        pending = PendingRequest(request, sealing.seal(key.der, context.user.organization, before.id), context.now)
        after = replace(before, endpoint=target.base_url, pending=pending, updated_at=context.now)
        gateway_identities.save(session, after)
        details = CertificateRequest(target.base_url, request.subject, key.kind)
        write_down(session, context.user, context.now, Action.REQUEST_IDENTITY, after.origin, details)
        return after


def import_answer(context: Context, sealing: Sealing, endpoint: str, data: bytes) -> IdentityImport:
    """
    Present the signed certificate in *data*, with its chain, from now on; it must match the pending request.

    Raises:
        NotPermitted, InvalidField, EndpointNeedsNoCertificate
        NotFound: No request is pending.
        CertificateError: The file can't be used; KeyMismatch: it was issued for another request.
        CertificateExpired: Backends would reject it.
        CannotUnseal: The key of the request can't be decrypted.
    """
    context.user.require(Permission.MANAGE_GATEWAY_IDENTITIES)
    target = secure_endpoint(endpoint)
    _refuse_foreign_first(context, target)
    upload = open_upload(context, data)
    with context.write() as session:
        before = _find_identity(session, context, target)
        if before.pending is None:
            raise NotFound(_REQUEST_KIND, str(target.origin))
        key = open_key(sealing.open(before.pending.sealed_key, context.user.organization, before.id))
        chain, ignored_parts = build_chain(key.spki_fingerprint, upload)
        _refuse_expired(chain[0], context.now)
        after = replace(before, chain=chain, sealed_key=before.pending.sealed_key, pending=None, updated_at=context.now)
        gateway_identities.save(session, after)
        _record(session, context, Action.IMPORT_ANSWER, after, before)
        return IdentityImport(after, ignored_parts)


def discard_request(context: Context, endpoint: str) -> None:
    """Delete the pending request and its key. Raises NotPermitted, NotFound, InvalidField."""
    context.user.require(Permission.MANAGE_GATEWAY_IDENTITIES)
    target = secure_endpoint(endpoint)
    with context.write() as session:
        before = _find_identity(session, context, target)
        if before.pending is None:
            raise NotFound(_REQUEST_KIND, str(target.origin))
        after = replace(before, pending=None, updated_at=context.now)
        if after.chain:
            gateway_identities.save(session, after)
        else:
            gateway_identities.remove(session, after)
        details = DiscardedRequest(target.base_url)
        write_down(session, context.user, context.now, Action.DISCARD_REQUEST, after.origin, details)


def remove_gateway_identity(context: Context, endpoint: str) -> None:
    """Delete the identity at the origin of *endpoint*, and its keys. Raises as `discard_request`."""
    context.user.require(Permission.MANAGE_GATEWAY_IDENTITIES)
    target = secure_endpoint(endpoint)
    with context.write() as session:
        before = _find_identity(session, context, target)
        gateway_identities.remove(session, before)
        _record(session, context, Action.REMOVE_IDENTITY, before)


def list_presenting_apis(context: Context, entry: GatewayIdentity) -> list[Api]:
    """Return the APIs with an endpoint at the entry's origin."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        return apis.list_using_origins(session, context.user.organization, {entry.origin})


def reseal_keys(store: Store, sealing: Sealing, now: datetime) -> tuple[int, int]:
    """
    Encrypt the keys of all organizations with the first sealing key, in one transaction.

    Returns how many were encrypted, and how many couldn't be decrypted; these stay as they are.
    """
    successes = failures = 0
    with store.write() as session:
        for organization in accounts.list_organizations(session):

            def reseal(old: bytes, row: str, organization: str = organization) -> bytes:
                nonlocal successes, failures
                try:
                    value = sealing.open(old, organization, row)
                except CannotUnseal as error:
                    log.error("key cannot be decrypted", organization=organization, why=error.why)
                    failures += 1
                    return old
                successes += 1
                return sealing.seal(value, organization, row)

            gateway_identities.replace_sealed_keys(session, organization, reseal)
            authorities.replace_sealed_keys(session, organization, reseal)
            channels.replace_sealed(session, organization, reseal)
            endpoint_security.replace_sealed(session, organization, reseal)
            write_down(session, Principal(organization, SYSTEM), now, Action.ROTATE_SEALING_KEY, "")
        if store.is_shared:
            replace_sealed_value(session, sealing)
    return successes, failures


def _refuse_foreign_first(context: Context, target: Endpoint) -> None:
    # Checked before expensive work, which should only be done for valid requests.
    with context.read() as session:
        refuse_foreign(session, context, target)


def _refuse_expired(certificate: Certificate, now: datetime) -> None:
    if why := explain_expiry([certificate], now, "every backend"):
        raise CertificateExpired(why)


def _find_identity(session: Session, context: Context, target: Endpoint) -> GatewayIdentity:
    identity = gateway_identities.get(session, context.user.organization, str(target.origin))
    if identity is None:
        raise NotFound(_KIND, str(target.origin))
    return identity


def _get_or_build(session: Session, context: Context, target: Endpoint) -> GatewayIdentity:
    origin = str(target.origin)
    return gateway_identities.get(session, context.user.organization, origin) or GatewayIdentity(
        id=str(uuid.uuid4()),
        organization=context.user.organization,
        origin=origin,
        endpoint=target.base_url,
        chain=(),
        sealed_key=None,
        pending=None,
        created_at=context.now,
        updated_at=context.now,
    )


def _record(
    session: Session, context: Context, action: Action, entry: GatewayIdentity, before: GatewayIdentity | None = None
) -> None:
    removals = _list_fingerprints(before) if before else ()
    details = CertificatesOf(entry.endpoint, _list_fingerprints(entry), removed=removals)
    change: tuple[ChangeKind, str] = ("origin", entry.origin)
    write_down(session, context.user, context.now, action, entry.origin, details, change=change)


def _list_fingerprints(entry: GatewayIdentity) -> tuple[str, ...]:
    return tuple(certificate.fingerprint for certificate in entry.chain)
