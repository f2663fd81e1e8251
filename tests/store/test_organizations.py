"""Two organizations with equal names, contexts and aliases never see each other's rows."""

import inspect
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import IntegrityError

from holdfast.apis.catalog.revision import Revision, RevisionContent
from holdfast.apis.gateways.gateway import Gateway, IssuedCertificate, Placement
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
from holdfast.apis.trust.endpoint_certificate import Observation
from holdfast.store import audit_chain, audit_events, journal
from holdfast.store.access import accounts, saved_views, tokens
from holdfast.store.access.accounts import User
from holdfast.store.access.saved_views import SavedView
from holdfast.store.access.tokens import Application, Kind, Token
from holdfast.store.audit_events import Filter as EventFilter
from holdfast.store.catalog import api_documents, apis, deployments, revisions
from holdfast.store.catalog.apis import ApiFilter
from holdfast.store.gateways import authorities, gateways, groups, join_tokens
from holdfast.store.gateways import certificates as gateway_certificates
from holdfast.store.gateways.authorities import SealedAuthority
from holdfast.store.identities import caller_certificates
from holdfast.store.journal import AuditEvent
from holdfast.store.notifications import channels, conditions, history, outbox, owners, silences
from holdfast.store.notifications.outbox import Addressed
from holdfast.store.trust import endpoint_certificates, expiring, facts, inventory, removed_certificates
from holdfast.store.trust.inventory import Filter
from store.values import BACKEND, NOW, make_api, make_caller, make_entry, make_removed

LATER = NOW.replace(year=2028)
AFTER_NOW = datetime.now(UTC)  # certificates are issued when the test runs
PLACEMENT = Placement("Default", {})
ORIGIN = "https://pizza.test:8443"


@pytest.fixture
def both(store, anna, otto):
    """The same API, certificate and event in two organizations."""
    made = {}
    for who in (anna, otto):
        of = {"organization": who.organization}
        made[who.organization] = SimpleNamespace(
            api=(api := replace(make_api(**of), pinned=frozenset({("Default", f"r-{who.organization}")}))),
            caller=make_caller(api),
            entry=replace(make_entry(**of), created_by=who.organization),
            removed=make_removed(**of),
            revision=Revision(f"r-{who.organization}", api.id, who.organization, 1, "", who.name, NOW),
            members={"of": who.organization, "type": who.organization},
            event=AuditEvent(who.organization, NOW, who.name, "create API", "Pizza", "", None),
            gateway=Gateway(f"gateway of {who.name}", who.organization, "eu-1", PLACEMENT, NOW),
            issued=IssuedCertificate(f"certificate of {who.name}", NOW, LATER, NOW),
            join_hash=f"join token of {who.name}",
            authority=SealedAuthority(f"CA of {who.name}", who.organization, b"", b""),
            user=(user := User(f"id of {who.name}", who.organization, who.name, "hash", frozenset({"admin"}))),
            application=Application(who.name, who.organization, user, "script", "hash", ()),
            token=Token(who.name, who.organization, user.id, who.name, Kind.PERSONAL, "script", (), NOW, LATER),
        )
    with store.write() as session:
        for each in made.values():
            apis.insert(session, each.api)
            api_documents.save_members(session, each.api, each.members)
            api_documents.save_definition(session, each.api, f'"{each.api.organization}"')
            revisions.insert(session, each.revision, RevisionContent(apis.settings_of(each.api), each.members, None))
            deployments.pin(session, each.api, "Default", each.revision.id, NOW, display_on_devportal=True)
            caller_certificates.insert(session, each.caller)
            endpoint_certificates.insert(session, each.entry)
            removed_certificates.insert(session, each.removed)
            journal.record(session, each.event)
            journal.announce(session, each.api.organization, "api", each.api.id, NOW)
            accounts.insert_user(session, each.user, NOW)
            accounts.insert_session(session, f"session of {each.user.name}", each.user, NOW, LATER)
            saved_views.save(session, each.user, "certificates", SavedView("Soon", "show=7"))
            tokens.insert_application(session, each.application, NOW)
            tokens.insert_token(session, each.token, f"token of {each.user.name}", NOW)
            gateways.insert(session, each.gateway)
            gateway_certificates.insert(session, each.gateway, each.issued)
            join_tokens.replace_unused(session, each.gateway, PLACEMENT, each.join_hash, NOW, LATER)
            authorities.insert(session, each.authority, NOW)
            notify(session, each)
    return SimpleNamespace(**made)


