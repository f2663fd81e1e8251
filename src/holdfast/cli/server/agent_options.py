"""
The options of `holdfast gateway run`, and of the process of an agent.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from holdfast.cli.failures import InvalidUsage
from holdfast.cli.server.failures import failures_in_words
from holdfast.gateway.agent.callers_tls import OWN_OPTIONS
from holdfast.gateway.agent.own_addresses import OwnAddresses
from holdfast.gateway.telemetry.access_log_format import JSON, FormatUnusable
from holdfast.gateway.telemetry.access_log_options import DEFAULT_FILES, DEFAULT_SIZE, NO_ACCESS_LOG, AccessLogOptions
from holdfast.gateway.telemetry.collector import DEFAULT_SAMPLE, NO_COLLECTOR, CollectorOptions, CollectorUnusable
from holdfast.gateway.telemetry.metrics_options import NO_METRICS, MetricsOptions
from holdfast.network.addresses import Addresses
from holdfast.network.listen_addresses import parse_addresses, resolve_addresses
from holdfast.network.sockets import format_address

Texts = Sequence[str] | None
MONITORING = "monitoring"
_ADDRESSES = ("production", "sandbox", "production-tls", "sandbox-tls")


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """
    The options of `holdfast gateway run`; *drain* is in seconds.

    *control_plane* is `unix:PATH`, or HOST:PORT,... for a gateway that has joined a publisher, and so has another
    *name*.
    """

    data: Path
    name: str
    control_plane: str | None
    drain: float
    envoy: Path | None
    log_level: str
    addresses: OwnAddresses
    certificate: tuple[Path, Path] | None = None  # presented to callers, and its key
    monitoring: Addresses = ()
    access_log: AccessLogOptions = NO_ACCESS_LOG
    collector: CollectorOptions = NO_COLLECTOR
    metrics: MetricsOptions = NO_METRICS

    def to_arguments(self) -> Iterator[str]:
        """Return the arguments of the process, which `read_options` reads."""
        yield f"--data={self.data}"
        yield f"--drain-timeout={self.drain}s"
        yield f"--log-level={self.log_level}"
        if self.name:
            yield f"--name={self.name}"
        if self.control_plane:
            yield f"--control-plane={self.control_plane}"
        if self.envoy:
            yield f"--envoy={self.envoy}"
        if self.certificate:
            yield from (f"{option}={path}" for option, path in zip(OWN_OPTIONS, self.certificate, strict=True))
        yield from self.access_log.to_arguments()
        yield from self.collector.to_arguments()
        yield from self.metrics.to_arguments()
        for address in self.monitoring:
            yield f"--{MONITORING}={format_address(address)}"
        for listener, addresses in self.addresses.items():
            for address in addresses:
                yield f"--{listener.replace('/', '-')}={format_address(address)}"


def check_options(
    data: Path,
    name: str,
    control_plane: str | None,
    drain: float,
    envoy: Path | None,
    log_level: str,
    *,
    addresses: tuple[Texts, Texts, Texts, Texts],
    certificate: tuple[Path | None, Path | None],
    monitoring: Texts,
    access_log: tuple[str, str, int, int],
    collector: tuple[str, Path | None, float],
    metrics: tuple[str, Path | None],
) -> AgentOptions:
    """
    Return the options with these values, which are as entered.

    *addresses* are those for production, sandbox, and both over TLS. *certificate* is a file and its key. *access_log*
    is the target, the format, the size and number of files; *collector* its URL, its CA and the share of requests, and
    *metrics* the URL and the CA of that for metrics.

    Raises:
        InvalidUsage: An address isn't HOST:PORT, only one file of the certificate is set, or the format of the access
            log or the collector can't be used.
        CommandFailed: A name has no address.
    """
    return AgentOptions(
        data,
        name,
        control_plane,
        drain,
        envoy,
        log_level,
        _read_own_addresses(*addresses),
        _read_own_certificate(*certificate),
        _resolve(MONITORING, monitoring) if monitoring else (),
        _read_access_log(*access_log),
        _read_collector(*collector),
        _read_metrics(*metrics),
    )


def _read_own_addresses(
    production: Texts,
    sandbox: Texts,
    production_tls: Texts,
    sandbox_tls: Texts,
) -> OwnAddresses:
    """Return the addresses by listener. Raises InvalidUsage (not HOST:PORT) and CommandFailed (no address)."""
    texts_by_option = {
        ("production", "production"): production,
        ("sandbox", "sandbox"): sandbox,
        ("production-tls", "production/tls"): production_tls,
        ("sandbox-tls", "sandbox/tls"): sandbox_tls,
    }
    return {listener: _resolve(option, texts) for (option, listener), texts in texts_by_option.items() if texts}


def _resolve(option: str, texts: Sequence[str]) -> Addresses:
    try:
        addresses = parse_addresses(texts)
    except ValueError as error:
        raise InvalidUsage(f"--{option}: {error}.") from error
    with failures_in_words():
        return resolve_addresses(option, addresses)


def _read_own_certificate(certificate: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    """Return the absolute paths of the certificate for callers and its key. Raises InvalidUsage if only one is set."""
    if certificate and key:
        return certificate.expanduser().absolute(), key.expanduser().absolute()
    if certificate or key:
        raise InvalidUsage(f"{' and '.join(OWN_OPTIONS)} belong together. Set both or neither.")
    return None


def _read_access_log(target: str, layout: str, size: int, files: int) -> AccessLogOptions:
    """Return the options of the access log. Raises InvalidUsage if the format can't be used."""
    options = AccessLogOptions(target, layout, size, files)
    try:
        options.read(Path())
    except FormatUnusable as error:
        raise InvalidUsage(f"--access-log-format: {error}.") from error
    return options


