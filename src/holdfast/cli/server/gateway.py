"""
`holdfast gateway run`, `join`, `stop`, `restart` and `status`: the gateway on this machine.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from holdfast.cli.exit_codes import LOCAL, ExitCode
from holdfast.cli.failures import Misused
from holdfast.cli.server.preparation import prepare_process
from holdfast.cli.server.up import require_platform
from holdfast.cli.terminal.durations import parse_seconds
from holdfast.cli.terminal.help import ending
from holdfast.cli.terminal.output import AsJson, say, write_json

commands = typer.Typer()
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


@commands.command(
    epilog=ending(
        "holdfast gateway run",
        "holdfast gateway run --data /var/lib/holdfast/gateway",
        "holdfast gateway run --join https://publisher.example:9443 --join-token-file /run/secrets/enrollment-key",
        codes=LOCAL,
    )
)
def run(
    data: Data = DEFAULT_DATA,
    name: Name = "local",
    control_plane: ControlPlane = None,
    production: Production = None,
    sandbox: Sandbox = None,
    production_tls: ProductionTls = None,
    sandbox_tls: SandboxTls = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    monitoring: MonitoringAddress = None,
    access_log: AccessLog = "",
    access_log_format: AccessLogFormat = "json",
    access_log_size: AccessLogSize = 100,
    access_log_files: AccessLogFiles = 5,
    traces: Traces = "",
    traces_ca_file: TracesCaFile = None,
    traces_sample: TracesSample = 0.1,
    drain_timeout: DrainTimeout = 30.0,
    join: Join = None,
    join_token_file: JoinTokenFile = None,
    join_ca_file: JoinCaFile = None,
    join_name: JoinName = None,
    envoy: Envoy = None,
    log_level: LogLevel = "warning",
) -> None:
    """
    Run a gateway. Press Ctrl-C to stop it.

    It serves callers with or without a publisher: until it reaches one, with the last configuration that it received.

    With --join, its first start joins a publisher on another machine, and waits until it can reach it.

    `holdfast up` runs its own gateway. Run one with this command, and the publisher with `holdfast up
    --without-gateway`, to restart them independently.
    """
    require_platform()
    prepare_process()
    from holdfast.cli.server.agent_options import (
        AgentOptions,
        read_access_log,
        read_collector,
        read_monitoring,
        read_own_addresses,
        read_own_certificate,
    )
    from holdfast.cli.server.agent_process import become_agent

    addresses = read_own_addresses(production, sandbox, production_tls, sandbox_tls)
    certificate = read_own_certificate(tls_cert, tls_key)
    health = read_monitoring(monitoring)
    requests = read_access_log(access_log, access_log_format, access_log_size, access_log_files)
    collector = read_collector(traces, traces_ca_file, traces_sample)
    options = AgentOptions(
        data.expanduser(),
        name,
        control_plane,
        drain_timeout,
        envoy,
        log_level,
        addresses,
        certificate,
        health,
        requests,
        collector,
    )
    if join:
        if join_token_file is None:
            raise Misused("--join needs --join-token-file FILE.")
        from holdfast.cli.server.first_start import JoinOptions, join_if_needed

        join_if_needed(options.data, JoinOptions(join, join_token_file, join_ca_file, join_name))
    become_agent(options.arguments())


@commands.command(
    epilog=ending(
        "holdfast gateway join https://publisher.example:9443 hfg_...",
        "holdfast gateway join https://publisher.example:9443 hfg_... --production 0.0.0.0:8280",
        codes=LOCAL,
    )
)
def join(
    url: Url,
    token: Token,
    data: Data = DEFAULT_DATA,
    production: Production = None,
    sandbox: Sandbox = None,
    production_tls: ProductionTls = None,
    sandbox_tls: SandboxTls = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    monitoring: MonitoringAddress = None,
    access_log: AccessLog = "",
    access_log_format: AccessLogFormat = "json",
    access_log_size: AccessLogSize = 100,
    access_log_files: AccessLogFiles = 5,
    traces: Traces = "",
    traces_ca_file: TracesCaFile = None,
    traces_sample: TracesSample = 0.1,
    drain_timeout: DrainTimeout = 30.0,
    envoy: Envoy = None,
    log_level: LogLevel = "warning",
) -> None:
    """
    Join a publisher on another machine, and run the gateway. Press Ctrl-C to stop it.

    The gateway's private key is created here and stays here. Afterwards, `holdfast gateway run` with the same --data
    connects to that publisher, and renews the certificate in time.
    """
    require_platform()
    prepare_process()
    from holdfast.cli.server.agent_options import (
        AgentOptions,
        read_access_log,
        read_collector,
        read_monitoring,
        read_own_addresses,
        read_own_certificate,
    )
    from holdfast.cli.server.join import join_and_run

    addresses = read_own_addresses(production, sandbox, production_tls, sandbox_tls)
    certificate = read_own_certificate(tls_cert, tls_key)
    health = read_monitoring(monitoring)
    requests = read_access_log(access_log, access_log_format, access_log_size, access_log_files)
    collector = read_collector(traces, traces_ca_file, traces_sample)
    options = AgentOptions(
        data.expanduser(),
        "",
        None,
        drain_timeout,
        envoy,
        log_level,
        addresses,
        certificate,
        health,
        requests,
        collector,
    )
    join_and_run(url, token, options)


@commands.command(epilog=ending("holdfast gateway stop", codes=LOCAL))
def stop(data: Data = DEFAULT_DATA) -> None:
    """Stop a gateway after the requests in flight. The gateway's --drain-timeout limits how long that takes."""
    from holdfast.cli.server.running_agent import stop_agent

    stop_agent(data.expanduser())
    say("The gateway has stopped. To start it again, run `holdfast gateway run`.")


@commands.command(epilog=ending("holdfast gateway restart", codes=LOCAL))
def restart(data: Data = DEFAULT_DATA) -> None:
    """
    Replace a gateway's processes without failing a request, such as after an upgrade.

    If the new Envoy can't start, the old one keeps serving, and the exit code is 1.
    """
    from holdfast.cli.server.running_agent import replace_agent

    replace_agent(data.expanduser())
    say("The gateway has restarted.")


@commands.command(
    epilog=ending(
        "holdfast gateway status", "holdfast gateway status --json", codes=(*LOCAL, ExitCode.GATEWAY_REJECTED)
    )
)
def status(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Show whether the gateway on this machine runs, and since when and why it has had no publisher."""
    from holdfast.cli.server.running_agent import read_status

    found = read_status(data.expanduser(), datetime.now(UTC))
    if as_json:
        write_json(found.members())
    else:
        say(found.sentence)
    if not found.is_running:
        raise typer.Exit(1)
    if found.is_rejected:
        raise typer.Exit(int(ExitCode.GATEWAY_REJECTED))