def notify(session, each):
    """Add a channel, a condition, a notification, a silence and owners to an organization."""
    of = each.api.organization
    channels.insert(session, Channel(f"c-{of}", of, "ops", ChannelKind.EMAIL, "", b"", (), (), Audience.ALL, NOW, NOW))
    wording = Wording(of, "", "", "/")
    failing = Condition("key", EventKind.BACKEND_FAILURE, "", EventSeverity.ERROR, wording)
    conditions.replace(session, of, ["key"], [Course(failing, NOW)])
    conditions.move_cursor(session, of, 0)
    told = Notification(of, NOW, "key", failing.kind, Phase.BEGAN, EventSeverity.ERROR, wording)
    outbox.begin_message(session, f"m-{of}", of, f"c-{of}", "nobody", NOW)
    message = outbox.OpenMessage(f"m-{of}", of, "ops", f"c-{of}", "nobody", NOW, 1)
    outbox.mark_failed(session, message, NOW, "It answered 500.", None)
    outbox.add(session, [Addressed(told, [(f"c-{of}", "")])])
    silences.insert(session, Silence(f"s-{of}", of, None, "gateway:eu-1", "reason", "anna", NOW, LATER))
    owners.save(session, of, "api:1", [of])


READS = {
    accounts.user_in: lambda session, org, both: [
        accounts.user_in(session, org, each.user.name) for each in (both.default, both.other)
    ],
    accounts.find_users: lambda session, org, _: accounts.find_users(session, org)[0],
    accounts.count_users: lambda session, org, _: (
        [SimpleNamespace(organization=org)] * accounts.count_users(session, org)
    ),
    accounts.has_password_user: lambda session, org, _: (
        [SimpleNamespace(organization=org)] * accounts.has_password_user(session, org, "admin")
    ),
    accounts.sessions_of: lambda session, org, both: [
        found
        for each in (both.default, both.other)
        for found in accounts.sessions_of(session, replace(each.user, organization=org), NOW)
    ],
    saved_views.find: lambda session, org, both: [
        each.user
        for each in (both.default, both.other)
        if saved_views.find(session, replace(each.user, organization=org), "certificates")
    ],
    tokens.token_of_kind: lambda session, org, both: [
        tokens.token_of_kind(session, replace(each.user, organization=org), Kind.PERSONAL, NOW)
        for each in (both.default, both.other)
    ],
    tokens.personal_tokens: lambda session, org, both: [
        found
        for each in (both.default, both.other)
        for found in tokens.personal_tokens(session, replace(each.user, organization=org), NOW)
    ],
    gateways.get: lambda session, org, _: [gateways.get(session, org, "eu-1")],
    gateways.find: lambda session, org, _: gateways.find(session, org)[0],
    gateways.count: lambda session, org, _: [SimpleNamespace(organization=org)] * gateways.count(session, org),
    gateway_certificates.holder: lambda session, org, both: [
        each.gateway
        for each in (both.default, both.other)
        if gateway_certificates.holder(session, org, each.issued.fingerprint, NOW)
    ],
    gateway_certificates.expiries: lambda session, org, both: [
        each.gateway
        for each in (both.default, both.other)
        if gateway_certificates.expiries(session, org, {each.issued.fingerprint})
    ],
    gateway_certificates.are_valid: lambda session, org, _: (
        [SimpleNamespace(organization=org)] * gateway_certificates.are_valid(session, org, NOW)
    ),
    join_tokens.get: lambda session, org, both: [
        each.gateway for each in (both.default, both.other) if join_tokens.get(session, org, each.join_hash)
    ],
    authorities.get: lambda session, org, _: [authorities.get(session, org)],
    apis.get: lambda session, org, both: [
        apis.get(session, org, each.api.id)
        for each in (both.default, both.other)
        if apis.get(session, org, each.api.id)
    ],
    apis.id_of: lambda session, org, both: [
        each.api for each in (both.default, both.other) if apis.id_of(session, org, "anna-Pizza-1.0.0") == each.api.id
    ],
    apis.find: lambda session, org, _: apis.find(session, org, ApiFilter(name="pizza", context="/pizza"))[0],
    apis.sharing_name_or_context: lambda session, org, _: apis.sharing_name_or_context(session, org, "Pizza", "/pizza"),
    apis.using_origins: lambda session, org, _: apis.using_origins(session, org, {ORIGIN}),
    apis.has_origin: lambda session, org, _: (
        [SimpleNamespace(organization=org)] * apis.has_origin(session, org, ORIGIN)
    ),
    apis.with_ids: lambda session, org, both: apis.with_ids(session, org, {both.default.api.id, both.other.api.id}),
    apis.names: lambda session, org, both: [
        each.api
        for each in (both.default, both.other)
        if each.api.id in apis.names(session, org, {both.default.api.id, both.other.api.id})
    ],
    deployments.places_of: lambda session, org, both: [
        each.api
        for each in (both.default, both.other)
        if each.api.id in deployments.places_of(session, org, [both.default.api.id, both.other.api.id])
    ],
    deployments.list_revisions: lambda session, org, both: [
        each.api for each in (both.default, both.other) if deployments.list_revisions(session, org, each.api.id)
    ],
    revisions.list_of: lambda session, org, both: [
        found for each in (both.default, both.other) for found in revisions.list_of(session, org, each.api.id)
    ],
    revisions.get: lambda session, org, both: [
        revisions.get(session, org, each.revision.id) for each in (both.default, both.other)
    ],
    revisions.deployed: lambda session, org, both: [
        replace(each.api, organization=org)
        for each in (both.default, both.other)
        for deployed in revisions.deployed(session, org, [each.api])[each.api.id]
        if deployed.revision
    ],
    apis.with_context: lambda session, org, both: apis.with_context(session, org, both.default.api.context),
    apis.all_of: lambda session, org, _: apis.all_of(session, org),
    caller_certificates.get: lambda session, org, both: [
        found
        for each in (both.default, both.other)
        if (found := caller_certificates.get(session, org, each.api.id, "partner"))
    ],
    caller_certificates.alias_of: lambda session, org, both: [
        each.api
        for each in (both.default, both.other)
        if caller_certificates.alias_of(session, org, each.api.id, each.caller.certificate.fingerprint)
    ],
    caller_certificates.find: lambda session, org, both: [
        found for each in (both.default, both.other) for found in caller_certificates.find(session, org, each.api.id)[0]
    ],
    caller_certificates.accepted_callers: lambda session, org, both: [
        each.api
        for each in (both.default, both.other)
        if caller_certificates.accepted_callers(session, org, {each.api.id})[each.api.id]
    ],
    endpoint_certificates.get: lambda session, org, _: [endpoint_certificates.get(session, org, "pizza-backend")],
    endpoint_certificates.find: lambda session, org, _: endpoint_certificates.find(
        session, org, "pizza-backend", BACKEND
    )[0],
    endpoint_certificates.of_origins: lambda session, org, _: endpoint_certificates.of_origins(session, org, {ORIGIN}),
    endpoint_certificates.trusted_besides: lambda session, org, both: [
        each.entry
        for each in (both.default, both.other)
        if endpoint_certificates.trusted_besides(session, replace(make_entry(), organization=org))
        == [(each.entry.alias, each.entry.certificates[0])]
    ],
    endpoint_certificates.aliases_with: lambda session, org, both: [
        each.entry
        for each in (both.default, both.other)
        if endpoint_certificates.aliases_with(session, org, ORIGIN, each.entry.certificates, but="")
    ],
    endpoint_certificates.with_id: lambda session, org, both: [
        endpoint_certificates.with_id(session, org, each.entry.id) for each in (both.default, both.other)
    ],
    inventory.find: lambda session, org, _: [
        SimpleNamespace(organization=org)
        for entry in inventory.find(session, org, Filter(query="pizza"))
        if entry.created_by == org
    ],
    inventory.count: lambda session, org, _: (
        [SimpleNamespace(organization=org)] * inventory.count(session, org, Filter())
    ),
    inventory.with_certificate: lambda session, org, both: [
        each.entry
        for each in (both.default, both.other)
        if inventory.with_certificate(session, org, each.entry.certificates[0].fingerprint) == [each.entry.alias]
    ],
    endpoint_certificates.with_aliases: lambda session, org, _: endpoint_certificates.with_aliases(
        session, org, ["pizza-backend"]
    ),
    inventory.users_of: lambda session, org, _: [
        SimpleNamespace(organization=org)
        for users in inventory.users_of(session, org, [ORIGIN]).values()
        if users.count == 1
    ],
    expiring.find: lambda session, org, both: [
        each.entry
        for each in (both.default, both.other)
        for expires in expiring.find(session, org, AFTER_NOW.replace(year=2100))
        if expires.entry_id == each.entry.id
    ],
    expiring.count: lambda session, org, _: (
        [SimpleNamespace(organization=org)] * expiring.count(session, org, AFTER_NOW.replace(year=2100))
    ),
    facts.has_undescribed: lambda session, org, _: (
        [] if facts.has_undescribed(session, org) or org == "nobody" else [SimpleNamespace(organization=org)]
    ),
    removed_certificates.find: lambda session, org, _: removed_certificates.find(session, org, NOW)[0],
    removed_certificates.get: lambda session, org, both: [
        removed_certificates.get(session, org, each.removed.id, NOW) for each in (both.default, both.other)
    ],
    removed_certificates.latest_replaced: lambda session, org, both: [
        removed_certificates.latest_replaced(session, org, each.removed.entry_id, NOW)
        for each in (both.default, both.other)
    ],
    journal.audit_events: lambda session, org, _: journal.audit_events(session, org),
    journal.audit_events_of: lambda session, org, _: journal.audit_events_of(session, org, "Pizza", "create API"),
    channels.get: lambda session, org, _: [channels.get(session, org, "ops")],
    channels.of_organization: lambda session, org, _: channels.of_organization(session, org),
    channels.count: lambda session, org, _: [SimpleNamespace(organization=org)] * channels.count(session, org),
    channels.backlogs: lambda session, org, _: [
        SimpleNamespace(organization=channel_id.removeprefix("c-")) for channel_id in channels.backlogs(session, org)
    ],
    channels.count_given_up: lambda session, org, _: [
        SimpleNamespace(organization=channel_id.removeprefix("c-"))
        for channel_id in channels.count_given_up(session, org)
    ],
    conditions.courses: lambda session, org, _: [
        SimpleNamespace(organization=course.condition.wording.title)
        for course in conditions.courses(session, org, [EventKind.BACKEND_FAILURE]).values()
    ],
    conditions.cursor: lambda session, org, _: (
        [] if conditions.cursor(session, org) is None else [SimpleNamespace(organization=org)]
    ),
    conditions.audit_events_after: lambda session, org, _: conditions.audit_events_after(
        session, org, 0, 100, ["create API"]
    ),
    history.find: lambda session, org, _: [each.notification for each in history.find(session, org, 0, 10)[0]],
    silences.get: lambda session, org, both: [
        silences.get(session, org, f"s-{each.api.organization}", NOW) for each in (both.default, both.other)
    ],
    silences.active: lambda session, org, _: silences.active(session, org, NOW),
    owners.of_objects: lambda session, org, _: [
        SimpleNamespace(organization=owner)
        for of_object in owners.of_objects(session, org, ["api:1"]).values()
        for owner in of_object
    ],
    apis.ids_by_origin: lambda session, org, both: [
        each.api
        for each in (both.default, both.other)
        if each.api.id in apis.ids_by_origin(session, org, [ORIGIN]).get(ORIGIN, ())
    ],
    caller_certificates.expiring: lambda session, org, both: [
        each.api
        for each in (both.default, both.other)
        if each.api.id in {caller.api_id for caller in caller_certificates.expiring(session, org, LATER)}
    ],
    audit_events.newest: lambda session, org, _: [
        each.event for each in audit_events.newest(session, org, EventFilter(), None, 9)
    ],
    audit_events.following: lambda session, org, _: [
        each.event for each in audit_events.following(session, org, EventFilter(), None, 9)
    ],
    audit_events.users: lambda session, org, both: [
        each.event for each in (both.default, both.other) if each.event.user in audit_events.users(session, org, 9)
    ],
    audit_chain.chain_state: lambda session, org, both: [
        each.event
        for each in (both.default, both.other)
        if audit_chain.chain_state(session, org).newest.hash
        == audit_events.newest(session, each.event.organization, EventFilter(), None, 1)[0].members["hash"]
    ],
    audit_chain.has_forgettable: lambda session, org, both: [
        each.event
        for each in (both.default, both.other)
        if audit_chain.has_forgettable(session, org, AFTER_NOW) and org == each.event.organization
    ],
    api_documents.members_of: lambda session, org, both: [
        SimpleNamespace(organization=members["of"])
        for members in api_documents.members_of(session, org, {both.default.api.id, both.other.api.id}).values()
    ],
    api_documents.types_of: lambda session, org, both: [
        SimpleNamespace(organization=kind)
        for kind in api_documents.types_of(session, org, {both.default.api.id, both.other.api.id}).values()
    ],
    api_documents.definition_of: lambda session, org, both: [
        SimpleNamespace(organization=definition.strip('"'))
        for each in (both.default, both.other)
        if (definition := api_documents.definition_of(session, org, each.api.id))
    ],
}
MODULES = (
    accounts,
    channels,
    conditions,
    history,
    outbox,
    owners,
    silences,
    api_documents,
    apis,
    authorities,
    deployments,
    groups,
    revisions,
    caller_certificates,
    gateway_certificates,
    gateways,
    join_tokens,
    endpoint_certificates,
    audit_chain,
    audit_events,
    expiring,
    facts,
    inventory,
    journal,
    removed_certificates,
    saved_views,
    tokens,
)
# These work for all organizations, or find out which one it is.
FOR_ALL = {
    # Groups of gateways belong to the installation.
    groups.insert,
    groups.save,
    groups.remove,
    groups.get,
    groups.names,
    groups.all_groups,
    gateways.names_in,
    gateways.joined,
    deployments.count_by_group,
    accounts.organizations,
    accounts.user_identified,
    accounts.user_named,
    accounts.session_user,
    accounts.find_session,
    accounts.mark_seen,
    accounts.remove_session,
    accounts.user_of,
    tokens.token_with_hash,
    tokens.owner_of_hash,
    tokens.application_with_id,
    tokens.day_of,
    audit_chain.members_of,
    audit_chain.organizations_waiting,
    journal.last_change,
    journal.changes_after,
    endpoint_certificates.in_rotation,
    channels.organizations,
    conditions.any_without_channels,
    conditions.forget_without_channels,
    conditions.last_audit_event,
    outbox.channels_to_begin,
    outbox.due,
    # These are about a message or a channel that was read before, by its id.
    outbox.content,
    outbox.count_attempt,
    outbox.mark_delivered,
    outbox.mark_failed,
    channels.write_success,
    channels.write_failure,
    history.read_notification,
    # These are about values, or complete rows of the same organization.
    facts.facts_of_entry,
    facts.facts_of_certificate,
    facts.searchable,
    facts.describe,
    # These are about an API or a revision that was read before.
    revisions.count,
    revisions.content_of,
    revisions.everything_deployed,
    revisions.origins_of,
    apis.settings_of,
    apis.with_settings,
}
# These write values that contain their organization.
WRITES = {
    channels.insert,
    channels.change,
    channels.remove,
    channels.replace_sealed,
    conditions.replace,
    conditions.move_cursor,
    outbox.add,
    outbox.begin_message,
    silences.insert,
    silences.remove,
    owners.save,
    deployments.replace,
    deployments.pin,
    revisions.take_number,
    revisions.insert,
    revisions.remove,
    accounts.insert_organization,
    accounts.insert_user,
    accounts.insert_session,
    accounts.set_password_hash,
    accounts.update_user,
    accounts.remove_user,
    accounts.keep_newest_sessions,
    accounts.remove_session_of,
    accounts.remove_other_sessions,
    accounts.end_sessions,
    saved_views.save,
    saved_views.remove,
    tokens.insert_token,
    tokens.mark_used,
    tokens.remove_grant,
    tokens.remove_tokens,
    tokens.keep_newest_tokens,
    tokens.insert_application,
    tokens.mark_application_used,
    tokens.keep_latest_applications,
    tokens.remove_applications,
    gateways.insert,
    gateways.update_placement,
    gateways.remove,
    gateway_certificates.insert,
    gateway_certificates.remove_others,
    join_tokens.replace_unused,
    join_tokens.use,
    authorities.insert,
    authorities.remove,
    authorities.replace_sealed_keys,
    api_documents.save_members,
    api_documents.save_definition,
    apis.insert,
    apis.update,
    apis.remove,
    caller_certificates.insert,
    caller_certificates.update,
    caller_certificates.remove,
    caller_certificates.copy,
    endpoint_certificates.insert,
    endpoint_certificates.update,
    endpoint_certificates.remove,
    endpoint_certificates.observe,
    removed_certificates.insert,
    removed_certificates.remove,
    audit_chain.append,
    audit_chain.chain_waiting,
    audit_chain.forget,
    journal.record,
    journal.announce,
}


