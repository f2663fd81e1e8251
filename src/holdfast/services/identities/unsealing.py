"""
Gateway identities with decrypted keys, for the gateways.
"""

from collections.abc import Mapping, MutableMapping

import structlog
from sqlalchemy.orm import Session

from holdfast.apis.catalog.endpoint import Origin
from holdfast.apis.identities.gateway_identity import GatewayIdentity, UnsealedIdentity
from holdfast.certificates.formats.private_keys import open_key
from holdfast.certificates.trust import TrustSet
from holdfast.files.sealing_keys import UnusableSealingKey
from holdfast.store.identities import gateway_identities
from holdfast.store.sealing import CannotUnseal, Sealing

log = structlog.get_logger()


def take_identities(
    session: Session,
    sealing: Sealing,
    trust: Mapping[str, MutableMapping[Origin, TrustSet]],
    problems: Mapping[str, MutableMapping[Origin, str]],
) -> dict[str, dict[Origin, UnsealedIdentity]]:
    """
    Return the gateway identities for the origins in *trust*, by organization.

    An origin whose identity can't be used moves from *trust* to *problems*, with the reason, so that its backends are
    refused: connecting without a client certificate would be a different identity.
    """
    return {
        organization: _unseal_all(session, sealing, organization, origins, problems[organization])
        for organization, origins in trust.items()
    }


def get_identity(session: Session, sealing: Sealing, organization: str, origin: Origin) -> UnsealedIdentity | None:
    """Return the gateway identity for one origin. Raises CannotUnseal, UnusableSealingKey."""
    entries = gateway_identities.list_by_origin(session, organization, [str(origin)])
    return next((_open(sealing, entry) for entry in entries.values()), None)


def _unseal_all(
    session: Session,
    sealing: Sealing,
    organization: str,
    trust: MutableMapping[Origin, TrustSet],
    problems: MutableMapping[Origin, str],
) -> dict[Origin, UnsealedIdentity]:
    by_name = {str(origin): origin for origin in trust}
    identities: dict[Origin, UnsealedIdentity] = {}
    for name, entry in gateway_identities.list_by_origin(session, organization, by_name).items():
        try:
            identity = _open(sealing, entry)
        except (CannotUnseal, UnusableSealingKey) as error:
            why = str(error)
            log.error("gateway identity cannot be decrypted", organization=organization, origin=name, why=why)
            del trust[by_name[name]]
            problems[by_name[name]] = _describe(error)
            continue
        if identity:
            identities[by_name[name]] = identity
    return identities


def _describe(error: CannotUnseal | UnusableSealingKey) -> str:
    # Everyone in the organization reads this, so it doesn't name the sealing key's file.
    why = error.why if isinstance(error, CannotUnseal) else "Holdfast's sealing key can't be used"
    return f"The gateway identity can't be used: {why}. Import it again, or put back the previous sealing key."


def _open(sealing: Sealing, entry: GatewayIdentity) -> UnsealedIdentity | None:
    if entry.is_unreadable:
        raise CannotUnseal("one of its certificates cannot be read")
    if not entry.chain or entry.sealed_key is None:
        return None
    key = open_key(sealing.open(entry.sealed_key, entry.organization, entry.id))
    if key.spki_fingerprint != entry.chain[0].spki_fingerprint:
        raise CannotUnseal("its key belongs to another certificate")
    return UnsealedIdentity(entry.id, entry.chain, key.pem)
