"""
Issuing certificates to gateways: in exchange for a join token, and for a certificate that is still accepted.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.apis.gateways.enrollment_key import EnrollmentKey, find_group
from holdfast.apis.gateways.gateway import (
    MAX_GATEWAYS,
    Gateway,
    GatewayState,
    IssuedCertificate,
    Placement,
    check_gateway_name,
)
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.gateway_certificates import issue_gateway_certificate, write_pem
from holdfast.services.access.accounts import hash_token
from holdfast.services.access.attempts import Attempts, make_client_key
from holdfast.services.access.audit import SYSTEM, write_down
from holdfast.services.access.principal import Principal
from holdfast.services.errors import Conflict, JoinRefused, RenewalRefused, RenewedJustNow
from holdfast.services.gateways.authority import get_authority
from holdfast.services.gateways.groups import refuse_unknown_group
from holdfast.store.audit import Action, CertificateFingerprint, GatewayCertificateOf
from holdfast.store.database import Transactions
from holdfast.store.gateways import certificates, gateways, join_tokens
from holdfast.store.sealing import Sealing

log = structlog.get_logger()
JOINED_BY_KEY = {"joined-with": "enrollment-key"}  # labels of gateways that nobody enrolled
RENEWAL_PAUSE = timedelta(minutes=1)  # so that a gateway can't fill the database


@dataclass(frozen=True, slots=True)
class Membership:
    """A gateway that got a certificate, that certificate and the CA's (PEM)."""

    gateway: Gateway
    certificate: str
    authority: str


def join(
    store: Transactions, sealing: Sealing, attempts: Attempts, token: str, csr: str, address: str, now: datetime
) -> Membership:
    """
    Exchange a join token for a certificate for the public key in *csr* (PEM); *address* is the client's.

    A request that can't be used doesn't use up the token. Once a gateway has joined, its earlier certificates are
    rejected.

    Raises:
        JoinRefused: The token is unknown, expired or used.
        TooManyAttempts: Earlier attempts from this address failed, so the client has to wait.
        UnusableRequest: *csr* isn't a signing request for a P-256 key, or isn't signed with that key.
        AuthorityLost: The key of the CA can't be decrypted.
    """
    token_hash = hash_token(token)
    with attempts.attempt((f"join {make_client_key(address)}",), now, cheap=True) as succeed:
        with store.read() as session:
            join_token = join_tokens.get(session, DEFAULT_ORGANIZATION, token_hash)
        if join_token is None:
            raise JoinRefused
        if join_token.used_at or join_token.expires_at <= now:
            # A second use can mean that the token was stolen, and that the first machine wasn't the intended one.
            why = "used already" if join_token.used_at else "expired"
            log.warning("join token rejected", gateway=join_token.gateway, why=why, address=address)
            raise JoinRefused
        succeed()
    authority = get_authority(store, sealing, now)
    certificate = issue_gateway_certificate(authority, csr, join_token.gateway, now)
    with store.write() as session:
        gateway = gateways.get(session, DEFAULT_ORGANIZATION, join_token.gateway)
        if gateway is None or not join_tokens.use(session, DEFAULT_ORGANIZATION, token_hash, now):
            raise JoinRefused
        after = _admit(session, replace(gateway, placement=join_token.placement), certificate, address, now)
    return Membership(after, write_pem(certificate), authority.pem)


def join_with_key(
    store: Transactions,
    sealing: Sealing,
    attempts: Attempts,
    keys: Iterable[EnrollmentKey],
    key: str,
    name: str,
    csr: str,
    address: str,
    now: datetime,
) -> Membership:
    """
    Issue a certificate to the gateway *name* in exchange for an enrollment key; create the gateway if there is none.

    A key can't be used to take over a gateway of another group. A new gateway takes the place of those that joined
    with a key and whose certificates have expired, because orchestrators don't say which machines are gone.

    Raises:
        JoinRefused: *key* isn't one of *keys*.
        InvalidField: A gateway can't have this name, or the group of the key doesn't exist.
        Conflict: The name belongs to another group, or there are too many gateways.
        TooManyAttempts, UnusableRequest, AuthorityLost: As `join`.
    """
    with attempts.attempt((f"join {make_client_key(address)}",), now, cheap=True) as succeed:
        group = find_group(keys, key)
        if group is None:
            raise JoinRefused
        succeed()
    check_gateway_name(name)
    authority = get_authority(store, sealing, now)
    certificate = issue_gateway_certificate(authority, csr, name, now)
    with store.write() as session:
        refuse_unknown_group(session, group)
        gateway = gateways.get(session, DEFAULT_ORGANIZATION, name) or _create(session, name, group, now)
        if gateway.placement.group != group:
            raise Conflict("name", f"{name} is a gateway of the group {gateway.placement.group}. Choose another name.")
        after = _admit(session, gateway, certificate, address, now)
    return Membership(after, write_pem(certificate), authority.pem)