def test_every_query_function_is_tested_here():
    public = {
        function
        for module in MODULES
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }
    assert public == READS.keys() | FOR_ALL | WRITES


@pytest.mark.parametrize("read", READS.values(), ids=[f"{read.__module__}.{read.__name__}" for read in READS])
def test_reading_returns_only_the_organizations_own_rows(store, both, read):
    with store.read() as session:
        for organization in ("default", "other"):
            assert [found.organization for found in read(session, organization, both) if found] == [organization]
        assert [found for found in read(session, "nobody", both) if found] == []


def test_totals_count_only_the_organizations_own_rows(store, both):
    del both
    with store.read() as session:
        assert apis.find(session, "default", ApiFilter(), limit=0)[1] == 1
        assert endpoint_certificates.find(session, "default", limit=0)[1] == 1
        assert removed_certificates.find(session, "default", NOW, limit=0)[1] == 1


def test_removing_deletes_nothing_of_another_organization(store, both):
    with store.write() as session:
        apis.remove(session, replace(both.other.api, organization="default"))
        caller_certificates.remove(session, replace(both.other.caller, organization="default"))
        endpoint_certificates.remove(session, replace(both.other.entry, organization="default"))
        removed_certificates.remove(session, replace(both.other.removed, organization="default"))
        accounts.set_password_hash(session, replace(both.other.user, organization="default"), "stolen")
    assert_untouched(store, both)


