"""
Names and conditions in resources that agents use too. Agents don't load Envoy's messages, to stay small.
"""

# The secret with the certificate for callers and its key, which doesn't leave the machine that has the key's file. The
# name stays the same when the certificate changes: new connections use the new one, and open ones continue.
GATEWAY_SECRET = "gateway"  # noqa: S105 - the name of one
CONTROL_PLANE = "control-plane"  # the name of our cluster in Envoy's bootstrap
# The names of the logs: requests that a backend failed, and requests that the gateway rejected.
FAILURES, REJECTIONS = "failures", "rejections"
# The CEL condition for requests whose connection to the backend took too long.
SLOW_CONNECTION = "response.code_details.startsWith('upstream_reset_before_response_started{connection_timeout')"
