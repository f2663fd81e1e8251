"""
Enrolling gateways: create join tokens, list gateways and revoke them.

Gateways belong to the installation, so only admins of the default organization manage them.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.apis.gateways import join_token
from holdfast.apis.gateways.gateway import MAX_GATEWAYS, Gateway, check_gateway_name, check_placement
from holdfast.services.access.accounts import hash_token
from holdfast.services.access.audit import write_down
from holdfast.services.access.context import Context
from holdfast.services.errors import Conflict, NotFound
from holdfast.services.gateways.authority import get_authority
from holdfast.services.gateways.groups import refuse_unknown_group
from holdfast.services.gateways.operators import require_operator
from holdfast.store.audit import Action, CertificateFingerprint, NewJoinToken
from holdfast.store.gateways import gateways, join_tokens
from holdfast.store.sealing import Sealing

TOKEN_LASTS = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Enrollment:
    """A gateway that can join now, and the text of its token, of which only a hash is stored."""

    gateway: Gateway
    token: str = field(repr=False)


def create_join_token(
    context: Context,
    sealing: Sealing,
    name: str,
    group: str = "",
    labels: Mapping[str, str] | None = None,
    pins: Iterable[bytes] = (),
) -> Enrollment:
    """
    Create the token with which the gateway *name* can join once, within TOKEN_LASTS.

    An earlier token that wasn't used becomes invalid. If the gateway has joined before, it keeps its certificate,
    group and labels until it joins with this token. *pins* are the SHA-256 of the publisher's TLS keys.

    Raises:
        NotPermitted: The user isn't an admin of the default organization.
        InvalidField: The name or the labels aren't allowed, or there is no such group.
        Conflict: There are too many gateways.
        AuthorityLost: No gateway could join, because the key of the CA can't be decrypted.
    """
    require_operator(context)
    placement = check_placement(group, labels or {})
    check_gateway_name(name)
    get_authority(context.store, sealing, context.now)
    token = join_token.create_token(pins).text
    expires_at = context.now + TOKEN_LASTS
    with context.write() as session:
        refuse_unknown_group(session, placement.group)
        gateway = gateways.get(session, DEFAULT_ORGANIZATION, name)
        if gateway is None:
            if gateways.count(session, DEFAULT_ORGANIZATION) >= MAX_GATEWAYS:
                raise Conflict("name", f"There are {MAX_GATEWAYS:,} gateways, which is the limit. Revoke one first.")
            gateway = Gateway(str(uuid.uuid4()), DEFAULT_ORGANIZATION, name, placement, context.now)
            gateways.insert(session, gateway)
        elif gateway.certificate is None:
            gateway = replace(gateway, placement=placement)
            gateways.update_placement(session, gateway)
        join_tokens.replace_unused(session, gateway, placement, hash_token(token), context.now, expires_at)
        details = NewJoinToken(placement.group, expires_at)
        write_down(session, context.user, context.now, Action.ENROLL_GATEWAY, name, details)
        return Enrollment(replace(gateway, join_by=expires_at), token)


def get_gateway(context: Context, name: str) -> Gateway:
    """Return a gateway. Raises NotPermitted, NotFound."""
    require_operator(context)
    with context.read() as session:
        return _find_gateway(session, name)


def revoke_gateway(context: Context, name: str) -> None:
    """
    Delete a gateway, its certificates and its unused token: it can no longer connect, and its streams end.

    Raises NotPermitted, NotFound.
    """
    require_operator(context)
    with context.write() as session:
        gateway = _find_gateway(session, name)
        gateways.remove(session, gateway)
        details = CertificateFingerprint(gateway.certificate.fingerprint if gateway.certificate else "")
        write_down(session, context.user, context.now, Action.REVOKE_GATEWAY, name, details)


def _find_gateway(session: Session, name: str) -> Gateway:
    gateway = gateways.get(session, DEFAULT_ORGANIZATION, name)
    if gateway is None:
        raise NotFound("gateway", name)
    return gateway