def test_updating_changes_nothing_of_another_organization(store, both):
    with store.write() as session:
        apis.update(session, replace(both.other.api, organization="default", name="stolen", context="/stolen"))
        caller_certificates.update(session, replace(both.other.caller, organization="default", alias="stolen"))
        endpoint_certificates.update(session, replace(both.other.entry, organization="default", alias="stolen"))
        seen = Observation(looked_at=NOW)
        endpoint_certificates.observe(session, replace(both.other.entry, organization="default", observation=seen))
    stolen = replace(both.other.api, organization="default")
    for save, value in ((api_documents.save_members, {"of": "default"}), (api_documents.save_definition, "stolen")):
        with pytest.raises(IntegrityError), store.write() as session:
            save(session, stolen, value)
    assert_untouched(store, both)


def test_users_sessions_and_tokens_of_another_organization_are_not_changed(store, both):
    foreign = replace(both.other.user, organization="default")
    token = replace(both.other.token, organization="default")
    with store.write() as session:
        accounts.update_user(session, replace(foreign, roles=frozenset({"admin"}), disabled=True))
        accounts.remove_user(session, foreign)
        accounts.end_sessions(session, foreign)
        accounts.keep_newest_sessions(session, foreign, 0)
        assert accounts.remove_session_of(session, foreign, "session of otto") is False
        assert accounts.remove_other_sessions(session, foreign, "") == 0
        tokens.mark_used(session, token, NOW)
        assert tokens.remove_grant(session, token) is False
        tokens.remove_tokens(session, foreign, tuple(Kind))
        tokens.keep_newest_tokens(session, foreign, Kind.PERSONAL, 0)
        tokens.keep_latest_applications(session, foreign, 0)
        tokens.remove_applications(session, foreign)
        assert accounts.session_user(session, "session of otto", NOW) == both.other.user
        assert tokens.token_with_hash(session, "token of otto", NOW) == (both.other.token, both.other.user)
        assert tokens.application_with_id(session, "otto") == both.other.application


