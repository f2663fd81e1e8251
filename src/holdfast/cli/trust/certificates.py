"""
`holdfast certificate`: manage endpoint certificates.
"""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from holdfast.cli.requests import completion
from holdfast.cli.requests.client import Client, connect, encode_segment
from holdfast.cli.requests.enforcement import describe_enforcement
from holdfast.cli.terminal.files import write_file
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.listing import Listing, Output, Watch, show_listing
from holdfast.cli.terminal.output import (
    AsJson,
    NarrowTable,
    format_date,
    group_fingerprint,
    say,
    tell,
    write_facts,
    write_json,
)
from holdfast.cli.trust.inspection import write_certificates
from holdfast.cli.trust.trust_exceptions import describe_exception, list_exceptions

if TYPE_CHECKING:
    from holdfast.apis.catalog.endpoint import Origin

PATH = "/endpoint-certificates"
IN_USE = {  # during a rotation, by the member `inUse` of REST
    "current": "the current certificate",
    "previous": "the previous certificate",
    "both": "a certificate that both trust",
    "neither": "a certificate that neither trusts",
    "unknown": "not known yet",
}
commands = typer.Typer(no_args_is_help=True)

Alias = Annotated[str, Argument(metavar="ALIAS", autocompletion=completion.complete_aliases)]


class _Sort(StrEnum):
    ALIAS = "alias"
    EXPIRES = "expires"
    COMMON_NAME = "commonName"
    ISSUER = "issuer"
    ENDPOINT = "endpoint"


def _read_time(text: str) -> datetime:
    if days := re.fullmatch(r"(\d{1,5})d", text):
        return datetime.now(UTC) + timedelta(days=int(days[1]))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = "This isn't a time. Write a date such as 2027-01-31, or a number of days such as 30d."
        raise typer.BadParameter(message) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _build_filters(query: str, issuer: str, before: datetime | None, sort: _Sort, *, unused: bool) -> dict[str, str]:
    """Return the parameters of REST that aren't left at their defaults."""
    filters = {
        "query": query,
        "issuer": issuer,
        "expiresBefore": before.isoformat() if before else "",
        "sort": "" if sort is _Sort.ALIAS else sort.value,
        "unused": "true" if unused else "",
    }
    return {name: value for name, value in filters.items() if value}


@commands.command(
    "list",
    epilog=write_ending(
        "holdfast certificate list",
        "holdfast certificate list --unused",
        "holdfast certificate list --sort expires --expires-before 30d",
        "holdfast certificate list --query fabrikam",
        "holdfast certificate list --endpoint https://backend.example:8443 --json",
    ),
)
def list_certificates(
    endpoint: Annotated[
        str,
        Option(
            metavar="URL",
            help="Only certificates for the origin of this URL.",
            autocompletion=completion.complete_endpoints,
        ),
    ] = "",
    unused: Annotated[bool, Option("--unused", help="Only certificates that no API uses.")] = False,
    query: Annotated[
        str,
        Option(
            metavar="TEXT",
            help="Only if alias, endpoint, subject or issuer contain TEXT, or a serial number or SHA-256 fingerprint "
            "begins with it.",
        ),
    ] = "",
    issuer: Annotated[str, Option(metavar="TEXT", help="Only if an issuer contains TEXT.")] = "",
    expires_before: Annotated[
        datetime | None,
        Option(
            metavar="TIME",
            parser=_read_time,
            help="Only if a certificate expires before TIME: a date, a time with its zone, or a number of days from "
            "now, such as 30d.",
        ),
    ] = None,
    sort: Annotated[_Sort, Option(help="The order; equal values are in the order of their aliases.")] = _Sort.ALIAS,
    label: Annotated[str, Option(metavar="LABEL", help="Only certificates with this label.")] = "",
    output: Output = None,
    watch: Watch = False,
    as_json: AsJson = False,
) -> None:
    """List endpoint certificates, and endpoints with verification turned off."""
    from holdfast.cli.trust.origins import find_origin

    origins = {find_origin(endpoint)} if endpoint else None
    with connect() as client:
        filters = _build_filters(query, issuer, expires_before, sort, unused=unused) | (
            {"label": label} if label else {}
        )
        nothing = "No certificates match." if query or issuer or expires_before else "No certificates."
        show_listing(lambda: _read_certificates(client, origins, filters, nothing), output, as_json, watch=watch)


