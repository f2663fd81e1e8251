"""
The words of pages for kinds of channels, events and audiences.
"""

from holdfast.apis.notifications.channel import PAGERDUTY_URL, Audience, ChannelKind
from holdfast.apis.notifications.event import EventKind

KINDS = {
    ChannelKind.EMAIL: ("E-mail", "To a list of addresses, or to owners"),
    ChannelKind.SLACK: ("Slack", "Also Mattermost, Rocket.Chat and others with Slack's format"),
    ChannelKind.PAGERDUTY: ("PagerDuty", "Opens incidents, and resolves them"),
    ChannelKind.WEBHOOK: ("Webhook", "Signed JSON to your own program"),
}
EVENTS = {
    EventKind.BACKEND_FAILURE: "Failing backends",
    EventKind.TRUST_EXCEPTION: "Verification turned off and on",
    EventKind.GATEWAY_CONNECTION: "Lost gateways",
    EventKind.CERTIFICATE_EXPIRY: "Expiring endpoint certificates",
    EventKind.PRESENTED_CERTIFICATE: "Changes of what backends present",
    EventKind.IDENTITY_EXPIRY: "Expiring gateway identities",
    EventKind.CALLER_EXPIRY: "Expiring caller certificates",
    EventKind.SERVER_EXPIRY: "Expiring certificates of publisher and gateways",
}
# By kind: an example of a URL, and a hint.
URLS = {
    ChannelKind.EMAIL: ("", ""),
    ChannelKind.SLACK: (
        "https://hooks.slack.com/services/...",
        "The URL of an incoming webhook. It is stored encrypted and not shown again.",
    ),
    ChannelKind.PAGERDUTY: (PAGERDUTY_URL, "Leave empty unless your service region is the EU."),
    ChannelKind.WEBHOOK: (
        "https://tools.example/holdfast",
        "Where to send signed JSON. It is stored encrypted; pages show only the host.",
    ),
}
AUDIENCES = {
    Audience.ALL: "Everything",
    Audience.OWNED: "Only what the channel owns",
    Audience.OWNERS: "Everything, sent to the owners",
}
DURATIONS = {1: "1 hour", 4: "4 hours", 24: "1 day", 72: "3 days", 168: "1 week", 720: "30 days"}  # by hours