def test_gateways_of_another_organization_are_not_changed(store, both):
    foreign = replace(both.other.gateway, organization="default")
    with store.write() as session:
        gateways.update_placement(session, replace(foreign, placement=Placement("stolen", {})))
        gateways.remove(session, foreign)
        gateway_certificates.remove_others(session, foreign, [])
        assert join_tokens.use(session, "default", both.other.join_hash, NOW) is False
        authorities.remove(session, "nobody")
        authorities.replace_sealed_keys(session, "nobody", lambda *_: b"stolen")
        assert gateways.get(session, "other", "eu-1") == replace(
            both.other.gateway, certificate=both.other.issued, join_by=LATER
        )
        assert authorities.get(session, "other") == both.other.authority


def test_a_change_of_the_password_ends_only_the_users_own_sessions(store, both):
    with store.write() as session:
        accounts.insert_session(session, "otto's", both.other.user, NOW, NOW.replace(year=2027))
        accounts.set_password_hash(session, both.default.user, "new")
        accounts.set_password_hash(session, replace(both.other.user, organization="default"), "stolen")
        assert accounts.session_user(session, "otto's", NOW) == both.other.user


def test_within_one_organization_names_contexts_and_aliases_are_unique(store, both):
    del both
    for taken in (make_api(context="/else"), make_api("Else", context="/pizza")):
        with pytest.raises(IntegrityError), store.write() as session:
            apis.insert(session, taken)
    with pytest.raises(IntegrityError), store.write() as session:
        endpoint_certificates.insert(session, make_entry())


def assert_untouched(store, both):
    with store.read() as session:
        for each in (both.default, both.other):
            organization = each.api.organization
            assert list(apis.all_of(session, organization)) == [each.api]
            assert api_documents.members_of(session, organization, {each.api.id}) == {each.api.id: each.members}
            assert api_documents.definition_of(session, organization, each.api.id) == f'"{organization}"'
            assert caller_certificates.find(session, organization, each.api.id) == ([each.caller], 1)
            assert endpoint_certificates.find(session, organization) == ([each.entry], 1)
            assert removed_certificates.find(session, organization, NOW) == ([each.removed], 1)
            assert accounts.user_named(session, each.user.name) == each.user