def _read_certificates(client: Client, origins: "set[Origin] | None", filters: dict[str, str], nothing: str) -> Listing:
    from holdfast.cli.trust.origins import find_origins

    answers = client.list_entries(PATH, "certificates", **filters)
    entries = [entry for entry in answers if origins is None or find_origins([entry["endpoint"]]) == origins]
    exceptions = list_exceptions(client, origins)
    rows = [
        (
            entry["alias"],
            entry["endpoint"],
            entry["expiryStatus"],
            format_date(entry["expires"]),
            f"{entry['usedBy']} API{'' if entry['usedBy'] == 1 else 's'}",
            entry["commonName"],
            format_date(entry.get("createdTime", "")),
            format_date(entry.get("lastUpdatedTime", "")),
        )
        for entry in entries
    ]
    kind = "unused certificates" if "unused" in filters else "certificates"
    if origins:
        (origin,) = origins
        nothing = f"No {kind} for {origin}."
    elif "unused" in filters and nothing == "No certificates.":
        nothing = f"No {kind}."
    columns = ["ALIAS", "ENDPOINT", "STATUS", "EXPIRES (UTC)", "USED BY", "COMMON NAME"]
    return Listing(
        {"count": len(entries), "list": entries, "exceptions": exceptions},
        columns,
        rows,
        [entry["alias"] for entry in entries],
        nothing,
        ["IMPORTED (UTC)", "CHANGED (UTC)"],
        [describe_exception(exception) for exception in exceptions or []],
        NarrowTable(columns[:4], [row[:4] for row in rows]),
    )


@commands.command(
    "show", epilog=write_ending("holdfast certificate show pizza", "holdfast certificate show pizza --json")
)
def show_certificate(alias: Alias, as_json: AsJson = False) -> None:
    """Show the certificates of ALIAS, findings, and whether gateways enforce them."""
    with connect() as client:
        entry = client.get(build_certificate_path(alias))
        usage = list(client.list_entries(f"{build_certificate_path(alias)}/usage", "list"))
        if as_json:
            write_json(entry | {"usage": usage})
            return
        write_facts(
            [
                ("Alias", entry["alias"]),
                ("Endpoint", entry["endpoint"]),
                ("Status", entry["expiryStatus"]),
                ("Enforcement", describe_enforcement(entry["enforcement"])),
                (
                    "Previous",
                    [
                        f"{certificate['subject']}, SHA-256 {group_fingerprint(certificate['fingerprint'])}"
                        for certificate in entry["previous"]
                    ],
                ),
                ("In use", IN_USE[entry["inUse"]] if entry["previous"] else []),
                ("Used by", [f"{api['name']} {api['version']}" for api in usage] or "no API"),
            ]
        )
        say("")
        write_certificates(entry["certificates"], entry["findings"])


@commands.command(
    "download",
    epilog=write_ending(
        "holdfast certificate download pizza -o pizza.pem", "holdfast certificate download pizza | openssl x509 -text"
    ),
)
def download_certificate(
    alias: Alias,
    output: Annotated[
        Path | None, Option("-o", "--output", metavar="FILE", help="Output file [default: standard output].")
    ] = None,
) -> None:
    """Download the certificates of ALIAS as PEM."""
    with connect() as client:
        answer = client.answer(
            "GET", f"{build_certificate_path(alias)}/content", headers={"Accept": "application/x-pem-file"}
        )
    if output is None:
        typer.echo(answer.content, nl=False)
    else:
        write_file(output, answer.content)
        tell(f"Wrote {output}.")


def build_certificate_path(alias: str) -> str:
    """Return the REST path of *alias*."""
    return f"{PATH}/{encode_segment(alias)}"
