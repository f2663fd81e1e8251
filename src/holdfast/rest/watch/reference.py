"""
Texts of `/openapi.json` about the members of watched endpoints and of expiry.
"""

WATCH_MEMBERS = {
    "Expiry.alias": "The alias of an endpoint certificate; null for a certificate that a backend presents.",
    "Expiry.endpoint": "The origin: scheme, host and port.",
    "Expiry.expires": "When the certificate expires.",
    "Expiry.issuer": "The common name of its issuer.",
    "Expiry.name": "Its common name, or one of its names.",
    "Expiry.previous": "Whether the certificate was replaced, and is still trusted.",
    "Expiry.source": "Where it is: `trusted` by gateways, or `presented` by a backend.",
    "Expiry.used": "Whether an API has an endpoint at this origin.",
    "Expiry.watchedEndpointId": "The ID of the watched endpoint; null for an endpoint certificate.",
    "ExpiryTimeline.list": "The certificates of this page.",
    "ExpiryTimeline.periods": "The numbers of certificates: expired, in each of the next twelve months, later.",
    "Period.period": "`expired`, a month in UTC, such as `2026-12`, or `later`.",
    "Period.presented": "Certificates that backends present; null if your token can't view APIs.",
    "Period.trusted": "Certificates that gateways trust; null if your token can't view certificates.",
    "Changes.any": "When the backend last presented anything new.",
    "Changes.issuer": "When it last presented a certificate from another issuer.",
    "Changes.key": "When it last presented another key.",
    "Changes.names": "When it last presented other names.",
    "PresentedSummary.expires": "When the certificate expires.",
    "PresentedSummary.name": "Its common name, or one of its names.",
    "PresentedSummary.since": "When the backend first presented this chain.",
    "PresentedChain.certificates": "The certificates, the backend's own first.",
    "PresentedChain.changes": "What differs from the chain before; empty for the first one.",
    "PresentedChain.firstSeen": "When the backend first presented this chain.",
    "PresentedChain.lastChange": "When the backend last changed to this chain, which is later if it came back.",
    "WatchedApi.id": "The ID of the API.",
    "WatchedEndpointWithChain.certificates": "The certificates that the backend presents, its own first.",
    "changed": "When the backend last presented something new; null: not since it is watched.",
    "decidedBy": "Who decided about `trusted`: a gateway, or a comparison after a change of the trust settings.",
    "trusted": "Whether gateways accept what the backend presents, apart from exceptions; null if unknown.",
    "trustedUntil": "Until when they will accept it, if neither side changes anything.",
    "unreachable": "Since when nothing can be read from the backend; null if it answered.",
    **dict.fromkeys(
        ("WatchedEndpoint.apis", "WatchedEndpointWithChain.apis"), "The APIs with an endpoint at this origin."
    ),
    **dict.fromkeys(
        ("WatchedEndpoint.cause", "WatchedEndpointWithChain.cause"),
        "Why gateways reject what the backend presents, as a code; null if they don't.",
    ),
    **dict.fromkeys(
        ("WatchedEndpoint.endpoint", "WatchedEndpointWithChain.endpoint"), "The origin: scheme, host and port."
    ),
    "Silence.attempts": "How many attempts in a row failed.",
    "Silence.cause": "Why, as a code of `docs/reference/causes.md`.",
    "Silence.retry": "When the next attempt is due.",
    "Silence.since": "Since when nothing can be read from the backend.",
}
