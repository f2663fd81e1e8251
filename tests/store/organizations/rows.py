"""
Two organizations with equal names, contexts and aliases, and rows in every table that belongs to organizations.

Each has an API, with an origin that only it uses. Each imported a certificate for the origin that both use, and has one
certificate and one exception for origins that only the other organization uses.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast.apis.catalog.document import Document, DocumentDraft, DocumentSource, DocumentType
from holdfast.apis.catalog.endpoint_security import EndpointSecurity, SealedSecret, SecurityKind
from holdfast.apis.catalog.revision import Revision, RevisionContent
from holdfast.apis.catalog.thumbnail import Thumbnail
from holdfast.apis.gateways.gateway import Gateway, IssuedCertificate, Placement
from holdfast.apis.identities.gateway_identity import GatewayIdentity
from holdfast.apis.label import LabeledKind, LabeledObject
from holdfast.apis.notifications.channel import Audience, Channel, ChannelKind
from holdfast.apis.notifications.event import (
    Condition,
    Course,
    EventKind,
    EventSeverity,
    Notification,
    Phase,
    Wording,
)
from holdfast.apis.notifications.silence import Silence
from holdfast.apis.traffic.measures import Measures
from holdfast.apis.trust.endpoint_certificate import Generation, Observation
from holdfast.apis.trust.trust_settings import TrustException, TrustSettings
from holdfast.apis.watch.watched_endpoint import BackendCertificate
from holdfast.store import api_origins, journal, labels
from holdfast.store.access import accounts, saved_views, tokens
from holdfast.store.access.accounts import User
from holdfast.store.access.saved_views import SavedView
from holdfast.store.access.tokens import Application, Kind, Token
from holdfast.store.api_origins import OriginSource
from holdfast.store.catalog import (
    api_documents,
    apis,
    deployments,
    documents,
    failure_acknowledgements,
    http1_origins,
    revisions,
)
from holdfast.store.catalog.failure_acknowledgements import Acknowledgement
from holdfast.store.gateways import authorities, gateways, join_tokens
from holdfast.store.gateways import certificates as gateway_certificates
from holdfast.store.gateways.authorities import SealedAuthority
from holdfast.store.identities import caller_certificates, gateway_identities
from holdfast.store.journal import AuditEvent
from holdfast.store.notifications import channels, conditions, outbox, owners, silences
from holdfast.store.notifications.outbox import AddressedNotification
from holdfast.store.tables import AuditEventRow
from holdfast.store.tables.columns import Table
from holdfast.store.traffic import parts
from holdfast.store.traffic.parts import Subject
from holdfast.store.trust import endpoint_certificates, removed_certificates, trust_settings
from holdfast.store.watch import presented_chains, watched_endpoints
from holdfast.store.watch.presented_chains import PresentedChain
from issuing import issue
from store.values import BACKEND, NOW, make_api, make_caller, make_entry, make_removed, read

DAY = timedelta(days=1)
LATER = NOW.replace(year=2028)
FAR = NOW.replace(year=2100)
AFTER_NOW = datetime.now(UTC)  # certificates are issued when the test runs
PLACEMENT = Placement("Default", {})
ORIGIN = "https://pizza.test:8443"  # of a backend that both organizations use


class Pair(NamedTuple):
    """The values of each organization; each `name` is the id of the organization."""

    default: SimpleNamespace
    other: SimpleNamespace


def sandbox_of(organization: str) -> str:
    """Return the origin that only the API of this organization uses."""
    return f"https://{organization}.test"


def further_of(organization: str) -> str:
    """Return another origin that only the API of this organization uses, and that isn't in its columns."""
    return f"https://further.{organization}.test"


