"""Origins that an API uses besides its endpoints' count as used wherever origins are looked up."""

from datetime import timedelta

import pytest

from holdfast.apis.catalog.lifecycle import State
from holdfast.store import api_origins
from holdfast.store.api_origins import OriginSource
from holdfast.store.catalog import api_overviews, apis
from holdfast.store.catalog.api_overviews import OverviewFilter, Show, Sort
from holdfast.store.trust import endpoint_certificates, inventory, unused_origins
from holdfast.store.watch import watched_endpoints
from issuing import issue
from store.values import make_api, make_entry

pytestmark = pytest.mark.usefixtures("anna")
ORG, MEMBER, OTHER = "default", "https://member.test", "https://other.test"


@pytest.fixture
def pizza(store):
    """Store an API that uses MEMBER, and another one that doesn't."""
    api = make_api("Pizza")
    with store.write() as session:
        for any_api in (api, make_api("Pasta")):
            apis.insert(session, any_api)
        endpoint_certificates.insert(session, make_entry("member", issue("member.test"), endpoint=f"{MEMBER}/base"))
        api_origins.replace(session, ORG, api.id, OriginSource.MEMBER, {MEMBER})
    return api


def show(session, states, sort=Sort.NAME, **options):
    overviews, _ = api_overviews.find(session, ORG, OverviewFilter(show=states, **options), sort)
    return [api.name for api in overviews]


def test_an_origin_of_a_member_is_used(store, pizza):
    with store.read() as session:
        assert [api.id for api in apis.list_using_origins(session, ORG, {MEMBER, OTHER})] == [pizza.id]
        assert apis.list_ids_by_origin(session, ORG, {MEMBER, OTHER}) == {MEMBER: [pizza.id]}
        assert apis.has_origin(session, ORG, MEMBER)
        assert not apis.has_origin(session, ORG, OTHER)
        assert inventory.list_users(session, ORG, {MEMBER}) == {MEMBER: inventory.Users(1, "Pizza 1.0.0")}
        assert unused_origins.find(session, ORG) == []
        assert (ORG, MEMBER) in watched_endpoints.list_used(session)


def test_the_users_of_more_origins_than_a_statement_can_have_are_listed(store, pizza):
    # PostgreSQL's limit is 65,535 parameters, and the statement has each origin three times.
    others = [f"https://backend{number}.test" for number in range(22_000)]
    with store.write() as session:
        calzone = make_api("Calzone", production=f"{others[-1]}/a", sandbox=f"{others[0]}/b")
        apis.insert(session, calzone)
    with store.read() as session:
        users = apis.list_using_origins(session, ORG, [MEMBER, *others])
        assert [api.id for api in users] == [calzone.id, pizza.id]
        assert apis.list_using_origins(session, ORG, []) == []


def test_lists_of_apis_include_those_with_a_member_at_an_origin(store, pizza):
    with store.write() as session:
        api_origins.replace(session, ORG, pizza.id, OriginSource.REVISION, {"http://plain.test"})
    with store.read() as session:
        [entry] = endpoint_certificates.find(session, ORG)[0]
        later = min(certificate.not_after for certificate in entry.certificates) + timedelta(days=1)
        assert show(session, Show.PLAIN) == ["Pizza"]
        assert show(session, Show.UNVERIFIED, unverified=[MEMBER]) == ["Pizza"]
        assert show(session, Show.EXPIRING, expiring=later) == ["Pizza"]
        assert show(session, Show.ALL, Sort.EXPIRES) == ["Pizza", "Pasta"]


def test_each_source_replaces_only_its_own_origins(store, pizza):
    with store.write() as session:
        api_origins.replace(session, ORG, pizza.id, OriginSource.TOKEN_ENDPOINT, {MEMBER, OTHER})
        api_origins.replace(session, ORG, pizza.id, OriginSource.MEMBER, set())
    with store.read() as session:
        assert apis.list_ids_by_origin(session, ORG, {MEMBER, OTHER}) == {MEMBER: [pizza.id], OTHER: [pizza.id]}
    with store.write() as session:
        api_origins.replace(session, ORG, pizza.id, OriginSource.TOKEN_ENDPOINT, {OTHER})
    with store.read() as session:
        assert unused_origins.find(session, ORG) == [MEMBER]


def test_origins_of_retired_apis_are_not_watched_and_those_of_deleted_ones_not_used(store, pizza):
    old = make_api("Old", state=State.RETIRED)
    with store.write() as session:
        apis.insert(session, old)
        api_origins.replace(session, ORG, old.id, OriginSource.MEMBER, {OTHER})
        apis.remove(session, pizza)
    with store.read() as session:
        assert watched_endpoints.list_used(session).isdisjoint({(ORG, MEMBER), (ORG, OTHER)})
        assert apis.has_origin(session, ORG, OTHER)
        assert not apis.has_origin(session, ORG, MEMBER)
