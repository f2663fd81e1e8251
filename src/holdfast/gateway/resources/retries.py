"""
Which failed requests gateways send to the backend once more: those that the backend cannot have acted on twice.
"""

from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher, RetryPolicy
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from envoy.type.v3.percent_pb2 import Percent
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt32Value

# RFC 9110, section 9.2.2, and QUERY: a request with one of these may be sent twice.
_IDEMPOTENT = "GET|HEAD|OPTIONS|TRACE|PUT|DELETE|QUERY"
IDEMPOTENT_METHODS = HeaderMatcher(
    name=":method", string_match=StringMatcher(safe_regex=RegexMatcher(regex=_IDEMPOTENT))
)
# The backend has not begun: no connection, no header sent, or it says so itself (REFUSED_STREAM, or beyond GOAWAY).
_NOT_BEGUN = "connect-failure,refused-stream,reset-before-request"
_AT_MOST = UInt32Value(value=1)
_PAUSE = Duration(nanos=5_000_000)  # the connections that the backend closed at the same moment are gone by then
SHARE = 20.0  # percent of the requests to a backend that may be retries, so that they don't overload it
ALWAYS_ALLOWED = 16  # retries at the same time, however few requests there are


def build_retry_policy(*, idempotent: bool) -> RetryPolicy:
    """
    Retry once, on another connection, only before the backend has sent a byte of its response.

    Source: `envoy.config.route.v3.RetryPolicy`.
    """
    return RetryPolicy(
        retry_on=f"{_NOT_BEGUN},reset" if idempotent else _NOT_BEGUN,
        num_retries=_AT_MOST,
        retry_back_off=RetryPolicy.RetryBackOff(base_interval=_PAUSE),
    )


def build_retry_budget() -> CircuitBreakers.Thresholds.RetryBudget:
    """Bound the retries to one backend."""
    return CircuitBreakers.Thresholds.RetryBudget(
        budget_percent=Percent(value=SHARE), min_retry_concurrency=UInt32Value(value=ALWAYS_ALLOWED)
    )