def describe(of: str, other_organization: str, user_name: str) -> SimpleNamespace:
    """Return what the organization *of* has, not stored yet; none of its APIs uses the sandbox of the other one."""
    certificate, chain = issue("pizza.test"), read(issue("presented.test"))
    secret = SealedSecret(f"secret of {of}", b"sealed", "digest", frozenset({ORIGIN}))
    api = make_api(organization=of, sandbox=sandbox_of(of))
    security = EndpointSecurity(SecurityKind.BASIC, username=of, secret=secret)
    api = replace(
        api,
        production=replace(api.production, security=security),
        pinned=frozenset({("Default", f"r-{of}")}),
    )
    user = User(f"id of {user_name}", of, user_name, "hash", frozenset({"admin"}))
    unused_entry = make_entry(
        "unused", issue("unused.test", end=30 * DAY), endpoint=sandbox_of(other_organization), organization=of
    )
    wording = Wording(of, "", "", "/")
    failing = Condition("key", EventKind.BACKEND_FAILURE, "", EventSeverity.ERROR, wording)
    return SimpleNamespace(
        name=of,
        api=api,
        security=security,
        caller=make_caller(api),
        document=Document(
            f"d-{of}",
            api.id,
            of,
            DocumentDraft("Guide", DocumentType.HOWTO, DocumentSource.MARKDOWN),
            "",
            NOW,
            user_name,
            NOW,
            user_name,
        ),
        thumbnail=Thumbnail("image/png", of.encode()),
        acknowledgement=Acknowledgement(user_name, NOW),
        labeled_object=LabeledObject(LabeledKind.CERTIFICATE, "pizza-backend", (f"label-{of}", "team")),
        entry=replace(make_entry("pizza-backend", certificate, organization=of), created_by=of),
        unused_entry=replace(
            unused_entry,
            previous=(read(issue("previous.test")),),
            replaced_at=NOW,
            observation=Observation(AFTER_NOW, AFTER_NOW, Generation.CURRENT, NOW),
        ),
        settings=TrustSettings(of, ORIGIN, exception=TrustException(of, user_name, LATER)),
        past_settings=TrustSettings(
            of, further_of(other_organization), exception=TrustException(of, user_name, NOW - DAY)
        ),
        identity=GatewayIdentity(f"i-{of}", of, ORIGIN, BACKEND, (read(certificate),), b"sealed", None, NOW, NOW),
        removed_certificate=make_removed(organization=of),
        place=(of, ORIGIN),
        presented_chain=PresentedChain(of, NOW, NOW, (), (chain,)),
        revision=Revision(f"r-{of}", api.id, of, 1, "", user_name, NOW),
        members={"of": of, "type": of},
        event=AuditEvent(of, NOW, user_name, "create API", "Pizza", "", None),
        gateway=Gateway(f"gateway of {user_name}", of, "eu-1", PLACEMENT, NOW),
        gateway_certificate=IssuedCertificate(f"certificate of {user_name}", NOW, LATER, NOW),
        join_hash=f"join token of {user_name}",
        authority=SealedAuthority(f"CA of {user_name}", of, b"", b""),
        user=user,
        application=Application(user_name, of, user, "script", "hash", ()),
        token=Token(user_name, of, user.id, user_name, Kind.PERSONAL, "script", (), NOW, LATER),
        channel=Channel(f"c-{of}", of, "ops", ChannelKind.EMAIL, "", b"", (), (), Audience.ALL, NOW, NOW),
        course=Course(failing, NOW, began_at=NOW),
        notification=Notification(of, NOW, "key", failing.kind, Phase.BEGAN, EventSeverity.ERROR, wording),
        silence=Silence(f"s-{of}", of, None, "gateway:eu-1", "reason", user_name, NOW, LATER),
    )


def insert(session: Session, own: SimpleNamespace) -> None:
    """Store what an organization has."""
    _insert_users(session, own)
    _insert_apis(session, own)
    _insert_trust(session, own)
    _insert_audit_events(session, own)
    _insert_gateways(session, own)
    _insert_notifications(session, own)
    _insert_observations(session, own)


def _insert_users(session: Session, own: SimpleNamespace) -> None:
    accounts.insert_user(session, own.user, NOW)
    accounts.insert_session(session, f"session of {own.user.name}", own.user, NOW, LATER)
    saved_views.save(session, own.user, "certificates", SavedView("Soon", "show=7"))
    tokens.insert_application(session, own.application, NOW)
    tokens.insert_token(session, own.token, f"token of {own.user.name}", NOW)


