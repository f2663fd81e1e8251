"""
`/notifications`: notifications, and their delivery.
"""

from holdfast.rest.authentication import RequestContext
from holdfast.rest.notifications.responses import Notification, NotificationReceipt, Notifications
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, paginate
from holdfast.rest.prefixes import PREFIX
from holdfast.rest.router import Router
from holdfast.services.notifications import history
from holdfast.store.notifications.history import Receipt, SentNotification

router = Router(prefix=f"{PREFIX}/notifications", tags=["Notifications"])


@router.get("")
def list_notifications(context: RequestContext, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0) -> Notifications:
    """
    List notifications.

    Returns the notifications of the last 90 days, newest first, and what became of it at each channel.
    """
    entries, total = history.list_notifications(context, offset, limit)
    return {
        "count": len(entries),
        "list": [_describe(entry) for entry in entries],
        "pagination": paginate(router.prefix, {}, offset, limit, total),
    }


def _describe(entry: SentNotification) -> Notification:
    notification, wording = entry.notification, entry.notification.wording
    return {
        "id": str(notification.number),
        "time": notification.at.isoformat(),
        "type": notification.type,
        "kind": notification.kind,
        "phase": notification.phase,
        "severity": notification.severity,
        "key": notification.key,
        "title": wording.title,
        "text": wording.text,
        "action": wording.action,
        "path": wording.path,
        "about": list(notification.about),
        "channels": [_describe_receipt(receipt) for receipt in entry.receipts],
    }


def _describe_receipt(receipt: Receipt) -> NotificationReceipt:
    return {
        "channel": receipt.channel,
        "messageId": receipt.message,
        "deliveredTime": receipt.delivered_at.isoformat() if receipt.delivered_at else None,
        "givenUp": receipt.given_up,
        "error": receipt.error,
    }
