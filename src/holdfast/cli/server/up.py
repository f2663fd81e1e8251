"""
`holdfast up`, `holdfast demo`, `holdfast doctor` and `holdfast rotate-sealing-key`: the server.
"""

import gc
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from holdfast.cli.exit_codes import LOCAL, ExitCode
from holdfast.cli.failures import CommandFailed
from holdfast.cli.terminal.durations import parse_seconds
from holdfast.cli.terminal.help import ending
from holdfast.cli.terminal.output import AsJson, write_json, write_table
from holdfast.server.platforms import platform_problem, this_platform

commands = typer.Typer()

Data = Annotated[Path | None, Option(metavar="DIR", help="Where everything is [default: ~/.local/share/holdfast].")]
Publisher = Annotated[
    list[str] | None, Option(metavar="HOST:PORT", help="Pages and REST [default: 127.0.0.1:9080]; can be repeated.")
]
Gateway = Annotated[
    list[str] | None, Option(metavar="HOST:PORT", help="Production calls [default: 127.0.0.1:8280]; can be repeated.")
]
Sandbox = Annotated[
    list[str] | None, Option(metavar="HOST:PORT", help="Sandbox calls [default: 127.0.0.1:8281]; can be repeated.")
]
TlsCert = Annotated[
    Path | None, Option(metavar="FILE", help="Serve the publisher over TLS: certificate and chain, PEM.")
]
TlsKey = Annotated[Path | None, Option(metavar="FILE", help="The private key of that certificate, PEM.")]
GatewayTls = Annotated[
    list[str] | None, Option(metavar="HOST:PORT", help="Production calls over https, like 127.0.0.1:8243.")
]
SandboxTls = Annotated[list[str] | None, Option(metavar="HOST:PORT", help="Sandbox calls over https.")]
GatewayTlsCert = Annotated[
    Path | None, Option(metavar="FILE", help="What the gateway presents to callers: certificate and chain, PEM.")
]
GatewayTlsKey = Annotated[Path | None, Option(metavar="FILE", help="The private key of that certificate, PEM.")]
InsecureHttp = Annotated[
    bool | None,
    Option("--insecure-http", help="Let the publisher speak http beyond this machine, behind a TLS proxy."),
]
TrustedProxies = Annotated[
    str | None,
    Option(metavar="CIDR,...", help="Networks of proxies whose X-Forwarded-* headers are believed [default: none]."),
]
DrainTimeout = Annotated[
    float | None,
    Option(
        parser=parse_seconds,
        metavar="DURATION",
        help="How long requests in flight may take after Ctrl-C or SIGTERM [default: 30s].",
    ),
]
Demo = Annotated[bool, Option("--demo", help="Also start a backend with a self-signed certificate, to try with.")]
Once = Annotated[bool, Option("--once", help="Play it once, with data of its own, and end.")]


@commands.command(
    epilog=ending(
        "holdfast up",
        "holdfast up --demo",
        "holdfast up --publisher 0.0.0.0:9443 --tls-cert publisher.pem --tls-key publisher.key",
        codes=LOCAL,
    )
)
def up(
    data: Data = None,
    publisher: Publisher = None,
    gateway: Gateway = None,
    sandbox: Sandbox = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    gateway_tls: GatewayTls = None,
    sandbox_tls: SandboxTls = None,
    gateway_tls_cert: GatewayTlsCert = None,
    gateway_tls_key: GatewayTlsKey = None,
    insecure_http: InsecureHttp = None,
    trusted_proxies: TrustedProxies = None,
    drain_timeout: DrainTimeout = None,
    demo: Demo = False,
) -> None:
    """
    Start the publisher and a gateway; Ctrl-C ends both.

    Requests in flight finish first, within --drain-timeout; a second Ctrl-C cuts them off.

    What an option sets, a variable can set too: HOLDFAST_DATA, HOLDFAST_PUBLISHER, HOLDFAST_GATEWAY, HOLDFAST_SANDBOX,
    HOLDFAST_TLS_CERT, HOLDFAST_TLS_KEY, HOLDFAST_INSECURE_HTTP, and so on. SIGHUP reads certificates and keys again.
    HOLDFAST_ADMIN_PASSWORD is the password of admin, HOLDFAST_LOG_LEVEL one of debug, info, warning, error.
    """
    _require_platform()
    _prepare_process()
    # The server is large; a command that only asks one does not load it.
    with _loading():
        from holdfast.cli.server.process import serve

    addresses: dict[str, list[str] | None] = {"publisher": publisher, "gateway": gateway, "sandbox": sandbox}
    addresses |= {"gateway_tls": gateway_tls, "sandbox_tls": sandbox_tls}
    files = {"tls_cert": tls_cert, "tls_key": tls_key}
    files |= {"gateway_tls_cert": gateway_tls_cert, "gateway_tls_key": gateway_tls_key}
    others = {"insecure_http": insecure_http, "trusted_proxies": trusted_proxies, "drain_timeout": drain_timeout}
    serve({"data": data} | addresses | files | others, demo=demo)