def _insert_apis(session: Session, own: SimpleNamespace) -> None:
    apis.insert(session, own.api)
    api_documents.save_members(session, own.api, own.members)
    api_documents.save_definition(session, own.api, f'"{own.name}"')
    api_origins.replace(session, own.name, own.api.id, OriginSource.MEMBER, [further_of(own.name)])
    documents.save_thumbnail(session, own.api, own.thumbnail)
    documents.insert(session, own.document, own.name.encode())
    labels.replace(session, own.name, own.labeled_object)
    revisions.insert(session, own.revision, RevisionContent(revisions.write_settings(own.api), own.members, None))
    deployments.pin(session, own.api, "Default", own.revision.id, NOW, display_on_devportal=True)
    failure_acknowledgements.save(session, own.name, own.api.id, "production", own.acknowledgement)
    http1_origins.add(session, own.name, ORIGIN, NOW)
    caller_certificates.insert(session, own.caller)


def _insert_trust(session: Session, own: SimpleNamespace) -> None:
    for entry in (own.entry, own.unused_entry):
        endpoint_certificates.insert(session, entry)
        endpoint_certificates.observe(session, entry)
    removed_certificates.insert(session, own.removed_certificate)
    for settings in (own.settings, own.past_settings):
        trust_settings.save(session, settings)
    gateway_identities.save(session, own.identity)
    unused_place = {"origin": own.unused_entry.origin, "endpoint": own.unused_entry.endpoint}
    gateway_identities.save(session, replace(own.identity, id=f"u-{own.name}", **unused_place))


def _insert_audit_events(session: Session, own: SimpleNamespace) -> None:
    journal.record(session, own.event)
    journal.announce(session, own.name, "api", own.api.id, NOW)
    waits = {"at": NOW, "user": own.user.name, "action": "update API", "subject": "unchained", "detail": ""}
    session.add(AuditEventRow(organization_id=own.name, **waits))
    session.flush()


def _insert_gateways(session: Session, own: SimpleNamespace) -> None:
    gateways.insert(session, own.gateway)
    gateway_certificates.insert(session, own.gateway, own.gateway_certificate)
    join_tokens.replace_unused(session, own.gateway, PLACEMENT, own.join_hash, NOW, LATER)
    authorities.insert(session, own.authority, NOW)


def _insert_notifications(session: Session, own: SimpleNamespace) -> None:
    channels.insert(session, own.channel)
    conditions.replace(session, own.name, ["key"], [own.course])
    conditions.move_cursor(session, own.name, 0)
    outbox.begin_message(session, f"m-{own.name}", own.name, own.channel.id, "nobody", NOW)
    message = outbox.OpenMessage(f"m-{own.name}", own.name, "ops", own.channel.id, "nobody", NOW, 1)
    outbox.mark_failed(session, message, NOW, "It answered 500.", None)
    message_to_channel = AddressedNotification(own.notification, [(own.channel.id, "")])
    outbox.add(session, [message_to_channel])
    outbox.begin_message(session, f"open-{own.name}", own.name, own.channel.id, "", NOW)
    outbox.add(session, [message_to_channel])  # it waits
    silences.insert(session, own.silence)
    owners.save(session, own.name, "api:1", [own.name])


def _insert_observations(session: Session, own: SimpleNamespace) -> None:
    watched_endpoints.add(session, [own.place])
    (endpoint,) = watched_endpoints.list_by_origin(session, own.name, [ORIGIN]).values()
    own.endpoint = replace(endpoint, certificate=BackendCertificate(own.name, own.name, "CA", LATER, NOW))
    watched_endpoints.save(session, own.endpoint)
    presented_chains.record(session, own.endpoint, own.presented_chain)
    subject = Subject(own.name, own.api.id, "production")
    every_api = Subject(own.name, parts.EVERY_API, "production")
    parts.add_measures(session, "eu-1", NOW, {subject: Measures({200: 1}), every_api: Measures({200: 1})}, [60])
    parts.add_causes(session, [(subject, "eu-1", NOW, own.name, 1)])


def dump(session: Session, organization: str) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of an organization, by table."""
    session.flush()
    return {
        table.name: [
            tuple(row)
            for row in session.execute(
                select(table).where(table.c.organization_id == organization).order_by(*table.primary_key)
            )
        ]
        for table in Table.metadata.sorted_tables
        if "organization_id" in table.c
    }
