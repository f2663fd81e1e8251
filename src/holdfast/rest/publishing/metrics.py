"""
`/metrics`: metrics of one organization, in the text format of Prometheus.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from fastapi import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from holdfast.apis.watch.watched_endpoint import WatchStatus
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.responses import declare_files
from holdfast.rest.router import Router
from holdfast.services.access.context import Context
from holdfast.services.notifications.channels import measure_channels
from holdfast.services.runtime import Runtime
from holdfast.services.traffic.reading import count_today
from holdfast.services.trust import endpoint_certificates, trust_settings
from holdfast.services.watch import watched_endpoints

MAX_APIS = 1_000  # environments of APIs, those with the most requests
router = Router(tags=["Metrics"])


@router.get("/metrics", response_class=Response, responses=declare_files("text/plain"))
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
        # Each control plane counts its own, so that the sum of all is right.
        gateways = len({gateway.id for gateway in self._runtime.groups.gateways})
        yield GaugeMetricFamily(
            "holdfast_gateways_connected", "Number of gateways connected to this control plane.", value=gateways
        )
        yield from self._collect_control_planes()
        yield self._collect_listeners()
        yield self._collect_exceptions()
        yield self._collect_endpoint_certificates()
        yield from self._collect_watched_endpoints()
        yield from self._collect_channels()
        yield from self._collect_server_certificates()
        yield from self._collect_traffic()
        yield from self._collect_tasks()

    def _collect_listeners(self) -> Metric:
        listeners = GaugeMetricFamily(
            "holdfast_listener_up",
            "1 if the local gateway listens on the addresses of the option, otherwise 0.",
            labels=["option"],
        )
        for listener in self._runtime.listeners:
            listeners.add_metric([listener.option], 0 if listener.problem else 1)
        return listeners

    def _collect_exceptions(self) -> Metric:
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
        return exceptions

    def _collect_endpoint_certificates(self) -> Metric:
        ends = GaugeMetricFamily(
            "holdfast_endpoint_certificate_not_after_timestamp_seconds",
            "When the last certificate of an alias expires.",
            labels=["alias", "endpoint"],
        )
        for entry in endpoint_certificates.list_certificates(self._context)[0]:
            if entry.certificates:
                last = max(certificate.not_after for certificate in entry.certificates)
                ends.add_metric([entry.alias, entry.endpoint], last.timestamp())
        return ends

    def _collect_tasks(self) -> Iterator[Metric]:
        tasks = GaugeMetricFamily(
            "holdfast_background_task_running", "1 if a background task runs, 0 after a failure.", labels=["task"]
        )
        failures = CounterMetricFamily(
            "holdfast_background_task_failures",
            "Failures of a background task since Holdfast started.",
            labels=["task"],
        )
        for state in self._runtime.background.states:
            tasks.add_metric([state.name], 0 if state.error else 1)
            failures.add_metric([state.name], state.failures)
        yield tasks
        yield failures

    def _collect_channels(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily(
            "holdfast_notifications_waiting", "Notifications that wait for a channel.", labels=["channel"]
        )
        given_up = GaugeMetricFamily(
            "holdfast_notification_messages_given_up",
            "Messages of the last 90 days that could not be delivered to a channel.",
            labels=["channel"],
        )
        failing = GaugeMetricFamily(
            "holdfast_notification_channel_failing",
            "1 if the last message to a channel could not be delivered, otherwise 0.",
            labels=["channel"],
        )
        for measure in measure_channels(self._context):
            waiting.add_metric([measure.name], measure.waiting)
            given_up.add_metric([measure.name], measure.given_up)
            failing.add_metric([measure.name], int(measure.failing))
        yield from (waiting, given_up, failing)

    def _collect_control_planes(self) -> Iterator[Metric]:
        presence = self._runtime.presence
        yield GaugeMetricFamily(
            "holdfast_control_planes_live",
            "Number of live control planes of the database.",
            value=1 + len(presence.others),
        )
        yield GaugeMetricFamily(
            "holdfast_lease_held",
            "1 if this control plane does the work that is done once, otherwise 0.",
            value=int(presence.lease.is_held),
        )
        yield GaugeMetricFamily(
            "holdfast_deviating_settings",
            "Number of settings of this control plane that differ from those of most others.",
            value=len(presence.deviating),
        )

    def _collect_watched_endpoints(self) -> Iterator[Metric]:
        now = self._context.now
        ends = GaugeMetricFamily(
            "holdfast_presented_certificate_not_after_timestamp_seconds",
            "When the certificate expires that a backend presents.",
            labels=["endpoint"],
        )
        trust = GaugeMetricFamily(
            "holdfast_presented_certificate_trusted",
            "1 if gateways accept what a backend presents, otherwise 0.",
            labels=["endpoint"],
        )
        statuses = GaugeMetricFamily(
            "holdfast_watched_endpoints", "Number of watched endpoints with a status.", labels=["status"]
        )
        endpoints = watched_endpoints.read_all(self._context)
        counts = Counter(endpoint.assess_status(now) for endpoint in endpoints)
        for endpoint in endpoints:
            if endpoint.certificate:
                ends.add_metric([endpoint.origin], endpoint.certificate.expires_at.timestamp())
            if endpoint.coverage:
                trust.add_metric([endpoint.origin], int(endpoint.is_trusted(now)))
        for status in WatchStatus:
            statuses.add_metric([status.value], counts[status])
        yield ends
        yield trust
        yield statuses

    def _collect_traffic(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "holdfast_api_requests", "Requests of an API since midnight (UTC).", labels=["api", "environment"]
        )
        failures = CounterMetricFamily(
            "holdfast_api_failed_requests",
            "Requests of an API since midnight (UTC) that were answered with a status of 500 or more.",
            labels=["api", "environment"],
        )
        for count in count_today(self._context, MAX_APIS):
            requests.add_metric([count.api, count.environment], count.requests)
            failures.add_metric([count.api, count.environment], count.failures)
        yield requests
        yield failures

    def _collect_server_certificates(self) -> Iterator[Metric]:
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
