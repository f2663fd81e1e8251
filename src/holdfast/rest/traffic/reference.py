"""
Texts of `/openapi.json` about members of traffic, by name; `Schema.name` where another schema has the name, too.
"""

_PERCENTILE = "Milliseconds within which {} % of the requests in the sample had their whole response."
TRAFFIC_MEMBERS = {
    "BackendTraffic.environment": "`production` or `sandbox`.",
    "BackendTraffic.gateway": "The name of the gateway.",
    "BackendTraffic.endpoint": "The current URL of the backend; empty if there is none.",
    "BackendTraffic.lastCertificate": "SHA-256 of the certificate that the backend presented last in the sample.",
    "CauseCount.code": "The cause, as a code of `docs/reference/causes.md`.",
    "CauseCount.requests": "At least this many requests failed for it.",
    "Latency.p50": _PERCENTILE.format(50),
    "Latency.p95": _PERCENTILE.format(95),
    "Latency.p99": _PERCENTILE.format(99),
    "Requests.requests": "The number of requests that have ended.",
    "Requests.failed": "The number of responses with a status of 500 or more.",
    "Requests.aborted": "The number of requests whose caller left before there was a response.",
    "Requests.statuses": "The number of responses by status.",
    "Requests.bytesReceived": "Bytes from callers.",
    "Requests.bytesSent": "Bytes to callers.",
    "Requests.tlsVersions": "Requests of the sample by TLS version between gateway and backend.",
    "Requests.sampled": "How many requests are in the sample, of which latency, bytes and TLS versions are measured.",
    "TrafficDescription.range": "The range that was asked for.",
    "TrafficDescription.startTime": "The start of the range.",
    "TrafficDescription.endTime": "The end of the last step, which may be in the future.",
    "TrafficDescription.step": "The length of a step in seconds.",
    "TrafficDescription.points": "The requests of each step, the oldest first.",
    "TrafficDescription.backends": "The requests by environment and gateway.",
    "TrafficDescription.causes": "The failed requests by cause, the most frequent first.",
    "TrafficDescription.lost": "How many counters and reports the gateways had no place for; 0 if nothing is missing.",
    "TrafficPoint.time": "The start of the step.",
    "TrafficPoint.total": "The requests of the step; null if no gateway reported.",
    "TrafficPoint.partial": "Whether a gateway is missing that reported before and afterwards.",
    "TrafficPoint.late": "Whether it has requests of earlier steps, which were counted while an agent wasn't running.",
}
