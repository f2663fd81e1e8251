"""
`/metrics`: metrics of one organization, in the text format of Prometheus.
"""

from collections.abc import Iterable, Iterator

from fastapi import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from holdfast.rest.access.authentication import CurrentRuntime, RequestContext
from holdfast.rest.responses import files
from holdfast.rest.router import Router
from holdfast.services.access.context import Context
from holdfast.services.runtime import Runtime
from holdfast.services.trust import endpoint_certificates, trust_settings

router = Router(tags=["Metrics"])


@router.get("/metrics", response_class=Response, responses=files("text/plain"))
def get_metrics(runtime: CurrentRuntime, context: RequestContext) -> Response:
    """
    Get metrics.

    Returns metrics about certificates, exceptions, gateways and background tasks, in the text format of Prometheus.
    """
    registry = CollectorRegistry()
    registry.register(_Metrics(runtime, context))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Metrics(Collector):
    def __init__(self, runtime: Runtime, context: Context) -> None:
        self._runtime = runtime
        self._context = context

    def describe(self) -> Iterable[Metric]:
        """Collect nothing at registration."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read the current values."""
        runtime = self._runtime
        yield GaugeMetricFamily(
            "holdfast_gateways_connected", "Number of connected gateways.", value=len(runtime.groups.gateways)
        )
        listeners = GaugeMetricFamily(
            "holdfast_listener_up",
            "1 if the local gateway listens on the addresses of the option, otherwise 0.",
            labels=["option"],
        )
        for listener in runtime.listeners:
            listeners.add_metric([listener.option], 0 if listener.problem else 1)
        yield listeners
        exceptions = GaugeMetricFamily(
            "holdfast_trust_exception_end_timestamp_seconds",
            "When verification of an origin turns back on.",
            labels=["origin", "owner"],
        )
        for settings in trust_settings.list_exceptions(self._context):
            if settings.exception:
                exceptions.add_metric(
                    [settings.origin, settings.exception.owner], settings.exception.ends_at.timestamp()
                )
        yield exceptions
        ends = GaugeMetricFamily(
            "holdfast_endpoint_certificate_not_after_timestamp_seconds",
            "When the last certificate of an alias expires.",
            labels=["alias", "endpoint"],
        )
        for entry in endpoint_certificates.list_certificates(self._context)[0]:
            last = max(certificate.not_after for certificate in entry.certificates)
            ends.add_metric([entry.alias, entry.endpoint], last.timestamp())
        yield ends
        yield from self._server_certificates()
        tasks = GaugeMetricFamily(
            "holdfast_background_task_running", "1 if a background task runs, 0 after a failure.", labels=["task"]
        )
        failures = CounterMetricFamily(
            "holdfast_background_task_failures",
            "Failures of a background task since Holdfast started.",
            labels=["task"],
        )
        for state in runtime.background.states:
            tasks.add_metric([state.name], 0 if state.error else 1)
            failures.add_metric([state.name], state.failures)
        yield tasks
        yield failures

    def _server_certificates(self) -> Iterator[Metric]:
        now = self._context.now
        ends = GaugeMetricFamily(
            "holdfast_server_certificate_not_after_timestamp_seconds",
            "When the certificate of the publisher or the gateway expires.",
            labels=["server"],
        )
        usable = GaugeMetricFamily(
            "holdfast_server_certificate_usable",
            "1 if the publisher or the gateway presents the certificate in its files and it is valid, otherwise 0.",
            labels=["server"],
        )
        for certificate in self._runtime.server_certificates(now):
            usable.add_metric([certificate.server], 0 if certificate.problem else 1)
            if certificate.not_after:
                ends.add_metric([certificate.server], certificate.not_after.timestamp())
        yield ends
        yield usable
