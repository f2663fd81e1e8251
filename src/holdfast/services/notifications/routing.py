"""
Which channels receive a notification, and at which addresses.
"""

from collections.abc import Iterable, Mapping, Sequence

from holdfast.apis.notifications.channel import Audience, Channel
from holdfast.apis.notifications.event import Notification
from holdfast.apis.notifications.owners import CHANNEL, find_addresses
from holdfast.store.notifications.outbox import AddressedNotification

Owners = Mapping[str, Sequence[str]]  # by object, such as `api:ID`


def address(notification: Notification, channels: Iterable[Channel], owners: Owners) -> AddressedNotification:
    """Return *notification* with the channels that receive it, and the e-mail addresses of owners for each."""
    responsible = find_owners(notification.about, owners)
    deliveries = []
    for channel in channels:
        if not channel.receives(notification.kind) or (notification.quiet and not channel.has_incidents):
            continue
        if channel.audience is Audience.OWNED and f"{CHANNEL}{channel.name}" not in responsible:
            continue
        addresses = find_addresses(responsible) if channel.audience is Audience.OWNERS else []
        if channel.audience is Audience.OWNERS and not addresses and not channel.recipients:
            continue
        deliveries.append((channel.id, ",".join(sorted(addresses))))
    return AddressedNotification(notification, deliveries)


def find_owners(about: Sequence[str], owners: Owners) -> list[str]:
    """Return the owners of a certificate or, if it has none, those of the APIs that use it."""
    of_certificates = _list_owners("certificate:", about, owners)
    return of_certificates or _list_owners("api:", about, owners)


def _list_owners(kind: str, about: Sequence[str], owners: Owners) -> list[str]:
    names = (owner for subject in about if subject.startswith(kind) for owner in owners.get(subject, ()))
    return list(dict.fromkeys(names))
