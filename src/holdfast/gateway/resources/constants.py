"""
Names and conditions in resources that agents use too. Agents don't load Envoy's messages, to stay small.
"""

# The secret with the certificate for callers and its key, which doesn't leave the machine that has the key's file. The
# name stays the same when the certificate changes: new connections use the new one, and open ones continue.
GATEWAY_SECRET = "gateway"  # noqa: S105 - the name of one
CONTROL_PLANE = "control-plane"  # the name of our cluster in Envoy's bootstrap
# The metadata of a virtual host: name and version of the API of its routes, by their name; Envoy's commands for them.
API_METADATA = "holdfast.apis"
API_NAME, API_VERSION = (
    f"%CEL(xds.virtual_host_metadata.filter_metadata['{API_METADATA}'][xds.route_name].{member})%"
    for member in ("name", "version")
)
# The header with the code of an error response, for access logs.
ERROR_HEADER = "x-holdfast-error"
# The filter state with the path of a request as the caller sent it, for access logs.
PATH_STATE = "holdfast.path"
# The tag of a request's trace in the logs of gateways that send traces.
TRACE_TAG = "trace"
# The names of the logs: requests that a backend failed, requests that the gateway rejected, a sample of all with the
# certificates of backends, and requests whose access token a backend rejected.
FAILURES, REJECTIONS, CERTIFICATES, REJECTED_TOKENS = "failures", "rejections", "certificates", "rejected-tokens"
# In the metadata of a cluster, the name of the secret with the token that its requests carry; also a tag of the log.
TOKEN = "token"  # noqa: S105 - a name
# The CEL condition for requests whose connection to the backend took too long.
SLOW_CONNECTION = "response.code_details.startsWith('upstream_reset_before_response_started{connection_timeout')"
# The statistics of traffic (see `traffic_log.py`), all with the prefix. Each has one tag, which begins with the name of
# the route: it is that of the cluster of an API's environment.
STATS_PREFIX, STATS_TAG = "traffic", "of"
REQUESTS, SAMPLED, RECEIVED, SENT, MILLISECONDS = "requests", "sampled", "received", "sent", "ms"
# The key in Envoy's runtime with which the agent sets how many requests, of a million, are in the sample.
SAMPLE_KEY, ALL_REQUESTS = "holdfast.traffic_sample", 1_000_000
# And how many are in the sample with the certificates of backends.
CERTIFICATE_TAG = "certificate"
CERTIFICATE_SAMPLE_KEY = "holdfast.certificate_sample"
# In the metadata of a group's members, which selects their TLS context; the value is the member's origin.
MATCH_METADATA, MEMBER = "envoy.transport_socket_match", "member"
# The file for events about the health of hosts, in Envoy's working directory, which no other process uses.
MEMBER_EVENTS = "member-events"
# In the metadata of routes: the backend can be suspended (see `suspension.py`).
METADATA, SUSPENDS = "holdfast", "suspends"
MUTATION_FILTER = "envoy.filters.http.header_mutation"
