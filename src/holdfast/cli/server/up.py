"""
`holdfast up`, `holdfast demo`, `holdfast doctor` and `holdfast rotate-sealing-key`: the server.
"""

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from holdfast.cli.exit_codes import LOCAL, ExitCode
from holdfast.cli.failures import CommandFailed
from holdfast.cli.server.database import parse_database
from holdfast.cli.server.preparation import prepare_process
from holdfast.cli.terminal.durations import parse_seconds
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.output import AsJson, write_json, write_table
from holdfast.server.machine.platforms import describe_problem, find_platform
from holdfast.work.garbage import pause_collection

if TYPE_CHECKING:
    from holdfast.doctor.check import Check

commands = typer.Typer()

Data = Annotated[Path | None, Option(metavar="DIR", help="Data directory [default: ~/.local/share/holdfast].")]
Database = Annotated[
    str | None,
    Option(
        parser=parse_database,
        metavar="URL",
        help="PostgreSQL database, such as postgresql://holdfast@db.example/holdfast "
        "[default: SQLite in the data directory].",
    ),
]
Name = Annotated[
    str | None, Option(metavar="NAME", help="Name of this control plane [default: the machine's host name].")
]
Publisher = Annotated[
    list[str] | None,
    Option(metavar="HOST:PORT", help="Address for pages and REST [default: 127.0.0.1:9080]. Repeatable."),
]
Gateway = Annotated[
    list[str] | None,
    Option(metavar="HOST:PORT", help="Address for production calls [default: 127.0.0.1:8280]. Repeatable."),
]
Sandbox = Annotated[
    list[str] | None,
    Option(metavar="HOST:PORT", help="Address for sandbox calls [default: 127.0.0.1:8281]. Repeatable."),
]
TlsCert = Annotated[
    Path | None, Option(metavar="FILE", help="Publisher's certificate chain (PEM), to serve it over TLS.")
]
TlsKey = Annotated[Path | None, Option(metavar="FILE", help="Private key of --tls-cert (PEM).")]
GatewayTls = Annotated[
    list[str] | None, Option(metavar="HOST:PORT", help="Address for production calls over TLS, such as 127.0.0.1:8243.")
]
SandboxTls = Annotated[list[str] | None, Option(metavar="HOST:PORT", help="Address for sandbox calls over TLS.")]
GatewayTlsCert = Annotated[
    Path | None, Option(metavar="FILE", help="Gateway's certificate chain (PEM), presented to callers.")
]
GatewayTlsKey = Annotated[Path | None, Option(metavar="FILE", help="Private key of --gateway-tls-cert (PEM).")]
Discovery = Annotated[
    list[str] | None,
    Option(metavar="HOST:PORT", help="Address for gateways on other machines, such as 0.0.0.0:9081. Repeatable."),
]
InsecureHttp = Annotated[
    bool | None,
    Option(
        "--insecure-http", help="Allow the publisher to serve plain HTTP to other machines, for use behind a TLS proxy."
    ),
]
WithoutGateway = Annotated[
    bool | None,
    Option("--without-gateway", help="Start only the publisher; `holdfast gateway run` starts the gateway."),
]
TrustedProxies = Annotated[
    str | None,
    Option(metavar="CIDR,...", help="Networks of proxies whose X-Forwarded-* headers are trusted [default: none]."),
]
DrainTimeout = Annotated[
    float | None,
    Option(
        parser=parse_seconds,
        metavar="DURATION",
        help="How long to wait for requests in flight after Ctrl-C or SIGTERM [default: 30s].",
    ),
]
Demo = Annotated[bool, Option("--demo", help="Also start a demo backend with a self-signed certificate.")]
Once = Annotated[bool, Option("--once", help="Run the demo once with temporary data, and exit.")]


@commands.command(
    epilog=write_ending(
        "holdfast up",
        "holdfast up --demo",
        "holdfast up --publisher 0.0.0.0:9443 --tls-cert publisher.pem --tls-key publisher.key",
        codes=LOCAL,
    )
)
def up(
    data: Data = None,
    database: Database = None,
    name: Name = None,
    publisher: Publisher = None,
    gateway: Gateway = None,
    sandbox: Sandbox = None,
    without_gateway: WithoutGateway = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    gateway_tls: GatewayTls = None,
    sandbox_tls: SandboxTls = None,
    gateway_tls_cert: GatewayTlsCert = None,
    gateway_tls_key: GatewayTlsKey = None,
    discovery: Discovery = None,
    insecure_http: InsecureHttp = None,
    trusted_proxies: TrustedProxies = None,
    drain_timeout: DrainTimeout = None,
    demo: Demo = False,
) -> None:
    """
    Start the publisher and a gateway. Press Ctrl-C to stop both.

    Requests in flight can finish within --drain-timeout; a second Ctrl-C cancels them.

    Each option has an environment variable: HOLDFAST_DATA, HOLDFAST_PUBLISHER, HOLDFAST_GATEWAY, HOLDFAST_SANDBOX,
    HOLDFAST_TLS_CERT, HOLDFAST_TLS_KEY, HOLDFAST_INSECURE_HTTP, and so on. HOLDFAST_ADMIN_PASSWORD sets the password of
    admin, HOLDFAST_LOG_LEVEL is debug, info, warning or error. SIGHUP reloads certificates and keys.
    """
    require_platform()
    prepare_process()
    # The server is large, so other commands don't import it.
    with pause_collection():
        from holdfast.cli.server.process import serve

    addresses: dict[str, list[str] | None] = {"publisher": publisher, "gateway": gateway, "sandbox": sandbox}
    addresses |= {"gateway_tls": gateway_tls, "sandbox_tls": sandbox_tls, "discovery": discovery}
    files = {"tls_cert": tls_cert, "tls_key": tls_key}
    files |= {"gateway_tls_cert": gateway_tls_cert, "gateway_tls_key": gateway_tls_key}
    others = {
        "without_gateway": without_gateway,
        "insecure_http": insecure_http,
        "trusted_proxies": trusted_proxies,
        "drain_timeout": drain_timeout,
    }
    serve({"data": data, "database": database, "name": name} | addresses | files | others, demo=demo)


