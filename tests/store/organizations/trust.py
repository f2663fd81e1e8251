"""Queries for endpoint certificates, trust settings, and what backends present."""

from dataclasses import replace
from datetime import timedelta

from holdfast.apis.watch.watched_endpoint import Silence
from holdfast.store.trust import (
    endpoint_certificates,
    expiring,
    facts,
    inventory,
    removed_certificates,
    trust_settings,
    unused_origins,
    urgent,
)
from holdfast.store.trust.inventory import Filter
from holdfast.store.watch import presented_chains, watched_endpoints
from holdfast.store.watch.watched_endpoints import WatchFilter
from store.organizations.rows import AFTER_NOW, BACKEND, FAR, LATER, NOW, ORIGIN, sandbox_of

PIZZA = Filter(query="pizza-backend")
READS = {
    endpoint_certificates.get: lambda session, org, _: [endpoint_certificates.get(session, org, "pizza-backend")],
    endpoint_certificates.find: lambda session, org, _: endpoint_certificates.find(
        session, org, "pizza-backend", BACKEND
    )[0],
    endpoint_certificates.list_of_origins: lambda session, org, _: endpoint_certificates.list_of_origins(
        session, org, {ORIGIN}
    ),
    endpoint_certificates.list_trusted_besides: lambda session, org, both: [
        each.entry
        for each in both
        if endpoint_certificates.list_trusted_besides(session, replace(each.entry, id="new", organization=org))
        == [(each.entry.alias, each.entry.certificates[0])]
    ],
    endpoint_certificates.list_aliases_with: lambda session, org, both: [
        each.entry
        for each in both
        if endpoint_certificates.list_aliases_with(session, org, ORIGIN, each.entry.certificates, but="")
    ],
    endpoint_certificates.get_by_id: lambda session, org, both: [
        endpoint_certificates.get_by_id(session, org, each.entry.id) for each in both
    ],
    endpoint_certificates.list_with_aliases: lambda session, org, _: endpoint_certificates.list_with_aliases(
        session, org, ["pizza-backend"]
    ),
    inventory.find: lambda session, org, _: [entry.created_by for entry in inventory.find(session, org, PIZZA)],
    inventory.count: lambda session, org, _: [org] * inventory.count(session, org, PIZZA),
    inventory.list_aliases_with_certificate: lambda session, org, both: [
        each.entry
        for each in both
        if inventory.list_aliases_with_certificate(session, org, each.entry.certificates[0].fingerprint)
        == [each.entry.alias]
    ],
    inventory.list_users: lambda session, org, _: [
        org for users in inventory.list_users(session, org, [ORIGIN]).values() if users.count == 1
    ],
    expiring.find: lambda session, org, both: [
        each.entry for each in both for expires in expiring.find(session, org, FAR) if expires.entry_id == each.entry.id
    ],
    expiring.count: lambda session, org, _: (
        [org] * (expiring.count(session, org, FAR) == len(expiring.find(session, org, FAR)) > 0)
    ),
    facts.has_undescribed: lambda session, org, both: [
        each.name for each in both if each.name == org and not facts.has_undescribed(session, org)
    ],
    removed_certificates.find: lambda session, org, _: removed_certificates.find(session, org, NOW)[0],
    removed_certificates.get: lambda session, org, both: [
        removed_certificates.get(session, org, each.removed.id, NOW) for each in both
    ],
    removed_certificates.get_latest_replaced: lambda session, org, both: [
        removed_certificates.get_latest_replaced(session, org, each.removed.entry_id, NOW) for each in both
    ],
    trust_settings.list_by_origin: lambda session, org, _: trust_settings.list_by_origin(
        session, org, [ORIGIN]
    ).values(),
    trust_settings.list_with_exception: lambda session, org, _: trust_settings.list_with_exception(session, org, NOW),
    trust_settings.list_with_ended_exception: lambda session, org, _: trust_settings.list_with_ended_exception(
        session, org, NOW
    ),
    unused_origins.find: lambda session, org, both: [
        each.name for each in both for origin in unused_origins.find(session, org) if origin == each.unused.origin
    ],
    unused_origins.count_certificates: lambda session, org, _: (
        [org] * unused_origins.count_certificates(session, org, 9)
    ),
    unused_origins.list_with_certificates: lambda session, org, both: [
        each.name for each in both if each.unused.origin in unused_origins.list_with_certificates(session, org)
    ],
    urgent.find_expiring: lambda session, org, both: (
        [org] * urgent.find_expiring(session, org, FAR, None, [each.unused.origin for each in both]).count
    ),
    urgent.find_retirable: lambda session, org, _: (
        [org] * urgent.find_retirable(session, org, AFTER_NOW, NOW, AFTER_NOW).count
    ),
    urgent.find_unused_identities: lambda session, org, _: [org] * urgent.find_unused_identities(session, org).count,
    urgent.find_unused: lambda session, org, both: [
        each.name
        for each in both
        if urgent.find_unused(session, org, [each.unused.origin]).endpoint == each.unused.endpoint
    ],
    presented_chains.get: lambda session, org, both: [
        chain.chain
        for each in both
        if (chain := presented_chains.get(session, replace(each.watched, organization=org), each.name))
    ],
    presented_chains.find: lambda session, org, both: [
        chain.chain
        for each in both
        for chain in presented_chains.find(session, replace(each.watched, organization=org))[0]
    ],
    watched_endpoints.get: lambda session, org, both: [
        watched_endpoints.get(session, org, each.watched.id) for each in both
    ],
    watched_endpoints.list_by_origin: lambda session, org, _: watched_endpoints.list_by_origin(
        session, org, [ORIGIN]
    ).values(),
    watched_endpoints.has_new: lambda session, org, both: (
        [org] * watched_endpoints.has_new(session, org, [each.api.id for each in both])
    ),
    watched_endpoints.find: lambda session, org, _: watched_endpoints.find(session, org, WatchFilter(), NOW)[0],
    watched_endpoints.count_by_status: lambda session, org, _: (
        [org] * sum(watched_endpoints.count_by_status(session, org, NOW).values())
    ),
    watched_endpoints.count_expiring: lambda session, org, _: (
        [org] * watched_endpoints.count_expiring(session, org, NOW, FAR)
    ),
}
WRITES = {
    endpoint_certificates.insert: lambda session, org, own: endpoint_certificates.insert(
        session, replace(own.entry, organization=org, id="new", alias="new")
    ),
    endpoint_certificates.update: lambda session, org, own: endpoint_certificates.update(
        session, replace(own.entry, organization=org, alias="stolen")
    ),
    endpoint_certificates.remove: lambda session, org, own: endpoint_certificates.remove(
        session, replace(own.entry, organization=org)
    ),
    endpoint_certificates.observe: lambda session, org, own: endpoint_certificates.observe(
        session, replace(own.entry, organization=org, observation=own.unused.observation)
    ),
    removed_certificates.insert: lambda session, org, own: removed_certificates.insert(
        session, replace(own.removed, organization=org, id="new")
    ),
    removed_certificates.remove: lambda session, org, own: removed_certificates.remove(
        session, replace(own.removed, organization=org)
    ),
    trust_settings.save: lambda session, org, own: trust_settings.save(
        session, replace(own.settings, organization=org, any_name=True)
    ),
    trust_settings.remove: lambda session, org, _: trust_settings.remove(session, org, ORIGIN),
    presented_chains.record: lambda session, org, own: presented_chains.record(
        session, replace(own.watched, organization=org), replace(own.presented, last_at=LATER)
    ),
    watched_endpoints.add: lambda session, org, _: watched_endpoints.add(session, [(org, sandbox_of("new"))]),
    watched_endpoints.remove: lambda session, org, _: watched_endpoints.remove(session, [(org, ORIGIN)]),
    watched_endpoints.save: lambda session, org, own: watched_endpoints.save(
        session, replace(own.watched, organization=org, silence=Silence(NOW, "stolen", 1, NOW + timedelta(hours=1)))
    ),
}
FOR_ALL = {
    endpoint_certificates.list_in_rotation,
    trust_settings.get_next_end,
    watched_endpoints.list_used,
    watched_endpoints.list_watched,
    # It is about complete rows.
    facts.describe,
}
