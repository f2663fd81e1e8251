"""Two organizations with equal names, contexts and aliases never see each other's rows."""

import inspect
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import IntegrityError

from holdfast.apis.gateways.gateway import Gateway, IssuedCertificate, Placement
from holdfast.apis.trust.endpoint_certificate import Observation
from holdfast.store import journal
from holdfast.store.access import accounts, tokens
from holdfast.store.access.accounts import User
from holdfast.store.access.tokens import Application, Kind, Token
from holdfast.store.catalog import api_documents, apis, deployments
from holdfast.store.catalog.apis import ApiFilter
from holdfast.store.gateways import authorities, gateways, groups, join_tokens
from holdfast.store.gateways import certificates as gateway_certificates
from holdfast.store.gateways.authorities import SealedAuthority
from holdfast.store.identities import caller_certificates
from holdfast.store.journal import AuditEvent
from holdfast.store.trust import endpoint_certificates, removed_certificates
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
            api=(api := make_api(**of)),
            caller=make_caller(api),
            entry=make_entry(**of),
            removed=make_removed(**of),
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
            caller_certificates.insert(session, each.caller)
            endpoint_certificates.insert(session, each.entry)
            removed_certificates.insert(session, each.removed)
            journal.record(session, each.event)
            journal.announce(session, each.api.organization, "api", each.api.id, NOW)
            accounts.insert_user(session, each.user, NOW)
            accounts.insert_session(session, f"session of {each.user.name}", each.user, NOW, LATER)
            tokens.insert_application(session, each.application, NOW)
            tokens.insert_token(session, each.token, f"token of {each.user.name}", NOW)
            gateways.insert(session, each.gateway)
            gateway_certificates.insert(session, each.gateway, each.issued)
            join_tokens.replace_unused(session, each.gateway, PLACEMENT, each.join_hash, NOW, LATER)
            authorities.insert(session, each.authority, NOW)
    return SimpleNamespace(**made)


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
    deployments.groups_of: lambda session, org, both: [
        each.api
        for each in (both.default, both.other)
        if each.api.id in deployments.groups_of(session, org, [both.default.api.id, both.other.api.id])
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
    api_documents,
    apis,
    authorities,
    deployments,
    groups,
    caller_certificates,
    gateway_certificates,
    gateways,
    join_tokens,
    endpoint_certificates,
    journal,
    removed_certificates,
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
    accounts.remove_session,
    accounts.user_of,
    tokens.token_with_hash,
    tokens.owner_of_hash,
    tokens.application_with_id,
    tokens.day_of,
    journal.last_change,
    journal.changes_after,
    endpoint_certificates.in_rotation,
}
# These write values that contain their organization.
WRITES = {
    deployments.replace,
    accounts.insert_organization,
    accounts.insert_user,
    accounts.insert_session,
    accounts.set_password_hash,
    accounts.update_user,
    accounts.remove_user,
    accounts.keep_newest_sessions,
    accounts.remove_session_of,
    accounts.end_sessions,
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
