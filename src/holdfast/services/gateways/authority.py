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
from holdfast.services.access.audit import SYSTEM, write_down
from holdfast.services.access.principal import Principal
from holdfast.store.audit import Action, CertificateFingerprint
from holdfast.store.database import Transactions
from holdfast.store.gateways import authorities
from holdfast.store.gateways.authorities import SealedAuthority
from holdfast.store.sealing import Sealing


def get_authority(store: Transactions, sealing: Sealing, now: datetime) -> Authority:
    """Return the CA, and create it if there is none. Raises CannotUnseal."""
    with store.read() as session:
        authority = _read(session, sealing)
    if authority:
        return authority
    created = create_authority(now)
    row_id = str(uuid.uuid4())
    sealed = SealedAuthority(
        row_id,
        DEFAULT_ORGANIZATION,
        created.certificate.der,
        sealing.seal(created.key.der, DEFAULT_ORGANIZATION, row_id),
    )
    with store.write() as session:
        authority = _read(session, sealing)
        if authority:  # another thread was faster
            return authority
        authorities.insert(session, sealed, now)
        details = CertificateFingerprint(created.certificate.fingerprint)
        system = Principal(DEFAULT_ORGANIZATION, SYSTEM)
        write_down(session, system, now, Action.CREATE_GATEWAY_CA, created.certificate.subject, details)
    return created


def issue_server_credential(store: Transactions, sealing: Sealing, now: datetime) -> tuple[ServerCredential, Authority]:
    """Issue the certificate of the discovery service, for a new key; return it with the CA. Raises CannotUnseal."""
    authority = get_authority(store, sealing, now)
    return issue_discovery_certificate(authority, now), authority


def _read(session: Session, sealing: Sealing) -> Authority | None:
    sealed = authorities.get(session, DEFAULT_ORGANIZATION)
    if sealed is None:
        return None
    key = open_key(sealing.open(sealed.sealed_key, sealed.organization, sealed.id))
    return Authority(read_certificate(sealed.der), key)
