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
    endpoint_certificates.list_trusted_besides: lambda session, org, pair: [
        own.entry
        for own in pair
        if endpoint_certificates.list_trusted_besides(session, replace(own.entry, id="new", organization=org))
        == [(own.entry.alias, own.entry.certificates[0])]
    ],
    endpoint_certificates.list_aliases_with: lambda session, org, pair: [
        own.entry
        for own in pair
        if endpoint_certificates.list_aliases_with(session, org, ORIGIN, own.entry.certificates, but="")
    ],
    endpoint_certificates.get_by_id: lambda session, org, pair: [
        endpoint_certificates.get_by_id(session, org, own.entry.id) for own in pair
    ],
    endpoint_certificates.list_with_aliases: lambda session, org, _: endpoint_certificates.list_with_aliases(
        session, org, ["pizza-backend"]
    ),
    inventory.find: lambda session, org, _: [entry.created_by for entry in inventory.find(session, org, PIZZA)],
    inventory.count: lambda session, org, _: [org] * inventory.count(session, org, PIZZA),
    inventory.list_aliases_with_certificate: lambda session, org, pair: [
        own.entry
        for own in pair
        if inventory.list_aliases_with_certificate(session, org, own.entry.certificates[0].fingerprint)
        == [own.entry.alias]
    ],
    inventory.list_users: lambda session, org, _: [
        org for users in inventory.list_users(session, org, [ORIGIN]).values() if users.count == 1
    ],
    expiring.find: lambda session, org, pair: [
        own.entry for own in pair for expires in expiring.find(session, org, FAR) if expires.entry_id == own.entry.id
    ],
    expiring.count: lambda session, org, _: (
        [org] * (expiring.count(session, org, FAR) == len(expiring.find(session, org, FAR)) > 0)
    ),
    facts.has_undescribed: lambda session, org, pair: [
        own.name for own in pair if own.name == org and not facts.has_undescribed(session, org)
    ],
    removed_certificates.find: lambda session, org, _: removed_certificates.find(session, org, NOW)[0],
    removed_certificates.get: lambda session, org, pair: [
        removed_certificates.get(session, org, own.removed_certificate.id, NOW) for own in pair
    ],
    removed_certificates.get_latest_replaced: lambda session, org, pair: [
        removed_certificates.get_latest_replaced(session, org, own.removed_certificate.entry_id, NOW) for own in pair
    ],
    trust_settings.list_by_origin: lambda session, org, _: trust_settings.list_by_origin(
        session, org, [ORIGIN]
    ).values(),
    trust_settings.list_with_exception: lambda session, org, _: trust_settings.list_with_exception(session, org, NOW),
    trust_settings.list_with_ended_exception: lambda session, org, _: trust_settings.list_with_ended_exception(
        session, org, NOW
    ),
    unused_origins.find: lambda session, org, pair: [
        own.name for own in pair for origin in unused_origins.find(session, org) if origin == own.unused_entry.origin
    ],
    unused_origins.count_certificates: lambda session, org, _: (
        [org] * unused_origins.count_certificates(session, org, 9)
    ),
    unused_origins.list_with_certificates: lambda session, org, pair: [
        own.name for own in pair if own.unused_entry.origin in unused_origins.list_with_certificates(session, org)
    ],
    urgent.find_expiring: lambda session, org, pair: (
        [org] * urgent.find_expiring(session, org, FAR, None, [own.unused_entry.origin for own in pair]).count
    ),
    urgent.find_retirable: lambda session, org, _: (
        [org] * urgent.find_retirable(session, org, AFTER_NOW, NOW, AFTER_NOW).count
    ),
    urgent.find_unused_identities: lambda session, org, _: [org] * urgent.find_unused_identities(session, org).count,
    urgent.find_unused: lambda session, org, pair: [
        own.name
        for own in pair
        if urgent.find_unused(session, org, [own.unused_entry.origin]).endpoint == own.unused_entry.endpoint
    ],
    presented_chains.get: lambda session, org, pair: [
        chain.chain
        for own in pair
        if (chain := presented_chains.get(session, replace(own.endpoint, organization=org), own.name))
    ],
    presented_chains.find: lambda session, org, pair: [
        chain.chain
        for own in pair
        for chain in presented_chains.find(session, replace(own.endpoint, organization=org))[0]
    ],
    watched_endpoints.get: lambda session, org, pair: [
        watched_endpoints.get(session, org, own.endpoint.id) for own in pair
    ],
    watched_endpoints.list_by_origin: lambda session, org, _: watched_endpoints.list_by_origin(
        session, org, [ORIGIN]
    ).values(),
    watched_endpoints.has_new: lambda session, org, pair: (
        [org] * watched_endpoints.has_new(session, org, [own.api.id for own in pair])
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
        session, replace(own.entry, organization=org, observation=own.unused_entry.observation)
    ),
    removed_certificates.insert: lambda session, org, own: removed_certificates.insert(
        session, replace(own.removed_certificate, organization=org, id="new")
    ),
    removed_certificates.remove: lambda session, org, own: removed_certificates.remove(
        session, replace(own.removed_certificate, organization=org)
    ),
    trust_settings.save: lambda session, org, own: trust_settings.save(
        session, replace(own.settings, organization=org, any_name=True)
    ),
    trust_settings.remove: lambda session, org, _: trust_settings.remove(session, org, ORIGIN),
    trust_settings.clear_exception: lambda session, org, own: trust_settings.clear_exception(
        session, replace(own.settings, organization=org)
    ),
    presented_chains.record: lambda session, org, own: presented_chains.record(
        session, replace(own.endpoint, organization=org), replace(own.presented_chain, last_at=LATER)
    ),
    watched_endpoints.add: lambda session, org, _: watched_endpoints.add(session, [(org, sandbox_of("new"))]),
    watched_endpoints.remove: lambda session, org, _: watched_endpoints.remove(session, [(org, ORIGIN)]),
    watched_endpoints.save: lambda session, org, own: watched_endpoints.save(
        session, replace(own.endpoint, organization=org, silence=Silence(NOW, "stolen", 1, NOW + timedelta(hours=1)))
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
