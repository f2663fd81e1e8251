"""
Names and conditions in resources that agents use too. Agents don't load Envoy's messages, to stay small.
"""

CONTROL_PLANE = "control-plane"  # the name of our cluster in Envoy's bootstrap
# The names of the logs: requests that a backend failed, and requests that the gateway rejected.
FAILURES, REJECTIONS = "failures", "rejections"
# The CEL condition for requests whose connection to the backend took too long.
SLOW_CONNECTION = "response.code_details.startsWith('upstream_reset_before_response_started{connection_timeout')"