@commands.command(
    epilog=write_ending("holdfast demo", "holdfast demo --once", codes=LOCAL),
)
def demo(once: Once = False) -> None:
    """
    Show how Holdfast handles a backend with a self-signed certificate.

    Starts `holdfast up --demo`. With --once, it instead runs the demo and exits: the backend is rejected, its
    certificate is imported, a call succeeds, the certificate is deleted, and the backend is rejected again. The exit
    code is 0 only if every step succeeds.
    """
    if not once:
        up(demo=True)
        return
    require_platform()
    prepare_process()
    with pause_collection():
        from holdfast.cli.server.process import demonstrate

    if not demonstrate():
        raise typer.Exit(int(ExitCode.FAILED))


@commands.command(
    epilog=write_ending("holdfast doctor", "holdfast doctor --data /var/lib/holdfast --json", codes=LOCAL),
)
def doctor(
    data: Data = None,
    database: Database = None,
    name: Name = None,
    publisher: Publisher = None,
    gateway: Gateway = None,
    sandbox: Sandbox = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    gateway_tls: GatewayTls = None,
    sandbox_tls: SandboxTls = None,
    gateway_tls_cert: GatewayTlsCert = None,
    gateway_tls_key: GatewayTlsKey = None,
    discovery: Discovery = None,
    insecure_http: InsecureHttp = None,
    trusted_proxies: TrustedProxies = None,
    drain_timeout: DrainTimeout = None,
    as_json: AsJson = False,
) -> None:
    """
    Check settings, files, clock, ports, Envoy and the database, and suggest fixes.

    Use the same options and variables as for `holdfast up`, and the same user. It changes nothing and can run while
    Holdfast is running. The exit code is 1 if a check fails.
    """
    require_platform()
    with pause_collection():
        from holdfast.cli.server.process import diagnose

    addresses: dict[str, list[str] | None] = {"publisher": publisher, "gateway": gateway, "sandbox": sandbox}
    addresses |= {"gateway_tls": gateway_tls, "sandbox_tls": sandbox_tls, "discovery": discovery}
    files = {"tls_cert": tls_cert, "tls_key": tls_key}
    files |= {"gateway_tls_cert": gateway_tls_cert, "gateway_tls_key": gateway_tls_key}
    others = {"insecure_http": insecure_http, "trusted_proxies": trusted_proxies, "drain_timeout": drain_timeout}
    checks = diagnose({"data": data, "database": database, "name": name} | addresses | files | others)
    if not write_checks(checks, as_json=as_json):
        raise typer.Exit(int(ExitCode.FAILED))


@commands.command(
    "rotate-sealing-key",
    epilog=write_ending("holdfast rotate-sealing-key --data /var/lib/holdfast", codes=LOCAL),
)
def rotate(data: Data = None, database: Database = None) -> None:
    """
    Encrypt stored secrets (keys, credentials) with a new sealing key. Stop Holdfast first.

    If the key is in HOLDFAST_SEALING_KEY, set it to NEW,OLD before and to NEW afterwards. With PostgreSQL, control
    planes that have both keys can keep running.
    """
    with pause_collection():
        from holdfast.cli.server.process import reseal_keys

    if not reseal_keys({"data": data, "database": database}):
        raise typer.Exit(int(ExitCode.FAILED))


def write_checks(checks: "list[Check]", *, as_json: bool) -> bool:
    """Write the results of *checks*, and return whether none has failed."""
    if as_json:
        write_json({"count": len(checks), "list": [asdict(check) for check in checks]})
    else:
        rows = [(check.outcome, check.name, f"{check.text} {check.advice}".strip()) for check in checks]
        width = max((len(check.outcome) for check in checks), default=0)
        titles = [f"{check.outcome:<{width}}  {check.name}" for check in checks]
        write_table(("", "Check", "Result"), rows, "", titles=titles)
    return all(check.outcome != "failed" for check in checks)


def require_platform() -> None:
    """Raise CommandFailed before the server is imported, which would fail with a less useful message."""
    problem = describe_problem(find_platform(), own_envoy=bool(os.environ.get("HOLDFAST_ENVOY")))
    if problem:
        raise CommandFailed(problem)
