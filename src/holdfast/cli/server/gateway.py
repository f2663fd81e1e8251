"""
`holdfast gateway run`, `join`, `stop`, `restart` and `status`: the gateway on this machine.
"""

from datetime import UTC, datetime

import typer

from holdfast.cli.exit_codes import LOCAL, ExitCode
from holdfast.cli.failures import InvalidUsage
from holdfast.cli.server.gateway_options import (
    DEFAULT_DATA,
    AccessLog,
    AccessLogFiles,
    AccessLogFormat,
    AccessLogSize,
    ControlPlane,
    Data,
    DrainTimeout,
    Envoy,
    Join,
    JoinCaFile,
    JoinName,
    JoinTokenFile,
    LogLevel,
    Metrics,
    MetricsCaFile,
    MonitoringAddress,
    Name,
    Production,
    ProductionTls,
    Sandbox,
    SandboxTls,
    TlsCert,
    TlsKey,
    Token,
    Traces,
    TracesCaFile,
    TracesSample,
    Url,
)
from holdfast.cli.server.preparation import prepare_process
from holdfast.cli.server.up import require_platform
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.output import AsJson, say, write_json

commands = typer.Typer()


@commands.command(
    epilog=write_ending(
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
    metrics: Metrics = "",
    metrics_ca_file: MetricsCaFile = None,
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
    from holdfast.cli.server.agent_options import check_options
    from holdfast.cli.server.agent_process import become_agent

    options = check_options(
        data.expanduser(),
        name,
        control_plane,
        drain_timeout,
        envoy,
        log_level,
        addresses=(production, sandbox, production_tls, sandbox_tls),
        certificate=(tls_cert, tls_key),
        monitoring=monitoring,
        access_log=(access_log, access_log_format, access_log_size, access_log_files),
        collector=(traces, traces_ca_file, traces_sample),
        metrics=(metrics, metrics_ca_file),
    )
    if join:
        if join_token_file is None:
            raise InvalidUsage("--join needs --join-token-file FILE.")
        from holdfast.cli.server.first_start import JoinOptions, join_if_needed

        join_if_needed(options.data, JoinOptions(join, join_token_file, join_ca_file, join_name))
    become_agent(options.to_arguments())


@commands.command(
    epilog=write_ending(
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
    metrics: Metrics = "",
    metrics_ca_file: MetricsCaFile = None,
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
    from holdfast.cli.server.agent_options import check_options
    from holdfast.cli.server.join import join_and_run

    options = check_options(
        data.expanduser(),
        "",
        None,
        drain_timeout,
        envoy,
        log_level,
        addresses=(production, sandbox, production_tls, sandbox_tls),
        certificate=(tls_cert, tls_key),
        monitoring=monitoring,
        access_log=(access_log, access_log_format, access_log_size, access_log_files),
        collector=(traces, traces_ca_file, traces_sample),
        metrics=(metrics, metrics_ca_file),
    )
    join_and_run(url, token, options)


@commands.command(epilog=write_ending("holdfast gateway stop", codes=LOCAL))
def stop(data: Data = DEFAULT_DATA) -> None:
    """Stop a gateway after the requests in flight. The gateway's --drain-timeout limits how long that takes."""
    from holdfast.cli.server.running_agent import stop_agent

    stop_agent(data.expanduser())
    say("The gateway has stopped. To start it again, run `holdfast gateway run`.")


@commands.command(epilog=write_ending("holdfast gateway restart", codes=LOCAL))
def restart(data: Data = DEFAULT_DATA) -> None:
    """
    Replace a gateway's processes without failing a request, such as after an upgrade.

    If the new Envoy can't start, the old one keeps serving, and the exit code is 1.
    """
    from holdfast.cli.server.running_agent import replace_agent

    replace_agent(data.expanduser())
    say("The gateway has restarted.")


@commands.command(
    epilog=write_ending(
        "holdfast gateway status", "holdfast gateway status --json", codes=(*LOCAL, ExitCode.GATEWAY_REJECTED)
    )
)
def status(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Show whether the gateway on this machine runs, and since when and why it has had no publisher."""
    from holdfast.cli.server.running_agent import read_status

    state = read_status(data.expanduser(), datetime.now(UTC))
    if as_json:
        write_json(state.to_members())
    else:
        say(state.sentence)
    if not state.is_running:
        raise typer.Exit(1)
    if state.is_rejected:
        raise typer.Exit(int(ExitCode.GATEWAY_REJECTED))
