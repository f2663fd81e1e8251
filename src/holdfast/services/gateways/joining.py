"""
Issuing certificates to gateways: in exchange for a join token, and for a certificate that is still accepted.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.apis.gateways.gateway import Gateway, IssuedCertificate
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.gateway_certificates import issue_gateway_certificate, pem_of
from holdfast.services.access.accounts import hash_token
from holdfast.services.access.attempts import Attempts, client_key
from holdfast.services.access.audit import SYSTEM, write_down
from holdfast.services.access.principal import Principal
from holdfast.services.errors import JoinRefused, RenewalRefused, RenewedJustNow
from holdfast.services.gateways.authority import get_authority
from holdfast.store.audit import Action, GatewayCertificateOf
from holdfast.store.database import Transactions
from holdfast.store.gateways import certificates, gateways, join_tokens
from holdfast.store.sealing import Sealing

log = structlog.get_logger()
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
    keys = (f"join {client_key(address)}",)
    attempts.begin(keys, now)
    token_hash = hash_token(token)
    with store.read() as session:
        stored = join_tokens.get(session, DEFAULT_ORGANIZATION, token_hash)
    if stored is None:
        raise JoinRefused
    if stored.used_at or stored.expires_at <= now:
        # A second use can mean that the token was stolen, and that the first machine wasn't the intended one.
        why = "used already" if stored.used_at else "expired"
        log.warning("join token rejected", gateway=stored.gateway, why=why, address=address)
        raise JoinRefused
    attempts.forget(keys)
    authority = get_authority(store, sealing, now)
    issued = issue_gateway_certificate(authority, csr, stored.gateway, now)
    with store.write() as session:
        gateway = gateways.get(session, DEFAULT_ORGANIZATION, stored.gateway)
        if gateway is None or not join_tokens.use(session, DEFAULT_ORGANIZATION, token_hash, now):
            raise JoinRefused
        entry = _entry(issued, now)
        after = replace(gateway, placement=stored.placement, enrolled_at=now, certificate=entry, join_by=None)
        gateways.update_placement(session, after)
        certificates.insert(session, after, entry)
        certificates.remove_others(session, after, [entry.fingerprint])
        details = GatewayCertificateOf(entry.fingerprint, entry.not_after, _fingerprint(gateway))
        write_down(session, _system(address), now, Action.JOIN_GATEWAY, after.name, details)
    return Membership(after, pem_of(issued), authority.pem)


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
        held = certificates.holder(session, DEFAULT_ORGANIZATION, fingerprint, now)
        gateway = gateways.get(session, DEFAULT_ORGANIZATION, held[0]) if held else None
        if gateway is None or gateway.certificate is None:
            raise RenewalRefused
        if now - gateway.certificate.issued_at < RENEWAL_PAUSE:
            raise RenewedJustNow(int(RENEWAL_PAUSE.total_seconds()))
        issued = issue_gateway_certificate(authority, csr, gateway.name, now)
        entry = _entry(issued, now)
        certificates.insert(session, gateway, entry)
        certificates.remove_others(session, gateway, [entry.fingerprint, fingerprint])
        details = GatewayCertificateOf(entry.fingerprint, entry.not_after, fingerprint)
        write_down(session, _system(), now, Action.RENEW_GATEWAY, gateway.name, details)
    return Membership(replace(gateway, certificate=entry), pem_of(issued), authority.pem)


def _entry(certificate: Certificate, now: datetime) -> IssuedCertificate:
    return IssuedCertificate(certificate.fingerprint, certificate.not_before, certificate.not_after, now)


def _fingerprint(gateway: Gateway) -> str:
    return gateway.certificate.fingerprint if gateway.certificate else ""


def _system(address: str = "") -> Principal:
    return Principal(DEFAULT_ORGANIZATION, SYSTEM, address=address or None)
