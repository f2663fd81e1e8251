"""
`holdfast endpoint`: test a backend, and configure how gateways connect to it.
"""

from typing import Annotated, Any

import typer
from typer import Argument, Option

from holdfast.apis.catalog.connection_settings import Protocol
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment
from holdfast.cli.access.passwords import PasswordStdin
from holdfast.cli.catalog.apis import Wanted, api_path, find_api
from holdfast.cli.exit_codes import CLIENT, ExitCode
from holdfast.cli.failures import CommandFailed, Misused
from holdfast.cli.requests import completion
from holdfast.cli.requests.client import connect
from holdfast.cli.terminal.help import ending
from holdfast.cli.terminal.output import AsJson, format_date, group_fingerprint, say, write_facts, write_json

commands = typer.Typer(no_args_is_help=True)


@commands.command(
    "test",
    epilog=ending(
        "holdfast endpoint test https://backend.example:8443",
        "holdfast endpoint test https://backend.example:8443 --certificate backend.pem",
        "holdfast endpoint test https://backend.example:8443 --certificate new.pem --replaces pizza --keep-previous",
        "holdfast endpoint test https://backend.example:8443 --gateway eu-1",
        codes=(*CLIENT, ExitCode.REJECTED),
    ),
)
def look_at_endpoint(
    url: Annotated[
        str,
        Argument(metavar="URL", help="Such as https://backend.example:8443.", autocompletion=completion.endpoints),
    ],
    certificate: Annotated[
        str | None, Option(metavar="FILE", help="Test as if these certificates were imported.")
    ] = None,
    replaces: Annotated[
        str,
        Option(
            metavar="ALIAS",
            help="Test as if they replaced the certificates of ALIAS.",
            autocompletion=completion.aliases,
        ),
    ] = "",
    keep_previous: Annotated[
        bool, Option("--keep-previous", help="With --replaces: keep trusting the previous certificates.")
    ] = False,
    gateway: Annotated[
        str,
        Option(metavar="NAME", help="Gateway to test from [default: the one on the publisher's machine]."),
    ] = "",
    password_stdin: PasswordStdin = False,
    as_json: AsJson = False,
) -> None:
    """
    Test whether a gateway would accept a backend, and show its certificates.
    """
    # httpx sends a multipart form only for files; a part without a file name is a plain field.
    parts: dict[str, Any] = {"endpoint": (None, url)}
    if (replaces and certificate is None) or (keep_previous and not replaces):
        raise Misused("--replaces needs --certificate, and --keep-previous needs --replaces.")
    if password_stdin and certificate is None:
        raise Misused("--password-stdin needs --certificate.")
    if gateway:
        parts["gateway"] = (None, gateway)
    if replaces:
        parts |= {"alias": (None, replaces), "keepPrevious": (None, str(keep_previous).lower())}
    if certificate is not None:
        from holdfast.cli.trust.certificate_files import as_part, open_upload  # cryptography loads slowly

        parts["certificate"] = as_part(open_upload(certificate, password_stdin=password_stdin))
    with connect() as client:
        probe = client.call("POST", "/endpoints/probe", files=parts)
    verdict = probe["verdict"]
    if as_json:
        write_json(probe)
    else:
        _show(probe)
    if not verdict["accepted"]:
        raise typer.Exit(int(ExitCode.REJECTED if verdict["code"] else ExitCode.FAILED))


@commands.command(
    "set",
    epilog=ending(
        "holdfast endpoint set Pizza --protocol http2",
        "holdfast endpoint set Pizza:1.0.0 --environment sandbox --connection-per-caller",
    ),
)
def set_connection(
    wanted: Wanted,
    environment: Annotated[
        Environment, Option(help="Endpoint to change.", autocompletion=lambda: list(ENVIRONMENTS))
    ] = "production",
    protocol: Annotated[Protocol | None, Option(help="HTTP version for the backend.")] = None,
    connection_per_caller: Annotated[
        bool | None, Option(help="Don't share connections between callers (for NTLM and Negotiate).")
    ] = None,
    rewrite_responses: Annotated[
        bool | None, Option(help="Replace the backend's address in redirects and cookie paths.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change how the gateway connects to an endpoint of an API. Settings without an option stay as they are."""
    settings = {
        "protocol": protocol,
        "connectionPerCaller": connection_per_caller,
        "rewriteResponses": rewrite_responses,
    }
    changes = {name: value for name, value in settings.items() if value is not None}
    if not changes:
        raise Misused("Nothing to change. Add an option such as --protocol http1; see --help.")
    with connect() as client:
        api, tag = client.read(api_path(find_api(client, wanted)))
        config = api["endpointConfig"]
        endpoint = config.get(f"{environment}_endpoints")
        if endpoint is None:
            raise CommandFailed(f"{api['name']} {api['version']} has no {environment} endpoint.")
        endpoint["config"] = (endpoint.get("config") or {}) | changes
        body = {"endpointConfig": config}
        after = client.call("PUT", api_path(api), json=body, headers={"If-Match": tag})
    if as_json:
        write_json(after)
    else:
        say(f"Changed the {environment} endpoint of {after['name']} {after['version']}.")


def _show(probe: dict[str, Any]) -> None:
    verdict = probe["verdict"]
    if verdict["accepted"]:
        say(f"Accepted: {verdict.get('message') or 'a gateway accepts this backend.'}")
    else:
        result = f"Rejected ({verdict['code']})" if verdict["code"] else "Unknown"
        say(f"{result}: {verdict['message']} {verdict.get('remedy') or ''}".rstrip())
    write_facts(
        [
            ("Endpoint", probe["endpoint"]),
            ("Tested from", probe.get("gateway")),
            ("Address", probe.get("address")),
            ("TLS", " ".join(value for value in (probe.get("tlsVersion"), probe.get("cipher")) if value)),
            ("Client certificate", "requested" if probe.get("clientCertificateRequested") else ""),
            ("Answered by", verdict.get("answeredBy")),
            ("Reason", verdict.get("reason")),
            ("Problem", (probe.get("problem") or {}).get("message")),
        ]
    )
    for certificate in probe.get("presented") or []:
        say("")
        validity = certificate.get("validity") or {}
        write_facts(
            [
                ("Presents", certificate.get("role")),
                ("Subject", certificate.get("subject")),
                ("Issuer", certificate.get("issuer")),
                ("Valid", f"{format_date(validity['from'])} to {format_date(validity['to'])} UTC" if validity else ""),
                ("SHA-256", group_fingerprint(certificate["fingerprint"])),
            ]
        )
        _say_findings(probe, certificate["fingerprint"])
    _show_unreadable(probe)


def _say_findings(probe: dict[str, Any], fingerprint: str) -> None:
    for finding in probe.get("findings") or []:
        if finding["fingerprint"] == fingerprint:
            say(f"{finding['severity']}: {finding['message']} {finding['remedy']} [{finding['code']}]")


def _show_unreadable(probe: dict[str, Any]) -> None:
    unreadable, sent = probe.get("unreadable") or [], probe.get("sent")
    for certificate in unreadable:
        say("")
        place = f"Certificate {certificate['position']} of {sent} can't be read: {certificate['reason']}."
        write_facts(
            [
                ("Problem", place),
                ("Size", f"{certificate['size']} bytes"),
                ("SHA-256", group_fingerprint(certificate["fingerprint"])),
            ]
        )
    if beyond := probe.get("leftOut", 0) - len(unreadable):
        say(f"The backend sends {sent} certificates; Holdfast reads the first {sent - beyond}.")
