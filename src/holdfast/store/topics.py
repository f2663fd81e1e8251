"""
The subjects of transactions, for those who wait for them.
"""

from enum import StrEnum


class Topic(StrEnum):
    """The subject of a committed transaction."""

    CHANGES = "changes"  # what gateways are sent, and everything else that users change
    HEARTBEATS = "heartbeats"  # that a control plane still runs; nobody waits for it
    LEASES = "leases"  # which control plane does what one does for all; the same
    CONTROL_PLANES = "control-planes"  # which control planes run, and which tasks one of them does for all
    GATEWAYS = "gateways"  # which gateways are connected to a control plane, and what they have in force
    FAILURES = "failures"  # requests that failed at gateways
    TRAFFIC = "traffic"  # requests that gateways have counted; nobody waits for it
    SIGN_INS = "sign-ins"  # failed attempts to sign in; nobody waits for them
    MESSAGES = "messages"  # from one control plane to another
    WATCH = "watch"  # what backends were seen to present; nobody waits for it
    NOTIFICATIONS = "notifications"  # what people are notified of, and what was sent; nobody waits for it
