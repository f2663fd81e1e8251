"""Queries for audit events, their chain, and changes."""

from dataclasses import replace

from holdfast.store import audit_chain, audit_events, journal
from holdfast.store.audit_events import Filter
from holdfast.store.tables import AuditEventRow
from store.organizations.rows import AFTER_NOW, NOW

READS = {
    journal.list_audit_events: lambda session, org, _: [
        event for event in journal.list_audit_events(session, org) if event.subject == "Pizza"
    ],
    journal.list_audit_events_about: lambda session, org, _: journal.list_audit_events_about(
        session, org, "Pizza", "create API"
    ),
    audit_events.find_newest: lambda session, org, _: [
        row.event for row in audit_events.find_newest(session, org, Filter(), None, 9) if row.event.subject == "Pizza"
    ],
    audit_events.find_following: lambda session, org, _: [
        row.event
        for row in audit_events.find_following(session, org, Filter(), None, 9)
        if row.event.subject == "Pizza"
    ],
    audit_events.list_users: lambda session, org, pair: [
        own.name for own in pair if own.user.name in audit_events.list_users(session, org, 9)
    ],
    audit_chain.get_state: lambda session, org, pair: [
        own.name
        for own in pair
        if audit_chain.get_state(session, org).newest.hash
        == audit_events.find_following(session, own.name, Filter(), None, 1)[0].members["hash"]
    ],
    audit_chain.has_forgettable: lambda session, org, _: [org] * audit_chain.has_forgettable(session, org, AFTER_NOW),
}
WRITES = {
    journal.record: lambda session, org, own: journal.record(session, replace(own.event, organization=org)),
    journal.announce: lambda session, org, own: journal.announce(session, org, "api", own.api.id, NOW),
    audit_chain.append: lambda session, org, _: audit_chain.append(
        session, AuditEventRow(organization_id=org, at=NOW, user="", action="create API", subject="", detail="")
    ),
    audit_chain.chain_waiting_events: lambda session, org, _: audit_chain.chain_waiting_events(session, org),
    audit_chain.forget: lambda session, org, _: audit_chain.forget(session, org, AFTER_NOW, AFTER_NOW),
}
FOR_ALL = {
    audit_chain.list_waiting_organizations,
    journal.get_last_sequence,
    journal.list_changes_after,
    journal.get_latest_change,
    journal.list_changes_since,
    journal.announce_loss,
}
