"""Queries for caller certificates and gateway identities."""

from dataclasses import replace

from holdfast.store.catalog import apis
from holdfast.store.identities import caller_certificates, gateway_identities
from store.organizations.rows import FAR, ORIGIN, further_of

READS = {
    caller_certificates.get: lambda session, org, pair: [
        caller_certificates.get(session, org, own.api.id, "partner") for own in pair
    ],
    caller_certificates.get_alias: lambda session, org, pair: [
        own.name
        for own in pair
        if caller_certificates.get_alias(session, org, own.api.id, own.caller.certificate.fingerprint)
    ],
    caller_certificates.find: lambda session, org, pair: [
        caller for own in pair for caller in caller_certificates.find(session, org, own.api.id)[0]
    ],
    caller_certificates.find_accepted: lambda session, org, pair: [
        own.name for own in pair if caller_certificates.find_accepted(session, org, {own.api.id})[own.api.id]
    ],
    caller_certificates.find_expiring: lambda session, org, pair: [
        own.name
        for own in pair
        if own.api.id in {caller.api_id for caller in caller_certificates.find_expiring(session, org, FAR)}
    ],
    gateway_identities.get: lambda session, org, _: [gateway_identities.get(session, org, ORIGIN)],
    gateway_identities.list_by_origin: lambda session, org, _: gateway_identities.list_by_origin(
        session, org, [ORIGIN]
    ).values(),
    gateway_identities.list_of_organization: lambda session, org, _: {
        identity.organization for identity in gateway_identities.list_of_organization(session, org)
    },
}
WRITES = {
    caller_certificates.insert: lambda session, org, own: caller_certificates.insert(
        session,
        replace(own.caller, organization=org, id="new", alias="new", certificate=own.entry.certificates[0]),
    ),
    caller_certificates.update: lambda session, org, own: caller_certificates.update(
        session, replace(own.caller, organization=org, alias="stolen")
    ),
    caller_certificates.remove: lambda session, org, own: caller_certificates.remove(
        session, replace(own.caller, organization=org)
    ),
    caller_certificates.copy: lambda session, org, own: (
        apis.insert(session, copy := replace(own.api, id="new", name="New", context="/new", organization=org)),
        caller_certificates.copy(session, own.api, copy),
    ),
    gateway_identities.save: lambda session, org, own: gateway_identities.save(
        session, replace(own.identity, organization=org, origin=further_of(org))
    ),
    gateway_identities.remove: lambda session, org, own: gateway_identities.remove(
        session, replace(own.identity, organization=org)
    ),
    gateway_identities.replace_sealed_keys: lambda session, org, _: gateway_identities.replace_sealed_keys(
        session, org, lambda *_: b"stolen"
    ),
}