def _read_collector(url: str, ca_file: Path | None, sample: float) -> CollectorOptions:
    """Return the options of the collector of traces. Raises InvalidUsage if they can't be used."""
    options = CollectorOptions(url, ca_file, sample)
    try:
        options.check()
    except CollectorUnusable as error:
        raise InvalidUsage(f"--traces: {error}.") from error
    return options


def _read_metrics(url: str, ca_file: Path | None) -> MetricsOptions:
    """Return the options of the collector of metrics. Raises InvalidUsage if they can't be used."""
    options = MetricsOptions(url, ca_file)
    try:
        options.check()
    except CollectorUnusable as error:
        raise InvalidUsage(f"--metrics: {error}.") from error
    return options


def read_options(arguments: Sequence[str]) -> AgentOptions:
    """
    Return the options in the arguments of a process.

    Their names are those of `holdfast gateway run`. After an upgrade, a new version gets the arguments of an older one.
    """
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--name", default="")
    parser.add_argument("--control-plane")
    parser.add_argument("--drain-timeout", type=_read_seconds, default=30.0)
    parser.add_argument("--envoy", type=Path, default=os.environ.get("HOLDFAST_ENVOY") or None)
    parser.add_argument("--log-level", default=os.environ.get("HOLDFAST_LOG_LEVEL") or "warning")
    for name in OWN_OPTIONS:
        parser.add_argument(name, type=Path)
    parser.add_argument("--traces", default="")
    parser.add_argument("--traces-ca-file", type=Path)
    parser.add_argument("--traces-sample", type=float, default=DEFAULT_SAMPLE)
    parser.add_argument("--metrics", default="")
    parser.add_argument("--metrics-ca-file", type=Path)
    parser.add_argument("--access-log", default="")
    parser.add_argument("--access-log-format", default=JSON)
    parser.add_argument("--access-log-size", type=int, default=DEFAULT_SIZE)
    parser.add_argument("--access-log-files", type=int, default=DEFAULT_FILES)
    for name in (*_ADDRESSES, MONITORING):
        parser.add_argument(f"--{name}", action="append")
    namespace = parser.parse_args(arguments)
    return check_options(
        namespace.data,
        namespace.name,
        namespace.control_plane,
        namespace.drain_timeout,
        namespace.envoy,
        namespace.log_level,
        addresses=(namespace.production, namespace.sandbox, namespace.production_tls, namespace.sandbox_tls),
        certificate=(namespace.tls_cert, namespace.tls_key),
        monitoring=namespace.monitoring,
        access_log=(
            namespace.access_log,
            namespace.access_log_format,
            namespace.access_log_size,
            namespace.access_log_files,
        ),
        collector=(namespace.traces, namespace.traces_ca_file, namespace.traces_sample),
        metrics=(namespace.metrics, namespace.metrics_ca_file),
    )


def _read_seconds(text: str) -> float:
    return float(text.removesuffix("s"))