@commands.command(
    epilog=ending("holdfast demo", "holdfast demo --once", codes=LOCAL),
)
def demo(once: Once = False) -> None:
    """
    Show what becomes of a backend with a self-signed certificate.

    With --once: refused, import, served, delete, refused, each with its time; exit 0 only if each came out right.
    Without, this is `holdfast up --demo`.
    """
    if not once:
        up(demo=True)
        return
    _require_platform()
    _prepare_process()
    with _loading():
        from holdfast.cli.server.process import demonstrate

    if not demonstrate():
        raise typer.Exit(int(ExitCode.FAILED))


@commands.command(
    epilog=ending("holdfast doctor", "holdfast doctor --data /var/lib/holdfast --json", codes=LOCAL),
)
def doctor(
    data: Data = None,
    publisher: Publisher = None,
    gateway: Gateway = None,
    sandbox: Sandbox = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    gateway_tls: GatewayTls = None,
    sandbox_tls: SandboxTls = None,
    gateway_tls_cert: GatewayTlsCert = None,
    gateway_tls_key: GatewayTlsKey = None,
    insecure_http: InsecureHttp = None,
    trusted_proxies: TrustedProxies = None,
    drain_timeout: DrainTimeout = None,
    as_json: AsJson = False,
) -> None:
    """
    Look whether settings, files, clock, ports, Envoy and database are as they must be, and say what to do.

    Give it the options and variables of `holdfast up`. It changes nothing, and may be run while Holdfast runs, as its
    user. Exit code 1: something failed.
    """
    _require_platform()
    with _loading():
        from holdfast.cli.server.process import diagnose

    addresses: dict[str, list[str] | None] = {"publisher": publisher, "gateway": gateway, "sandbox": sandbox}
    addresses |= {"gateway_tls": gateway_tls, "sandbox_tls": sandbox_tls}
    files = {"tls_cert": tls_cert, "tls_key": tls_key}
    files |= {"gateway_tls_cert": gateway_tls_cert, "gateway_tls_key": gateway_tls_key}
    others = {"insecure_http": insecure_http, "trusted_proxies": trusted_proxies, "drain_timeout": drain_timeout}
    checks = diagnose({"data": data} | addresses | files | others)
    if as_json:
        write_json({"count": len(checks), "list": [asdict(check) for check in checks]})
    else:
        rows = [(check.outcome, check.name, f"{check.text} {check.advice}".strip()) for check in checks]
        write_table(("", "Check", "What was seen, and what to do"), rows, "")
    if any(check.outcome == "failed" for check in checks):
        raise typer.Exit(int(ExitCode.FAILED))


@commands.command(
    "rotate-sealing-key",
    epilog=ending("holdfast rotate-sealing-key --data /var/lib/holdfast", codes=LOCAL),
)
def rotate(data: Data = None) -> None:
    """
    Seal the private keys of client certificates with a new sealing key; Holdfast must not run meanwhile.

    When HOLDFAST_SEALING_KEY holds the key, set it to NEW,OLD before and to NEW after.
    """
    with _loading():
        from holdfast.cli.server.process import reseal_keys

    if not reseal_keys({"data": data}):
        raise typer.Exit(int(ExitCode.FAILED))


def _require_platform() -> None:
    """Stop before the server is loaded, which fails with less useful words elsewhere."""
    problem = platform_problem(this_platform(), own_envoy=bool(os.environ.get("HOLDFAST_ENVOY")))
    if problem:
        raise CommandFailed(problem)


def _prepare_process() -> None:
    """Settle what must hold before the server is loaded."""
    # What gRPC has to say reaches us as exceptions, too; its own lines on standard error are no JSON.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # Until the server takes it as "read files again"; its default would end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


@contextmanager
def _loading() -> Iterator[None]:
    """Load the server without looking for garbage: there is none yet, and looking takes a sixth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
