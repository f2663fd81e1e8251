"""Queries for gateways, their certificates and join tokens."""

from dataclasses import replace

from holdfast.apis.gateways.gateway import Placement
from holdfast.store.gateways import authorities, gateways, join_tokens
from holdfast.store.gateways import certificates as gateway_certificates
from store.organizations.rows import LATER, NOW, PLACEMENT

READS = {
    gateways.get: lambda session, org, _: [gateways.get(session, org, "eu-1")],
    gateways.find: lambda session, org, _: gateways.find(session, org)[0],
    gateways.count: lambda session, org, _: [org] * gateways.count(session, org),
    gateway_certificates.get_holder: lambda session, org, pair: [
        own.name
        for own in pair
        if gateway_certificates.get_holder(session, org, own.gateway_certificate.fingerprint, NOW)
    ],
    gateway_certificates.list_expiries: lambda session, org, pair: [
        own.name
        for own in pair
        if gateway_certificates.list_expiries(session, org, {own.gateway_certificate.fingerprint})
    ],
    gateway_certificates.are_valid: lambda session, org, _: [org] * gateway_certificates.are_valid(session, org, NOW),
    join_tokens.get: lambda session, org, pair: [
        own.name for own in pair if join_tokens.get(session, org, own.join_hash)
    ],
    authorities.get: lambda session, org, _: [authorities.get(session, org)],
}
WRITES = {
    gateways.insert: lambda session, org, own: gateways.insert(
        session, replace(own.gateway, organization=org, id="new", name="new")
    ),
    gateways.update_placement: lambda session, org, own: gateways.update_placement(
        session, replace(own.gateway, organization=org, placement=Placement("Default", {"owner": "stolen"}))
    ),
    gateways.remove: lambda session, org, own: gateways.remove(session, replace(own.gateway, organization=org)),
    gateway_certificates.insert: lambda session, org, own: gateway_certificates.insert(
        session, replace(own.gateway, organization=org), replace(own.gateway_certificate, fingerprint="new")
    ),
    gateway_certificates.remove_others: lambda session, org, own: gateway_certificates.remove_others(
        session, replace(own.gateway, organization=org), []
    ),
    join_tokens.replace_unused: lambda session, org, own: join_tokens.replace_unused(
        session, replace(own.gateway, organization=org), PLACEMENT, "new", NOW, LATER
    ),
    join_tokens.use: lambda session, org, own: join_tokens.use(session, org, own.join_hash, NOW),
    authorities.insert: lambda session, org, own: (
        authorities.remove(session, org),
        authorities.insert(session, replace(own.authority, organization=org, id="new"), NOW),
    ),
    authorities.remove: lambda session, org, _: authorities.remove(session, org),
    authorities.replace_sealed_keys: lambda session, org, _: authorities.replace_sealed_keys(
        session, org, lambda *_: b"stolen"
    ),
}
FOR_ALL = {
    # Groups belong to the installation, and serve APIs of all organizations.
    gateways.list_names_in,
    gateways.list_joined,
}
