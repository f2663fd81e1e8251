"""
The options and arguments of `holdfast gateway run`, `join`, `stop`, `restart` and `status`.
"""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from holdfast.cli.terminal.durations import parse_seconds

DEFAULT_DATA = Path("~/.local/share/holdfast/gateway")

Data = Annotated[Path, Option(metavar="DIR", envvar="HOLDFAST_GATEWAY_DATA", help="Data directory of the gateway.")]
Name = Annotated[str, Option(metavar="NAME", help="Name of the gateway.")]
ControlPlane = Annotated[
    str | None,
    Option(
        metavar="ADDRESS",
        help="Where the publisher serves gateways: unix:PATH, or HOST:PORT,... if the gateway has joined it [default: "
        "the publisher that it has joined, or whose data directory has DIR].",
    ),
]
Production = Annotated[
    list[str] | None,
    Option(
        metavar="HOST:PORT",
        envvar="HOLDFAST_GATEWAY_PRODUCTION",
        help="Address for production calls on this machine [default: those of the gateway's group]. Repeatable.",
    ),
]
Sandbox = Annotated[
    list[str] | None,
    Option(metavar="HOST:PORT", envvar="HOLDFAST_GATEWAY_SANDBOX", help="Address for sandbox calls on this machine."),
]
ProductionTls = Annotated[
    list[str] | None,
    Option(
        metavar="HOST:PORT",
        envvar="HOLDFAST_GATEWAY_PRODUCTION_TLS",
        help="Address for production calls over TLS on this machine.",
    ),
]
SandboxTls = Annotated[
    list[str] | None,
    Option(
        metavar="HOST:PORT",
        envvar="HOLDFAST_GATEWAY_SANDBOX_TLS",
        help="Address for sandbox calls over TLS on this machine.",
    ),
]
TlsCert = Annotated[
    Path | None,
    Option(
        metavar="FILE",
        envvar="HOLDFAST_GATEWAY_TLS_CERT",
        help="This gateway's certificate chain (PEM), presented to callers.",
    ),
]
TlsKey = Annotated[
    Path | None,
    Option(metavar="FILE", envvar="HOLDFAST_GATEWAY_TLS_KEY", help="Private key of `--tls-cert` (PEM)."),
]
Join = Annotated[
    str | None,
    Option(metavar="URL", envvar="HOLDFAST_JOIN_URL", help="Join the publisher at URL, unless the gateway has joined."),
]
JoinTokenFile = Annotated[
    Path | None,
    Option(metavar="FILE", envvar="HOLDFAST_JOIN_TOKEN_FILE", help="Join token or enrollment key for `--join`."),
]
JoinCaFile = Annotated[
    Path | None,
    Option(
        metavar="FILE",
        envvar="HOLDFAST_JOIN_CA_FILE",
        help="CA of the publisher's certificate (PEM), for an enrollment key [default: public CAs].",
    ),
]
JoinName = Annotated[
    str | None,
    Option(
        metavar="NAME",
        envvar="HOLDFAST_JOIN_NAME",
        help="Name to join as, for an enrollment key [default: the host name].",
    ),
]
MonitoringAddress = Annotated[
    list[str] | None,
    Option(
        "--monitoring",
        metavar="HOST:PORT",
        envvar="HOLDFAST_GATEWAY_MONITORING",
        help="Address for /livez, /readyz and /metrics, without sign-in [default: none].",
    ),
]
AccessLog = Annotated[
    str,
    Option(
        metavar="FILE",
        envvar="HOLDFAST_GATEWAY_ACCESS_LOG",
        help="File for a line about each request, or stdout [default: none].",
        show_default=False,
    ),
]
AccessLogFormat = Annotated[
    str,
    Option(
        metavar="FORMAT",
        envvar="HOLDFAST_GATEWAY_ACCESS_LOG_FORMAT",
        help="json, json:FIELD,..., or a line of text with {FIELD}.",
    ),
]
AccessLogSize = Annotated[
    int,
    Option(
        min=0,
        max=1_000_000,
        metavar="MIB",
        envvar="HOLDFAST_GATEWAY_ACCESS_LOG_SIZE",
        help="Size at which the file is rotated; 0: never.",
    ),
]
AccessLogFiles = Annotated[
    int,
    Option(
        min=0,
        max=1000,
        metavar="NUMBER",
        envvar="HOLDFAST_GATEWAY_ACCESS_LOG_FILES",
        help="How many rotated files are kept.",
    ),
]
Traces = Annotated[
    str,
    Option(
        metavar="URL",
        envvar="HOLDFAST_GATEWAY_TRACES",
        help="OpenTelemetry collector for traces, such as https://collector.example:4317 [default: none].",
        show_default=False,
    ),
]
TracesCaFile = Annotated[
    Path | None,
    Option(
        metavar="FILE",
        envvar="HOLDFAST_GATEWAY_TRACES_CA_FILE",
        help="CA of the collector's certificate (PEM) [default: public CAs].",
    ),
]
TracesSample = Annotated[
    float,
    Option(
        min=0,
        max=1,
        metavar="SHARE",
        envvar="HOLDFAST_GATEWAY_TRACES_SAMPLE",
        help="Share of requests that begin a trace, from 0 to 1.",
    ),
]
Metrics = Annotated[
    str,
    Option(
        metavar="URL",
        envvar="HOLDFAST_GATEWAY_METRICS",
        help="OpenTelemetry collector for metrics, such as https://collector.example:4317 [default: none].",
        show_default=False,
    ),
]
MetricsCaFile = Annotated[
    Path | None,
    Option(
        metavar="FILE",
        envvar="HOLDFAST_GATEWAY_METRICS_CA_FILE",
        help="CA of that collector's certificate (PEM) [default: public CAs].",
    ),
]
Url = Annotated[str, Argument(metavar="URL", help="The publisher, such as https://publisher.example:9443.")]
Token = Annotated[str, Argument(metavar="TOKEN", help="Join token, from `holdfast gateway enroll`.")]
Envoy = Annotated[Path | None, Option(envvar="HOLDFAST_ENVOY", hidden=True)]
LogLevel = Annotated[str, Option(envvar="HOLDFAST_LOG_LEVEL", hidden=True)]
DrainTimeout = Annotated[
    float,
    Option(
        parser=parse_seconds,
        metavar="DURATION",
        envvar="HOLDFAST_DRAIN_TIMEOUT",
        help="How long to wait for requests in flight after Ctrl-C or SIGTERM.",
    ),
]
