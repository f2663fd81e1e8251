"""
Retries: gateways send a failed request again only if the backend can't act on it twice.
"""

from functools import lru_cache

from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher, RetryPolicy
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from envoy.type.v3.percent_pb2 import Percent
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt32Value

from holdfast.apis.catalog.connection_settings import DEFAULT_RETRIES, ConnectionSettings

# The idempotent methods (RFC 9110, section 9.2.2) and QUERY: such a request may be sent twice.
_IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY")
# All must match. A regular expression would take 4 KB of a gateway's memory in each route.
OTHER_METHODS = tuple(
    HeaderMatcher(name=":method", string_match=StringMatcher(exact=method), invert_match=True) for method in _IDEMPOTENT
)
# The backend has not processed the request: no connection, no header sent, REFUSED_STREAM, or beyond GOAWAY.
_NOT_BEGUN = "connect-failure,refused-stream,reset-before-request"
_PAUSE = Duration(nanos=5_000_000)  # by then, other connections that the backend closed at the same time are gone
SHARE = 20.0  # percent of the requests to a backend that may be retries, so that retries don't overload it
_CACHE_SIZE = 256  # policies of different settings; most endpoints have the same
ALWAYS_ALLOWED = 16  # simultaneous retries, however few requests there are


@lru_cache(_CACHE_SIZE)
def build_retry_policy(connection: ConnectionSettings, *, idempotent: bool) -> RetryPolicy:
    """
    Return the policy for requests with idempotent methods, or for all others, with the timeout of each try.

    By default, gateways retry once, on another connection, and only before the backend's response has begun. A request
    that the backend may have processed is sent again only if its method is idempotent, or if the API asks for it.
    Don't modify the result, which others share. Source: `envoy.config.route.v3.RetryPolicy`.
    """
    retries = DEFAULT_RETRIES if connection.retries is None else connection.retries
    policy = RetryPolicy(
        retry_on=_NOT_BEGUN,
        num_retries=UInt32Value(value=retries),
        retry_back_off=RetryPolicy.RetryBackOff(base_interval=_PAUSE),
    )
    if idempotent or connection.retry_all_methods:
        policy.retry_on += ",reset"
        if connection.retry_statuses:
            policy.retry_on += ",retriable-status-codes"
            policy.retriable_status_codes.extend(connection.retry_statuses)
        if connection.try_timeout_ms:
            policy.per_try_timeout.FromMilliseconds(connection.try_timeout_ms)
    return policy


def build_retry_budget() -> CircuitBreakers.Thresholds.RetryBudget:
    """Return the limit of retries to one backend."""
    return CircuitBreakers.Thresholds.RetryBudget(
        budget_percent=Percent(value=SHARE), min_retry_concurrency=UInt32Value(value=ALWAYS_ALLOWED)
    )