def _create(session: Session, name: str, group: str, now: datetime) -> Gateway:
    all_gateways, count = gateways.find(session, DEFAULT_ORGANIZATION)
    for gateway in all_gateways:
        if gateway.placement.labels == JOINED_BY_KEY and gateway.assess_state(now) is GatewayState.EXPIRED:
            gateways.remove(session, gateway)
            write_down(
                session, _make_system_user(), now, Action.REVOKE_GATEWAY, gateway.name, CertificateFingerprint("")
            )
            count -= 1
    if count >= MAX_GATEWAYS:
        raise Conflict("name", f"There are {MAX_GATEWAYS:,} gateways, which is the limit. Revoke one first.")
    new_gateway = Gateway(str(uuid.uuid4()), DEFAULT_ORGANIZATION, name, Placement(group, JOINED_BY_KEY), now)
    gateways.insert(session, new_gateway)
    return new_gateway


def _admit(session: Session, gateway: Gateway, certificate: Certificate, address: str, now: datetime) -> Gateway:
    """Store that *gateway* has joined with the certificate *certificate*; its earlier ones are rejected."""
    entry = _build_entry(certificate, now)
    after = replace(gateway, enrolled_at=now, certificate=entry, join_by=None)
    gateways.update_placement(session, after)
    certificates.insert(session, after, entry)
    certificates.remove_others(session, after, [entry.fingerprint])
    details = GatewayCertificateOf(entry.fingerprint, entry.not_after, _get_fingerprint(gateway))
    write_down(session, _make_system_user(address), now, Action.JOIN_GATEWAY, after.name, details)
    return after


def renew(store: Transactions, sealing: Sealing, fingerprint: str, csr: str, now: datetime) -> Membership:
    """
    Issue another certificate to the gateway that connected with the certificate *fingerprint*.

    That one stays accepted until it expires, because the gateway may be unable to store the new one.

    Raises:
        RenewalRefused: The certificate is no longer accepted.
        RenewedJustNow: The gateway got a certificate within the last minute.
        UnusableRequest, AuthorityLost: As `join`.
    """
    authority = get_authority(store, sealing, now)
    with store.write() as session:
        holder = certificates.get_holder(session, DEFAULT_ORGANIZATION, fingerprint, now)
        gateway = gateways.get(session, DEFAULT_ORGANIZATION, holder[0]) if holder else None
        if gateway is None or gateway.certificate is None:
            raise RenewalRefused
        if now - gateway.certificate.issued_at < RENEWAL_PAUSE:
            raise RenewedJustNow(int(RENEWAL_PAUSE.total_seconds()))
        certificate = issue_gateway_certificate(authority, csr, gateway.name, now)
        entry = _build_entry(certificate, now)
        certificates.insert(session, gateway, entry)
        certificates.remove_others(session, gateway, [entry.fingerprint, fingerprint])
        details = GatewayCertificateOf(entry.fingerprint, entry.not_after, fingerprint)
        write_down(session, _make_system_user(), now, Action.RENEW_GATEWAY, gateway.name, details)
    return Membership(replace(gateway, certificate=entry), write_pem(certificate), authority.pem)


def _build_entry(certificate: Certificate, now: datetime) -> IssuedCertificate:
    return IssuedCertificate(certificate.fingerprint, certificate.not_before, certificate.not_after, now)


def _get_fingerprint(gateway: Gateway) -> str:
    return gateway.certificate.fingerprint if gateway.certificate else ""


def _make_system_user(address: str = "") -> Principal:
    return Principal(DEFAULT_ORGANIZATION, SYSTEM, address=address or None)
