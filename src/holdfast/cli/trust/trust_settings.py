"""
`holdfast trust`: manage trust settings and exceptions.
"""

from functools import partial
from typing import Annotated, Any

import typer
from typer import Argument, Option

from holdfast.cli.exit_codes import WAITING
from holdfast.cli.failures import InvalidUsage, WrongFile
from holdfast.cli.requests import completion
from holdfast.cli.requests.client import Client, connect
from holdfast.cli.requests.enforcement import Wait, Within, describe_enforcement, write_when_settled
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.output import AsJson, format_date, group_fingerprint, say, tell, write_facts, write_json

SETTINGS = "/endpoints/trust-settings"
MEMBERS = (
    "anchors",
    "names",
    "anyName",
    "sni",
    "certificatePins",
    "spkiPins",
    "revocationOfPath",
    "tlsMinimum",
    "tlsMaximum",
)
commands = typer.Typer(no_args_is_help=True)

EndpointArgument = Annotated[
    str,
    Argument(
        metavar="ENDPOINT", help="The URL of an API's https endpoint.", autocompletion=completion.complete_endpoints
    ),
]
_NONE = " Use none to remove all."


@commands.command("show", epilog=write_ending("holdfast trust show https://backend.example:8443"))
def show_trust(endpoint: EndpointArgument, as_json: AsJson = False) -> None:
    """Show the trust settings of an endpoint and their effect."""
    with connect() as client:
        _show(client.get(SETTINGS, endpoint=endpoint), as_json=as_json)


@commands.command(
    "set",
    epilog=write_ending(
        "holdfast trust set https://backend.example:8443 --names pizza.internal --wait",
        "holdfast trust set https://backend.example:8443 --crls crls.pem",
        "holdfast trust set https://backend.example:8443 --names none --sni host",
        codes=WAITING,
    ),
)
def set_trust(
    endpoint: EndpointArgument,
    anchors: Annotated[
        str | None,
        Option(
            metavar="ANCHORS",
            help="imported, imported-and-public or public.",
            autocompletion=completion.complete_anchors,
        ),
    ] = None,
    names: Annotated[
        list[str] | None, Option(metavar="NAME", help="Host name to accept instead of the URL's. Repeatable." + _NONE)
    ] = None,
    any_name: Annotated[bool | None, Option(help="Skip the host name check (requires a certificate pin).")] = None,
    sni: Annotated[
        str | None, Option(metavar="NAME", help="SNI to send: a name, host (the URL's host) or none.")
    ] = None,
    pin: Annotated[list[str] | None, Option(metavar="SHA256", help="Pin a certificate. Repeatable." + _NONE)] = None,
    spki_pin: Annotated[
        list[str] | None, Option(metavar="SHA256", help="Pin a public key. Repeatable." + _NONE)
    ] = None,
    crls: Annotated[str | None, Option(metavar="FILE", help="File with CRLs." + _NONE)] = None,
    crls_of_path: Annotated[
        bool | None, Option(help="Check revocation of the whole chain, or only of the backend's certificate.")
    ] = None,
    tls_minimum: Annotated[
        str | None,
        Option(metavar="1.2|1.3", help="Minimum TLS version.", autocompletion=completion.complete_tls_versions),
    ] = None,
    tls_maximum: Annotated[
        str | None,
        Option(metavar="1.2|1.3", help="Maximum TLS version.", autocompletion=completion.complete_tls_versions),
    ] = None,
    wait: Wait = False,
    within: Within = 30.0,
    as_json: AsJson = False,
) -> None:
    """
    Change the trust settings of an endpoint. Settings without an option stay as they are.

    --names, --pin and --spki-pin replace all existing values.
    """
    changes = {
        "anchors": anchors,
        "names": _read_several(names),
        "anyName": any_name,
        "certificatePins": _read_several(pin),
        "spkiPins": _read_several(spki_pin),
        "crls": None if crls is None else _describe_crls(crls),
        "revocationOfPath": crls_of_path,
        "tlsMinimum": tls_minimum,
        "tlsMaximum": tls_maximum,
    }
    body: dict[str, Any] = {member: value for member, value in changes.items() if value is not None}
    if sni is not None:
        body["sni"] = {"host": None, "none": ""}.get(sni, sni)
    if not body:
        raise InvalidUsage("Nothing to change. Add an option; see --help.")
    with connect() as client:
        before, tag = client.read(SETTINGS, endpoint=endpoint)
        put_trust(client, endpoint, {member: before[member] for member in MEMBERS} | body, tag)
        show_when_settled(client, endpoint, wait=wait, within=within, as_json=as_json)


def put_trust(client: Client, endpoint: str, settings: dict[str, Any], tag: str = "") -> None:
    """
    Replace the trust settings of an endpoint. Missing *settings* get their defaults, except that CRLs stay.

    With *tag*, the change is rejected if the settings have changed since they were read.
    """
    headers = {"If-Match": tag} if tag else {}
    client.call("PUT", SETTINGS, params={"endpoint": endpoint}, json=settings, headers=headers)


def show_when_settled(client: Client, endpoint: str, *, wait: bool, within: float, as_json: bool) -> None:
    """Show the trust settings of an endpoint; with *wait*, once gateways enforce them."""

    def read() -> dict[str, Any]:
        return client.get(SETTINGS, endpoint=endpoint)

    write_when_settled(read, partial(_show, as_json=as_json), wait=wait, within=within, as_json=as_json)


def _show(settings: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        write_json(settings)
        return
    for sentence in settings["effect"]:
        say(sentence)
    for finding in settings.get("findings") or []:
        tell(f"{finding['severity']} {finding['code']}: {finding['message']} {finding['remedy']}")
    exception = settings["exception"]
    off = (
        f"until {format_date(exception['until'])} UTC. Reason ({exception['owner']}): {exception['reason']}"
        if exception
        else ""
    )
    write_facts(
        [
            ("Origin", settings["origin"]),
            ("Verification off", off),
            ("Anchors", settings["anchors"]),
            ("Names", "any" if settings["anyName"] else settings["names"] or "the URL's host"),
            ("SNI", {None: "the URL's host", "": "none"}.get(settings["sni"], settings["sni"])),
            ("Certificate pins", settings["certificatePins"]),
            ("Public key pins", settings["spkiPins"]),
            ("CRLs", [f"{crl['issuer']}, SHA-256 {group_fingerprint(crl['fingerprint'])}" for crl in settings["crls"]]),
            ("TLS", f"{settings['tlsMinimum']} to {settings['tlsMaximum']}"),
            ("Enforcement", describe_enforcement(settings["enforcement"])),
        ]
    )


def _read_several(values: list[str] | None) -> list[str] | None:
    return [] if values == ["none"] else values or None


def _describe_crls(file: str) -> str:
    if file == "none":
        return ""
    from holdfast.certificates.errors import CertificateError  # cryptography loads slowly
    from holdfast.certificates.revocation import read_revocation_lists
    from holdfast.cli.trust.certificate_files import read_certificate_file

    data = read_certificate_file(file)
    try:
        return "".join(crl.pem for crl in read_revocation_lists(data))
    except CertificateError as error:
        raise WrongFile(f"{file}: {error}") from error
