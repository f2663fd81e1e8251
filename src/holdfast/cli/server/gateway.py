"""
`holdfast gateway run`, `stop`, `restart` and `status`: the gateway on this machine.
"""

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from holdfast.cli.exit_codes import LOCAL
from holdfast.cli.server.up import prepare_process, require_platform
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
        help="Where the publisher serves gateways, unix:PATH [default: the publisher whose data directory has DIR].",
    ),
]
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
    epilog=ending("holdfast gateway run", "holdfast gateway run --data /var/lib/holdfast/gateway", codes=LOCAL)
)
def run(
    data: Data = DEFAULT_DATA,
    name: Name = "local",
    control_plane: ControlPlane = None,
    drain_timeout: DrainTimeout = 30.0,
    envoy: Envoy = None,
    log_level: LogLevel = "warning",
) -> None:
    """
    Run a gateway. Press Ctrl-C to stop it.

    It serves callers with or without a publisher: until it reaches one, with the last configuration that it received.

    `holdfast up` runs its own gateway. Run one with this command, and the publisher with `holdfast up
    --without-gateway`, to restart them independently.
    """
    require_platform()
    prepare_process()
    from holdfast.cli.server.agent import AgentOptions, serve

    serve(AgentOptions(data.expanduser(), name, control_plane, drain_timeout, envoy, log_level))


@commands.command(epilog=ending("holdfast gateway stop", codes=LOCAL))
def stop(data: Data = DEFAULT_DATA) -> None:
    """Stop a gateway after the requests in flight. The gateway's --drain-timeout limits how long that takes."""
    from holdfast.cli.server.running_agent import stop_agent

    stop_agent(data.expanduser())
    say("The gateway has stopped.")


@commands.command(epilog=ending("holdfast gateway restart", codes=LOCAL))
def restart(data: Data = DEFAULT_DATA) -> None:
    """
    Replace a gateway's processes without failing a request, such as after an upgrade.

    If the new Envoy can't start, the old one keeps serving, and the exit code is 1.
    """
    from holdfast.cli.server.running_agent import replace_agent

    replace_agent(data.expanduser())
    say("The gateway has restarted.")


@commands.command(epilog=ending("holdfast gateway status", "holdfast gateway status --json", codes=LOCAL))
def status(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Show whether the gateway on this machine runs, and since when it has had no publisher."""
    from holdfast.cli.server.running_agent import read_status

    found = read_status(data.expanduser())
    if as_json:
        write_json(found.members())
    else:
        say(found.sentence)
    if not found.is_running:
        raise typer.Exit(1)
