"""
`holdfast endpoint`: test a backend, and configure how gateways connect to it.
"""

from typing import Annotated, Any

import typer
from typer import Argument, Option

from holdfast.apis.catalog.connection_settings import REST_NAMES, SETTINGS, Protocol, SettingKind
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment
from holdfast.apis.catalog.group_members import get_first_endpoint
from holdfast.cli.access.passwords import PasswordStdin
from holdfast.cli.catalog.apis import ApiReference, build_api_path, find_api
from holdfast.cli.exit_codes import CLIENT, ExitCode
from holdfast.cli.failures import CommandFailed, InvalidUsage
from holdfast.cli.requests import completion
from holdfast.cli.requests.client import connect
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.output import AsJson, format_date, group_fingerprint, say, write_facts, write_json

commands = typer.Typer(no_args_is_help=True)


@commands.command(
    "test",
    epilog=write_ending(
        "holdfast endpoint test https://backend.example:8443",
        "holdfast endpoint test https://backend.example:8443 --certificate backend.pem",
        "holdfast endpoint test https://backend.example:8443 --certificate new.pem --replaces pizza --keep-previous",
        "holdfast endpoint test https://backend.example:8443 --gateway eu-1",
        codes=(*CLIENT, ExitCode.REJECTED),
    ),
)
def probe_endpoint(
    url: Annotated[
        str,
        Argument(
            metavar="URL", help="Such as https://backend.example:8443.", autocompletion=completion.complete_endpoints
        ),
    ],
    certificate: Annotated[
        str | None, Option(metavar="FILE", help="Test as if these certificates were imported.")
    ] = None,
    replaces: Annotated[
        str,
        Option(
            metavar="ALIAS",
            help="Test as if they replaced the certificates of ALIAS.",
            autocompletion=completion.complete_aliases,
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
        raise InvalidUsage("--replaces needs --certificate, and --keep-previous needs --replaces.")
    if password_stdin and certificate is None:
        raise InvalidUsage("--password-stdin needs --certificate.")
    if gateway:
        parts["gateway"] = (None, gateway)
    if replaces:
        parts |= {"alias": (None, replaces), "keepPrevious": (None, str(keep_previous).lower())}
    if certificate is not None:
        from holdfast.cli.trust.certificate_files import build_part, open_upload  # cryptography loads slowly

        parts["certificate"] = build_part(open_upload(certificate, password_stdin=password_stdin))
    with connect() as client:
        probe = client.call("POST", "/endpoints/probe", files=parts)
    verdict = probe["verdict"]
    if as_json:
        write_json(probe)
    else:
        _show(probe)
    if not verdict["accepted"]:
        raise typer.Exit(int(ExitCode.REJECTED if verdict["code"] else ExitCode.FAILED))


def _make_option(name: str) -> Any:
    """Return the option for a setting; the publisher checks its value."""
    setting = SETTINGS[name]
    metavar = {SettingKind.NUMBER: "MS" if name.endswith("_ms") else "NUMBER", SettingKind.STATUSES: "STATUS"}
    repeatable = " Repeatable." if setting.kind is SettingKind.STATUSES else ""
    return Option(help=setting.description + repeatable, metavar=metavar.get(setting.kind))


def _find_member(name: str) -> str:
    """Return the REST member of the setting that configuration files call *name*. Raises InvalidUsage."""
    members = {setting.name: setting.member for setting in SETTINGS.values()}
    if name not in members:
        raise InvalidUsage(f"There is no setting {name!r}. Settings: {', '.join(members)}.")
    return members[name]


@commands.command(
    "set",
    epilog=write_ending(
        "holdfast endpoint set Pizza --protocol http2",
        "holdfast endpoint set Pizza:1.0.0 --environment sandbox --connection-per-caller",
        "holdfast endpoint set Pizza --response-timeout-ms 5000 --retries 2 --retry-status-codes 503",
    ),
)
def set_connection(
    reference: ApiReference,
    environment: Annotated[
        Environment, Option(help="Endpoint to change.", autocompletion=lambda: list(ENVIRONMENTS))
    ] = "production",
    protocol: Annotated[Protocol | None, _make_option("protocol")] = None,
    connection_per_caller: Annotated[bool | None, _make_option("connection_per_caller")] = None,
    rewrite_responses: Annotated[bool | None, _make_option("rewrite_responses")] = None,
    connect_timeout_ms: Annotated[int | None, _make_option("connect_timeout_ms")] = None,
    idle_timeout_ms: Annotated[int | None, _make_option("idle_timeout_ms")] = None,
    response_timeout_ms: Annotated[int | None, _make_option("response_timeout_ms")] = None,
    retries: Annotated[int | None, _make_option("retries")] = None,
    retry_status_codes: Annotated[list[int] | None, _make_option("retry_statuses")] = None,
    try_timeout_ms: Annotated[int | None, _make_option("try_timeout_ms")] = None,
    retry_all_methods: Annotated[bool | None, _make_option("retry_all_methods")] = None,
    suspend_ms: Annotated[int | None, _make_option("suspend_ms")] = None,
    suspend_max_ms: Annotated[int | None, _make_option("suspend_max_ms")] = None,
    suspend_after: Annotated[int | None, _make_option("suspend_after")] = None,
    suspend_status_codes: Annotated[list[int] | None, _make_option("suspend_statuses")] = None,
    max_connections: Annotated[int | None, _make_option("max_connections")] = None,
    max_pending_requests: Annotated[int | None, _make_option("max_pending_requests")] = None,
    max_requests: Annotated[int | None, _make_option("max_requests")] = None,
    default: Annotated[
        list[str] | None,
        Option(
            metavar="SETTING",
            help="Setting to reset to its default, such as retries. Repeatable.",
            autocompletion=lambda: [setting.name for setting in SETTINGS.values()],
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change how the gateway connects to an endpoint of an API. Settings without an option stay as they are."""
    values = {
        "protocol": protocol,
        "connection_per_caller": connection_per_caller,
        "rewrite_responses": rewrite_responses,
        "connect_timeout_ms": connect_timeout_ms,
        "idle_timeout_ms": idle_timeout_ms,
        "response_timeout_ms": response_timeout_ms,
        "retries": retries,
        "retry_statuses": retry_status_codes,
        "try_timeout_ms": try_timeout_ms,
        "retry_all_methods": retry_all_methods,
        "suspend_ms": suspend_ms,
        "suspend_max_ms": suspend_max_ms,
        "suspend_after": suspend_after,
        "suspend_statuses": suspend_status_codes,
        "max_connections": max_connections,
        "max_pending_requests": max_pending_requests,
        "max_requests": max_requests,
    }
    changes: dict[str, Any] = {REST_NAMES[name]: value for name, value in values.items() if value is not None}
    for name in default or ():
        changes[_find_member(name)] = None
    if not changes:
        raise InvalidUsage("Nothing to change. Add an option such as --protocol http1; see --help.")
    with connect() as client:
        api, tag = client.read(build_api_path(find_api(client, reference)))
        config = api["endpointConfig"]
        endpoint = get_first_endpoint(config, environment)
        if endpoint is None:
            raise CommandFailed(f"{api['name']} {api['version']} has no {environment} endpoint.")
        endpoint["config"] = (endpoint.get("config") or {}) | changes
        body = {"endpointConfig": config}
        after = client.call("PUT", build_api_path(api), json=body, headers={"If-Match": tag})
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
    unreadable, count = probe.get("unreadable") or [], probe.get("sent")
    for certificate in unreadable:
        say("")
        place = f"Certificate {certificate['position']} of {count} can't be read: {certificate['reason']}."
        write_facts(
            [
                ("Problem", place),
                ("Size", f"{certificate['size']} bytes"),
                ("SHA-256", group_fingerprint(certificate["fingerprint"])),
            ]
        )
    if beyond := probe.get("leftOut", 0) - len(unreadable):
        say(f"The backend sends {count} certificates; Holdfast reads the first {count - beyond}.")
