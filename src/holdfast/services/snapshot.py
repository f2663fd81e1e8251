"""
What the database says about APIs and the trust of their origins, read in one transaction. Runs in threads.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy.orm import Session

from holdfast.apis.api import Api
from holdfast.apis.endpoint import Origin
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.trust import TrustSet, trust_set
from holdfast.store import accounts, apis, endpoint_certificates, journal
from holdfast.store.database import Store
from holdfast.store.journal import Change

log = structlog.get_logger()
ApiKey = tuple[str, str]  # organization, id
_CHUNK = 500  # origins in one query


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    APIs by key, None for one that is gone; per organization the trust sets of their https origins, but for those of
    which a certificate cannot be read.

    *changes* are what led to it, *sequence* is the last of them.
    """

    apis: Mapping[ApiKey, Api | None]
    trust: Mapping[str, Mapping[Origin, TrustSet]]
    changes: Sequence[Change]
    sequence: int


def read_everything(store: Store) -> Snapshot:
    """Read all APIs of all organizations."""
    with store.read() as session:
        sequence = journal.last_change(session)
        found = [api for org in accounts.organizations(session) for api in apis.all_of(session, org)]
        return Snapshot(_by_key(found), _trust(session, found), (), sequence)


def read_changed(store: Store, after: int) -> Snapshot:
    """Read only the APIs that the changes after sequence number *after* concern."""
    with store.read() as session:
        changes = journal.changes_after(session, after)
        wanted: dict[ApiKey, Api | None] = {}
        for org in {change.organization for change in changes}:
            ids = {change.key for change in changes if change.organization == org and change.kind == "api"}
            origins = {change.key for change in changes if change.organization == org and change.kind == "origin"}
            wanted |= {(org, api_id): None for api_id in ids}
            wanted |= _by_key(apis.with_ids(session, org, ids))
            wanted |= _by_key(apis.using_origins(session, org, origins))
        trust = _trust(session, [api for api in wanted.values() if api])
        return Snapshot(wanted, trust, changes, changes[-1].sequence if changes else after)


def forget_old_changes(store: Store) -> None:
    """Delete the change rows that every publisher has long seen."""
    with store.write() as session:
        journal.forget_changes(session, datetime.now(UTC))


def trust_of_origin(session: Session, organization: str, origin: Origin) -> TrustSet | None:
    """Read the trust set of one https origin, whether an API uses it or not; None when it cannot be read."""
    return _trust_of(session, organization, [origin]).get(origin)


def _by_key(found: Iterable[Api]) -> dict[ApiKey, Api]:
    return {(api.organization, api.id): api for api in found}


def _trust(session: Session, found: Sequence[Api]) -> dict[str, dict[Origin, TrustSet]]:
    origins: dict[str, set[Origin]] = defaultdict(set)
    for api in found:
        origins[api.organization] |= {endpoint.origin for endpoint in api.endpoints if endpoint.origin.is_secure}
    return {org: _trust_of(session, org, sorted(every)) for org, every in origins.items()}


def _trust_of(session: Session, organization: str, origins: Sequence[Origin]) -> dict[Origin, TrustSet]:
    chunks = [origins[start : start + _CHUNK] for start in range(0, len(origins), _CHUNK)]
    anchors = {origin: found for chunk in chunks for origin, found in _anchors(session, organization, chunk).items()}
    return {origin: trust_set(found, origin.reference) for origin, found in anchors.items()}


def _anchors(session: Session, organization: str, origins: Sequence[Origin]) -> dict[Origin, list[Certificate]]:
    anchors: dict[str, list[Certificate]] = defaultdict(list)
    try:
        for entry in endpoint_certificates.of_origins(session, organization, [str(origin) for origin in origins]):
            anchors[entry.origin] += entry.certificates
    except ValueError:
        # A certificate that can no longer be read leaves its own origin without a trust set, so that it is not served
        # (the public roots would be another trust); all other origins have theirs.
        if len(origins) == 1:
            log.exception("certificate cannot be read", organization=organization, origin=str(origins[0]))
            return {}
        half = len(origins) // 2
        return _anchors(session, organization, origins[:half]) | _anchors(session, organization, origins[half:])
    return {origin: anchors[str(origin)] for origin in origins}
