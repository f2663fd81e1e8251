"""
The private CA of gateways: created when it is first needed, with its key sealed in the database.
"""

import uuid
from datetime import datetime

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.certificates.certificate import read_certificate
from holdfast.certificates.formats.private_keys import open_key
from holdfast.certificates.gateway_certificates import (
    Authority,
    ServerCredential,
    create_authority,
    issue_discovery_certificate,
)
from holdfast.refusals import Refusal
from holdfast.services.access.audit import SYSTEM, write_down
from holdfast.services.access.principal import Principal
from holdfast.store.audit import Action, CertificateFingerprint
from holdfast.store.database import Transactions
from holdfast.store.gateways import authorities, certificates
from holdfast.store.gateways.authorities import SealedAuthority
from holdfast.store.sealing import CannotUnseal, Sealing

_OTHERWISE = "Without it, revoke all gateways, then enroll them again."


class AuthorityLost(CannotUnseal):
    """The key of the CA can't be decrypted or its certificate can't be read, so gateways can't get certificates."""

    def __init__(self, why: str) -> None:
        self.why = why
        Refusal.__init__(
            self,
            f"Can't decrypt the key of the gateways' CA: {why}. Put back the previous sealing key. {_OTHERWISE}",
        )


class AuthorityUnreadable(AuthorityLost):
    """The certificate of the CA can't be read, because the database was damaged."""

    def __init__(self) -> None:
        self.why = "its certificate can't be read"
        Refusal.__init__(self, f"The certificate of the gateways' CA can't be read. Restore a backup. {_OTHERWISE}")


def get_authority(store: Transactions, sealing: Sealing, now: datetime) -> Authority:
    """
    Return the CA, and create it if there is none.

    A CA whose key can't be decrypted, or whose certificate can't be read, is replaced once no gateway has a valid
    certificate. Until then, it raises AuthorityLost.
    """
    with store.read() as session:
        authority = _read(session, sealing, now)
    if authority:
        return authority
    new_authority = create_authority(now)
    row_id = str(uuid.uuid4())
    row = SealedAuthority(
        row_id,
        DEFAULT_ORGANIZATION,
        new_authority.certificate.der,
        sealing.seal(new_authority.key.der, DEFAULT_ORGANIZATION, row_id),
    )
    with store.write() as session:
        authority = _read(session, sealing, now)
        if authority:  # another thread was faster
            return authority
        authorities.remove(session, DEFAULT_ORGANIZATION)
        authorities.insert(session, row, now)
        details = CertificateFingerprint(new_authority.certificate.fingerprint)
        system = Principal(DEFAULT_ORGANIZATION, SYSTEM)
        write_down(session, system, now, Action.CREATE_GATEWAY_CA, new_authority.certificate.subject, details)
    return new_authority


def issue_server_credential(store: Transactions, sealing: Sealing, now: datetime) -> tuple[ServerCredential, Authority]:
    """Issue the certificate of the discovery service, for a new key; return it with the CA. Raises AuthorityLost."""
    authority = get_authority(store, sealing, now)
    return issue_discovery_certificate(authority, now), authority


def _read(session: Session, sealing: Sealing, now: datetime) -> Authority | None:
    """Return the CA, None if there is none or if it must be replaced. Raises AuthorityLost."""
    row = authorities.get(session, DEFAULT_ORGANIZATION)
    if row is None:
        return None
    try:
        key = open_key(sealing.open(row.sealed_key, row.organization, row.id))
        return Authority(read_certificate(row.der), key)
    except ValueError as error:
        if certificates.are_valid(session, DEFAULT_ORGANIZATION, now):
            raise (AuthorityLost(error.why) if isinstance(error, CannotUnseal) else AuthorityUnreadable()) from error
        return None
