"""All resources of one API."""

from dataclasses import replace

import pytest
from envoy.config.route.v3.route_components_pb2 import VirtualHost

from holdfast.apis.catalog.endpoint import ENVIRONMENTS
from holdfast.apis.catalog.endpoint_group import EndpointGroup, GroupKind, Member
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.enforcement import OriginTrust
from holdfast.apis.identities.gateway_identity import UnsealedIdentity
from holdfast.gateway.resources.apis import build_api
from holdfast.gateway.resources.resource import CLUSTER, SECRET
from holdfast.gateway.resources.tls import presents_identity, refuses_backend
from issuing import issue
from store.values import make_api, read
from trusting import trust_set


def build(api, *anchors):
    trust = {
        endpoint.origin: trust_set([read(anchor) for anchor in anchors], endpoint.origin.reference)
        for endpoint in api.endpoints
        if endpoint.origin.is_secure
    }
    return build_api(api, trust)


def test_each_environment_has_its_own_clusters_and_routes():
    api = make_api(production="https://pizza.test", sandbox="http://sandbox.test")
    resources = build(api)
    base = f"default/{api.id}"
    assert [cluster.name for cluster in resources.clusters] == [
        f"{base}/production",
        f"{base}/sandbox",
    ]
    assert [[len(VirtualHost.FromString(host).routes) for host in resources.routes[name]] for name in ENVIRONMENTS] == [
        [6],
        [6],
    ]
    assert resources.all == resources.secrets + resources.clusters


def test_two_environments_at_one_origin_share_its_secret():
    api = make_api(production="https://pizza.test/a", sandbox="https://pizza.test/b")
    resources = build(api, issue("pizza.test"))
    assert len(resources.secrets) == 1
    assert {kind for kind, _ in resources.by_policy[OriginTrust("https://pizza.test")]} == {CLUSTER, SECRET}
    assert len(resources.by_policy[OriginTrust("https://pizza.test")]) == 3


def test_the_resources_that_enforce_an_origins_trust_are_listed():
    resources = build(make_api(production="https://a.test", sandbox="http://b.test"))
    assert resources.by_policy.keys() == {OriginTrust("https://a.test"), OriginTrust("http://b.test")}
    assert resources.by_policy[OriginTrust("https://a.test")] == {
        (CLUSTER, resources.clusters[0].name),
        (SECRET, resources.secrets[0].name),
    }
    assert resources.by_policy[OriginTrust("http://b.test")] == {(CLUSTER, resources.clusters[1].name)}


def test_the_trust_of_a_member_without_a_trust_set_is_not_enforced():
    a, b = make_api(production="https://a.test"), make_api(production="https://b.test").production
    group = EndpointGroup(GroupKind.LOAD_BALANCE, (Member(b),))
    first = a.production.origin
    resources = build_api(replace(a, production_group=group), {first: trust_set((), first.reference)})
    assert resources.by_policy.keys() == {OriginTrust("https://a.test")}
    (cluster,) = resources.clusters
    assert refuses_backend(cluster, "https://b.test")
    assert not refuses_backend(cluster, "https://a.test")
    assert not refuses_backend(cluster)


@pytest.mark.parametrize("state", [State.CREATED, State.RETIRED])
def test_an_api_that_is_not_served_has_no_resources(state):
    resources = build(make_api(state=state, sandbox="https://sandbox.test"))
    assert (resources.all, resources.by_policy, resources.routes) == ((), {}, {"production": (), "sandbox": ()})


def test_a_change_of_trust_changes_the_cluster():
    """If only the secret changed, open connections would stay open."""
    api = make_api()
    before, after = build(api), build(api, issue("pizza.test"))
    assert [cluster.name for cluster in before.clusters] == [cluster.name for cluster in after.clusters]
    assert not {cluster.version for cluster in before.clusters} & {cluster.version for cluster in after.clusters}


def test_two_organizations_share_only_equal_secrets():
    mine, theirs = build(make_api()), build(make_api(organization="other"))
    assert not {cluster.name for cluster in mine.clusters} & {cluster.name for cluster in theirs.clusters}
    assert mine.secrets == theirs.secrets


def test_a_gateway_identity_is_referred_to_only_by_clusters_of_its_origin():
    own = issue(common_name="gateway")
    identity = UnsealedIdentity("id", (read(own),), own.key_pem.decode())
    api = make_api(production="https://a.test", sandbox="https://b.test")
    trust = {endpoint.origin: trust_set((), endpoint.origin.reference) for endpoint in api.endpoints}
    resources = build_api(api, trust, {api.production.origin: identity})
    (secret,) = (resource for resource in resources.secrets if resource.name.startswith("client/"))
    assert own.key_pem in secret.body
    assert "PRIVATE" not in repr(resources)
    for cluster in resources.clusters:
        assert b"PRIVATE KEY" not in cluster.body
        assert presents_identity(cluster) == ("/production" in cluster.name)
        assert (secret.name.encode() in cluster.body) == ("/production" in cluster.name)
    assert {policy for policy, keys in resources.by_policy.items() if (SECRET, secret.name) in keys} == {
        OriginTrust("https://a.test")
    }


def test_no_client_certificate_is_presented_to_an_http_endpoint():
    own = issue(common_name="gateway")
    api = make_api(production="http://a.test")
    identity = UnsealedIdentity("id", (read(own),), own.key_pem.decode())
    resources = build_api(api, {}, {api.production.origin: identity})
    assert resources.secrets == ()
    assert not any(map(presents_identity, resources.clusters))
