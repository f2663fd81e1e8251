"""
Names in the resources of probes, which the probe listener and its client use too.
"""

PREFIX = "probe/"  # of the names of a probe's resources
CLUSTER_HEADER = "x-holdfast-probe"  # names the cluster to probe
SEEN_HEADERS = {
    "x-holdfast-tls-version": "%UPSTREAM_TLS_VERSION%",
    "x-holdfast-tls-cipher": "%UPSTREAM_TLS_CIPHER%",
    "x-holdfast-certificate": "%UPSTREAM_PEER_CERT%",  # PEM, percent-encoded
    "x-holdfast-address": "%UPSTREAM_REMOTE_ADDRESS%",
}
FLAGS_HEADER = "x-holdfast-flags"  # flags and protocol of a HEAD request that the backend did not answer
REFUSAL = {
    "reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "details": "%RESPONSE_CODE_DETAILS%",  # the only information if a backend doesn't respond
    "flags": "%RESPONSE_FLAGS%",
}
