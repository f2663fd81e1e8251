"""Queries for notifications."""

from dataclasses import replace

from holdfast.apis.notifications.event import EventKind
from holdfast.store.notifications import channels, conditions, history, outbox, owners, silences
from holdfast.store.notifications.outbox import AddressedNotification
from store.organizations.rows import LATER, NOW

READS = {
    channels.get: lambda session, org, _: [channels.get(session, org, "ops")],
    channels.list_of_organization: lambda session, org, _: channels.list_of_organization(session, org),
    channels.count: lambda session, org, _: [org] * channels.count(session, org),
    channels.list_backlogs: lambda session, org, _: [
        channel_id.removeprefix("c-") for channel_id in channels.list_backlogs(session, org)
    ],
    channels.count_given_up: lambda session, org, _: [
        channel_id.removeprefix("c-") for channel_id in channels.count_given_up(session, org)
    ],
    conditions.list_courses: lambda session, org, _: [
        course.condition.wording.title
        for course in conditions.list_courses(session, org, [EventKind.BACKEND_FAILURE]).values()
    ],
    conditions.get_cursor: lambda session, org, _: [] if conditions.get_cursor(session, org) is None else [org],
    conditions.list_audit_events_after: lambda session, org, _: conditions.list_audit_events_after(
        session, org, 0, 100, ["update API"]
    ),
    history.find: lambda session, org, _: {
        record.notification.organization for record in history.find(session, org, 0, 10)[0]
    },
    history.list_latest_of_present: lambda session, org, _: {
        notification.organization for notification in history.list_latest_of_present(session, org)
    },
    silences.get: lambda session, org, pair: [silences.get(session, org, own.silence.id, NOW) for own in pair],
    silences.list_active: lambda session, org, _: silences.list_active(session, org, NOW),
    owners.list_by_object: lambda session, org, _: [
        owner for of_object in owners.list_by_object(session, org, ["api:1"]).values() for owner in of_object
    ],
}
WRITES = {
    channels.insert: lambda session, org, own: channels.insert(
        session, replace(own.channel, organization=org, id="new", name="new")
    ),
    channels.change: lambda session, org, own: channels.change(
        session, replace(own.channel, organization=org, target="stolen", updated_at=LATER)
    ),
    channels.remove: lambda session, org, own: channels.remove(session, replace(own.channel, organization=org)),
    channels.replace_sealed: lambda session, org, _: channels.replace_sealed(session, org, lambda *_: b"stolen"),
    conditions.replace: lambda session, org, _: conditions.replace(session, org, ["key"], []),
    conditions.move_cursor: lambda session, org, _: conditions.move_cursor(session, org, 7),
    outbox.add: lambda session, org, own: outbox.add(
        session, [AddressedNotification(replace(own.notification, organization=org), [])]
    ),
    outbox.add_receivers: lambda session, org, own: outbox.add_receivers(
        session, [AddressedNotification(replace(own.notification, organization=org, number=1), [(own.channel.id, "")])]
    ),
    outbox.begin_message: lambda session, org, own: outbox.begin_message(session, "new", org, own.channel.id, "", NOW),
    silences.insert: lambda session, org, own: silences.insert(
        session, replace(own.silence, organization=org, id="new")
    ),
    silences.remove: lambda session, org, own: silences.remove(session, replace(own.silence, organization=org)),
    owners.save: lambda session, org, _: owners.save(session, org, "api:1", []),
}
FOR_ALL = {
    channels.list_organizations,
    conditions.has_any_without_channels,
    conditions.forget_without_channels,
    conditions.get_last_audit_event_id,
    outbox.list_channels_to_begin,
    outbox.list_due,
    # These are about a message or a channel that was read before, by its id.
    outbox.get_content,
    outbox.count_attempt,
    outbox.mark_delivered,
    outbox.mark_failed,
    channels.write_success,
    channels.write_failure,
}
