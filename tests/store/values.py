"""
Values to store in the database and to build resources from.

    make_api("Pizza", production="https://pizza.test")
    make_entry("pizza-backend", issue("pizza.test"), endpoint="https://pizza.test")
"""

import uuid
from datetime import UTC, datetime, timedelta

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION, Api
from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.identities.caller_certificate import CallerCertificate
from holdfast.apis.trust.endpoint_certificate import (
    EndpointCertificate,
    Removal,
    RemovedCertificate,
)
from holdfast.certificates.certificate import Certificate, read_certificate
from holdfast.store import journal
from holdfast.store.catalog import apis
from holdfast.store.database import Store
from holdfast.store.identities import caller_certificates
from holdfast.store.trust import endpoint_certificates, removed_certificates
from issuing import Identity, issue

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
BACKEND = "https://pizza.test:8443/base"


def read(certificate: Identity) -> Certificate:
    """Return an issued certificate as Holdfast's value."""
    return read_certificate(certificate.der)


def make_api(
    name: str = "Pizza",
    *,
    organization: str = DEFAULT_ORGANIZATION,
    context: str | None = None,
    version: str = "1.0.0",
    production: str | None = BACKEND,
    sandbox: str | None = None,
    state: State = State.PUBLISHED,
    description: str = "",
    provider: str = "anna",
    requires_certificate: bool = False,
) -> Api:
    """Return an API that isn't stored."""
    return Api(
        id=str(uuid.uuid4()),
        organization=organization,
        name=name,
        context=f"/{name.lower()}" if context is None else context,
        version=version,
        state=state,
        production=parse_endpoint(production) if production else None,
        sandbox=parse_endpoint(sandbox) if sandbox else None,
        description=description,
        provider=provider,
        created_at=NOW,
        updated_at=NOW,
        requires_certificate=requires_certificate,
    )


def make_entry(
    alias: str = "pizza-backend",
    *chain: Identity,
    endpoint: str = BACKEND,
    organization: str = DEFAULT_ORGANIZATION,
) -> EndpointCertificate:
    """Return an endpoint certificate that isn't stored."""
    return EndpointCertificate(
        id=str(uuid.uuid4()),
        organization=organization,
        alias=alias,
        endpoint=endpoint,
        origin=str(parse_endpoint(endpoint).origin),
        certificates=tuple(read(certificate) for certificate in chain or [issue("pizza.test")]),
        created_at=NOW,
        updated_at=NOW,
    )


def make_removed(
    why: Removal = Removal.REPLACED,
    *chain: Identity,
    of: EndpointCertificate | None = None,
    organization: str = DEFAULT_ORGANIZATION,
    age: timedelta = timedelta(0),
) -> RemovedCertificate:
    """Return a removed certificate of an endpoint certificate, removed *age* before NOW."""
    entry = of or make_entry(organization=organization)
    return RemovedCertificate(
        id=str(uuid.uuid4()),
        organization=entry.organization,
        entry_id=entry.id,
        alias=entry.alias,
        endpoint=entry.endpoint,
        origin=entry.origin,
        why=why,
        certificates=tuple(read(certificate) for certificate in chain) or entry.certificates,
        previous=entry.previous,
        created_at=entry.created_at,
        replaced_at=entry.replaced_at,
        removed_at=NOW - age,
        removed_by="anna",
    )


def make_caller(
    api: Api, alias: str = "partner", leaf: Identity | None = None, *, tier: str = "Gold"
) -> CallerCertificate:
    """Return a caller certificate of *api* that isn't stored."""
    certificate = read(leaf or issue(common_name="partner"))
    return CallerCertificate(str(uuid.uuid4()), api.organization, api.id, alias, tier, certificate, NOW, NOW)


def contents(store: Store, organization: str = DEFAULT_ORGANIZATION) -> tuple[object, ...]:
    """Return everything that an organization has and the last change's number; a rejected request changes neither."""
    with store.read() as session:
        all_apis = apis.list_of_organization(session, organization)
        return (
            [(api, caller_certificates.find(session, organization, api.id)) for api in all_apis],
            endpoint_certificates.find(session, organization),
            journal.list_audit_events(session, organization),
            journal.get_last_sequence(session),
            removed_certificates.find(session, organization, NOW),
        )
