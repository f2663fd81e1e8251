"""
Statistics of traffic: access loggers that count requests, by route, in Envoy itself.

Each statistic costs an allocation and a look-up for each request, so only the one that must be exact counts all
requests. The others count a sample, whose size the agent adapts to the load (`gateway/traffic/sampling.py`).

Names and tags contain only what Holdfast or Envoy chooses, and the status: Envoy keeps a statistic as long as it is
used. Certificates are in an access log instead (`report_certificates`), because a backend can present any number.
"""

from envoy.config.accesslog.v3.accesslog_pb2 import AccessLog
from envoy.extensions.access_loggers.stats.v3.stats_pb2 import Config
from google.protobuf.wrappers_pb2 import UInt64Value

from holdfast.gateway.resources.access_logs import match_sample
from holdfast.gateway.resources.constants import (
    MILLISECONDS,
    RECEIVED,
    REQUESTS,
    SAMPLE_KEY,
    SAMPLED,
    SENT,
    STATS_PREFIX,
    STATS_TAG,
)

_ROUTE = "%ROUTE_NAME%"
_TLS = "%UPSTREAM_TLS_VERSION%"


def count_requests() -> AccessLog:
    """Return the logger that counts every request, by route and status (0: the caller left)."""
    config = Config(stat_prefix=STATS_PREFIX)
    # One tag with all of it: two tags cost twice as much.
    config.counters.add(stat=_build_stat(REQUESTS, f"{_ROUTE} %RESPONSE_CODE%"), value_fixed=UInt64Value(value=1))
    return _build_log(config)


def measure_sample() -> AccessLog:
    """
    Return the logger that counts latencies, bytes and TLS versions, for the sample.

    Source: `envoy.extensions.access_loggers.stats.v3.Config`.
    """
    config = Config(stat_prefix=STATS_PREFIX)
    config.counters.add(stat=_build_stat(SAMPLED, f"{_ROUTE} {_TLS}"), value_fixed=UInt64Value(value=1))
    config.counters.add(stat=_build_stat(RECEIVED, _ROUTE), value_format="%DOWNSTREAM_WIRE_BYTES_RECEIVED%")
    config.counters.add(stat=_build_stat(SENT, _ROUTE), value_format="%DOWNSTREAM_WIRE_BYTES_SENT%")
    config.histograms.add(
        stat=_build_stat(MILLISECONDS, _ROUTE), unit=Config.Histogram.Milliseconds, value_format="%DURATION%"
    )
    log = _build_log(config)
    log.filter.CopyFrom(match_sample(SAMPLE_KEY))
    return log


def _build_stat(name: str, tag: str) -> Config.Stat:
    return Config.Stat(name=name, tags=[Config.Tag(name=STATS_TAG, value_format=tag)])


def _build_log(config: Config) -> AccessLog:
    log = AccessLog(name="envoy.access_loggers.stats")
    log.typed_config.Pack(config, deterministic=True)
    return log
