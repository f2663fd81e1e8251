"""
Snapshots of APIs and the trust of their origins, each read in one transaction. Runs in threads.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import Origin
from holdfast.apis.gateways.group import Group
from holdfast.apis.identities.caller_certificate import AcceptedCaller
from holdfast.apis.identities.gateway_identity import UnsealedIdentity
from holdfast.certificates.trust import TrustSet
from holdfast.services.catalog.http1_fallback import apply_fallback
from holdfast.services.credentials.unsealing import Credentials, open_credentials
from holdfast.services.identities.unsealing import take_identities
from holdfast.services.trust.trust_sets import read_trust_sets
from holdfast.store import journal
from holdfast.store.access import accounts
from holdfast.store.catalog import apis, http1_origins, revisions
from holdfast.store.chunks import split_values
from holdfast.store.database import Store
from holdfast.store.gateways import groups
from holdfast.store.identities import caller_certificates
from holdfast.store.journal import Change
from holdfast.store.sealing import Sealing

ApiKey = tuple[str, str]  # organization, id
_Trust = dict[str, dict[Origin, TrustSet]]  # by organization
_Problems = dict[str, dict[Origin, str]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    The state to publish, read from the database.

    *apis* has what groups serve of each API: its working copy, revisions, or both; nothing for a deleted API.
    *trust* has a trust set for each https origin, by organization. If a stored certificate can't be read, or the
    gateway identity can't be used, the origin is in *problems* instead, with the reason. *identities* are what gateways
    present to origins. *callers* has the accepted caller certificates of APIs that require one, *credentials* what
    gateways sign in to the backends of APIs with. *groups* are all groups of gateways.

    *last* is the last change row that the snapshot includes. *changes* are those since the snapshot before; with
    *is_everything*, the snapshot doesn't depend on that one.
    """

    apis: Mapping[ApiKey, Sequence[Api]]
    trust: Mapping[str, Mapping[Origin, TrustSet]]
    problems: Mapping[str, Mapping[Origin, str]]
    identities: Mapping[str, Mapping[Origin, UnsealedIdentity]]
    callers: Mapping[ApiKey, frozenset[AcceptedCaller]]
    credentials: Mapping[ApiKey, Credentials]
    changes: Sequence[Change]
    last: Change | None
    groups: Sequence[Group]
    is_everything: bool = False


def read_everything(store: Store, sealing: Sealing, now: datetime) -> Snapshot:
    """Read all APIs of all organizations."""
    with store.read() as session:
        last = journal.get_latest_change(session)
        organizations = accounts.list_organizations(session)
        every_api = [api for org in organizations for api in apis.list_of_organization(session, org)]
        return replace(_read(session, sealing, every_api, now), last=last, is_everything=True)


def read_again(
    store: Store, sealing: Sealing, last: Change | None, api_keys: Iterable[ApiKey], now: datetime
) -> Snapshot:
    """
    Read everything, because the database has lost changes up to *last*, and let other control planes do so.

    Some of the APIs with *api_keys*, which were published before, may not exist anymore. Each API counts as changed.
    """
    with store.write() as session:
        journal.announce_loss(session, last, now)
    everything = read_everything(store, sealing, now)
    apis = {**dict.fromkeys(api_keys, ()), **everything.apis}
    newest = everything.last
    changes = [replace(newest, organization=org, kind="api", key=key) for org, key in apis] if newest else []
    return replace(everything, apis=apis, changes=changes)


def read_changed(store: Store, sealing: Sealing, last: Change | None, now: datetime) -> Snapshot:
    """Read only the APIs that are affected by changes after *last*. Raises ChangesLost."""
    with store.read() as session:
        changes = journal.list_changes_since(session, last)
        no_variants: dict[ApiKey, Sequence[Api]] = {}
        working_copies: dict[ApiKey, Api] = {}
        for org in {change.organization for change in changes}:
            ids = {change.key for change in changes if change.organization == org and change.kind == "api"}
            origins = {change.key for change in changes if change.organization == org and change.kind == "origin"}
            no_variants |= {(org, api_id): () for api_id in ids}
            affected_apis = [*apis.list_with_ids(session, org, ids), *apis.list_using_origins(session, org, origins)]
            working_copies |= {(org, api.id): api for api in affected_apis}
        snapshot = _read(session, sealing, list(working_copies.values()), now)
        newest = changes[-1] if changes else last
        variants = {**no_variants, **dict.fromkeys(working_copies, ()), **snapshot.apis}
        return replace(snapshot, apis=variants, changes=changes, last=newest)


def _read(session: Session, sealing: Sealing, working_copies: Sequence[Api], now: datetime) -> Snapshot:
    """Return what groups serve of some APIs, and what that depends on."""
    batch = _read_deployed(session, working_copies)
    variants: dict[ApiKey, list[Api]] = defaultdict(list)
    for api in batch:
        variants[api.organization, api.id].append(api)
    trust, problems = _read_trust(session, batch, now)
    identities = take_identities(session, sealing, trust, problems)
    callers = _read_callers(session, batch)
    credentials = open_credentials(sealing, (api for api in working_copies if (api.organization, api.id) in variants))
    all_groups = groups.list_all(session)
    return Snapshot(dict(variants), trust, problems, identities, callers, credentials, (), None, all_groups)


def _read_deployed(session: Session, batch: Sequence[Api]) -> list[Api]:
    """Return what groups serve of the APIs of *batch*."""
    by_organization: dict[str, list[Api]] = defaultdict(list)
    for api in batch:
        by_organization[api.organization].append(api)
    variants = [revisions.list_deployed(session, org, own) for org, own in by_organization.items()]
    return _apply_fallbacks(session, [api for own in variants for api in own])


def _apply_fallbacks(session: Session, batch: Sequence[Api]) -> list[Api]:
    origins: dict[str, set[str]] = defaultdict(set)
    for api in batch:
        origins[api.organization] |= {str(endpoint.origin) for endpoint in api.endpoints}
    older = {org: http1_origins.list_among(session, org, names) for org, names in origins.items()}
    return [apply_fallback(api, older[api.organization]) for api in batch]


def _read_callers(session: Session, batch: Iterable[Api]) -> dict[ApiKey, frozenset[AcceptedCaller]]:
    ids: dict[str, set[str]] = defaultdict(set)
    for api in batch:
        if api.requires_certificate:
            ids[api.organization].add(api.id)
    return {
        (org, api_id): callers
        for org, api_ids in ids.items()
        for api_id, callers in caller_certificates.find_accepted(session, org, api_ids).items()
    }


def _read_trust(session: Session, batch: Sequence[Api], now: datetime) -> tuple[_Trust, _Problems]:
    origins: dict[str, set[Origin]] = defaultdict(set)
    for api in batch:
        origins[api.organization] |= {endpoint.origin for endpoint in api.endpoints if endpoint.origin.is_secure}
    trust: _Trust = {}
    problems: _Problems = {}
    for organization, own in origins.items():
        by_name = {str(origin): origin for origin in sorted(own)}
        trust[organization], problems[organization] = {}, {}
        for chunk in split_values(by_name):
            trust_sets, reasons = read_trust_sets(session, organization, chunk, now)
            trust[organization] |= {by_name[name]: trust_set for name, trust_set in trust_sets.items()}
            problems[organization] |= {by_name[name]: reason for name, reason in reasons.items()}
    return trust, problems
