"""
`holdfast certificate`: what is trusted for the endpoints of APIs.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from holdfast.cli import completing
from holdfast.cli.client import Client, connect, segment
from holdfast.cli.exit_codes import LOCAL, WAITING, ExitCode
from holdfast.cli.files import write_file
from holdfast.cli.help import ending
from holdfast.cli.output import AsJson, Yes, confirm, date, grouped, say, tell, write_facts, write_json, write_table
from holdfast.cli.signing_in import PasswordStdin
from holdfast.cli.waiting import Wait, Within, in_words, wait_until_enforced

PATH = "/endpoint-certificates"
commands = typer.Typer(no_args_is_help=True)

Alias = Annotated[str, Argument(metavar="ALIAS", autocompletion=completing.aliases)]
NewAlias = Annotated[str, Argument(metavar="ALIAS", help="What it is to be called.")]
File = Annotated[str, Argument(metavar="FILE", help="PEM, DER, PKCS#7, or a PKCS#12 or Java truststore; - for stdin.")]
OfEndpoint = Annotated[str, Option(metavar="URL", help="The endpoint whose host the certificate must name.")]


@commands.command(
    "list",
    epilog=ending(
        "holdfast certificate list",
        "holdfast certificate list --unused",
        "holdfast certificate list --endpoint https://backend.example:8443 --json",
    ),
)
def list_certificates(
    endpoint: Annotated[str, Option(metavar="URL", help="Only those of this endpoint.")] = "",
    unused: Annotated[bool, Option("--unused", help="Only those for endpoints that no API has.")] = False,
    as_json: AsJson = False,
) -> None:
    """List endpoint certificates by alias."""
    with connect() as client:
        only = {"unused": "true"} if unused else {}
        found = list(client.listed(PATH, "certificates", endpoint=endpoint, **only))
    if as_json:
        write_json({"count": len(found), "list": found})
        return
    nothing = "No endpoint certificate is unused." if unused else "There are no endpoint certificates."
    rows = [(each["alias"], each["endpoint"], each["expiryStatus"], date(each["notAfter"])) for each in found]
    write_table(["ALIAS", "ENDPOINT", "STATUS", "NOT AFTER (UTC)"], rows, nothing)


@commands.command(
    "add",
    epilog=ending(
        "holdfast certificate add pizza https://backend.example:8443 backend.pem --wait",
        "holdfast certificate add pizza https://backend.example:8443 trust.p12 --password-stdin < password",
        codes=WAITING,
    ),
)
def add_certificate(
    alias: NewAlias,
    endpoint: Annotated[str, Argument(metavar="ENDPOINT", help="The URL of an API's https endpoint.")],
    file: File,
    password_stdin: PasswordStdin = False,
    wait: Wait = False,
    within: Within = 30.0,
    as_json: AsJson = False,
) -> None:
    """Trust the certificates in FILE for the origin of ENDPOINT."""
    form = {"alias": alias, "endpoint": endpoint}
    with connect() as client:
        _upload(client, "POST", PATH, form, file, password_stdin)
        _written(client, alias, "Added", wait=wait, within=within, as_json=as_json)


@commands.command(
    "replace",
    epilog=ending(
        "holdfast certificate replace pizza new.pem --keep-previous --wait",
        "holdfast certificate replace pizza new.pem",
        codes=WAITING,
    ),
)
def replace_certificate(
    alias: Alias,
    file: File,
    keep_previous: Annotated[bool, Option("--keep-previous", help="Go on trusting what is replaced, too.")] = False,
    password_stdin: PasswordStdin = False,
    wait: Wait = False,
    within: Within = 30.0,
    as_json: AsJson = False,
) -> None:
    """Trust the certificates in FILE instead of those under ALIAS."""
    with connect() as client:
        query = "?keepPrevious=true" if keep_previous else ""
        _upload(client, "PUT", f"{_path(alias)}{query}", {}, file, password_stdin)
        _written(client, alias, "Replaced", wait=wait, within=within, as_json=as_json)


@commands.command("retire", epilog=ending("holdfast certificate retire pizza --wait", codes=WAITING))
def retire_previous(alias: Alias, wait: Wait = False, within: Within = 30.0, as_json: AsJson = False) -> None:
    """Trust no longer what `replace --keep-previous` has kept under ALIAS."""
    with connect() as client:
        client.call("POST", f"{_path(alias)}/retire")
        _written(client, alias, "Retired what was before in", wait=wait, within=within, as_json=as_json)


@commands.command("undo", epilog=ending("holdfast certificate undo pizza --wait", codes=WAITING))
def undo_replacement(alias: Alias, wait: Wait = False, within: Within = 30.0, as_json: AsJson = False) -> None:
    """Trust again what was under ALIAS before it was replaced, instead of what is there now."""
    with connect() as client:
        client.call("POST", f"{_path(alias)}/undo")
        _written(client, alias, "Undid the replacement of", wait=wait, within=within, as_json=as_json)


@commands.command("show", epilog=ending("holdfast certificate show pizza", "holdfast certificate show pizza --json"))
def show_certificate(alias: Alias, as_json: AsJson = False) -> None:
    """Show what is under ALIAS, what is noticed about it, and whether it is in force."""
    with connect() as client:
        found = client.get(_path(alias))
        usage = list(client.listed(f"{_path(alias)}/usage", "list"))
        if as_json:
            write_json(found | {"usage": usage})
            return
        write_facts(
            [
                ("Alias", found["alias"]),
                ("Endpoint", found["endpoint"]),
                ("Status", found["expiryStatus"]),
                ("In force", in_words(found["enforcement"])),
                (
                    "Beside it",
                    [f"{each['subject']}, SHA-256 {grouped(each['fingerprint'])}" for each in found["previous"]],
                ),
                ("Used by", [f"{each['name']} {each['version']}" for each in usage] or "no API"),
            ]
        )
        say("")
        _show(found["certificates"], found["findings"])


@commands.command(
    "delete", epilog=ending("holdfast certificate delete pizza", "holdfast certificate delete pizza --yes")
)
def delete_certificate(alias: Alias, yes: Yes = False, as_json: AsJson = False) -> None:
    """End the trust in what is under ALIAS, for open connections too."""
    with connect() as client:
        found = client.get(_path(alias))
        confirm(f"Delete {alias}, trusted for {found['endpoint']}?", yes=yes)
        client.call("DELETE", _path(alias))
    if as_json:
        write_json(found)
    else:
        say(f"Deleted {alias}.")


@commands.command(
    "download",
    epilog=ending(
        "holdfast certificate download pizza -o pizza.pem", "holdfast certificate download pizza | openssl x509 -text"
    ),
)
def download_certificate(
    alias: Alias,
    output: Annotated[Path | None, Option("-o", "--output", metavar="FILE", help="Where to [default: stdout].")] = None,
) -> None:
    """Write the certificates under ALIAS as PEM."""
    with connect() as client:
        answer = client.answer("GET", f"{_path(alias)}/content", headers={"Accept": "application/x-pem-file"})
    if output is None:
        typer.echo(answer.content, nl=False)
    else:
        write_file(output, answer.content)
        tell(f"Wrote {output}.")


@commands.command(
    "inspect",
    epilog=ending(
        "holdfast certificate inspect backend.pem --endpoint https://backend.example:8443",
        "holdfast certificate inspect trust.jks --password-stdin < password",
        codes=(*LOCAL, ExitCode.REJECTED),
    ),
)
def inspect_certificate(
    file: File, endpoint: OfEndpoint = "", password_stdin: PasswordStdin = False, as_json: AsJson = False
) -> None:
    """
    Say what FILE holds and what is noticed about it. Nothing is sent anywhere.
    """
    from holdfast.cli.certificate_files import examine_upload, open_upload, tell_ignored

    upload = open_upload(file, password_stdin=password_stdin)
    found = examine_upload(upload, endpoint, datetime.now(UTC))
    if as_json:
        write_json(found)
    else:
        _show(found["certificates"], found["findings"])
        tell_ignored(upload)
    if any(each["severity"] == "error" for each in found["findings"]):
        raise typer.Exit(int(ExitCode.REJECTED))


def _upload(client: Client, method: str, path: str, form: dict[str, str], file: str, password_stdin: bool) -> None:
    from holdfast.cli.certificate_files import as_part, open_upload, tell_ignored  # cryptography loads slowly

    upload = open_upload(file, password_stdin=password_stdin)
    client.call(method, path, data=form, files={"certificate": as_part(upload)})
    tell_ignored(upload)


def _written(client: Client, alias: str, verb: str, *, wait: bool, within: float, as_json: bool) -> None:
    def read() -> dict[str, Any]:
        return client.get(_path(alias))

    found = wait_until_enforced(read, within) if wait else read()
    if as_json:
        write_json(found)
        return
    say(f"{verb} {alias} for {found['endpoint']}: {in_words(found['enforcement'])}.")
    for each in found["findings"]:
        tell(f"{each['severity']} {each['code']}: {each['message']} {each['remedy']}")


def _show(certificates: list[dict[str, Any]], findings: list[dict[str, Any]]) -> None:
    for number, certificate in enumerate(certificates):
        if number:
            say("")
        of_it = [each for each in findings if each["fingerprint"] == certificate["fingerprint"]]
        write_facts(
            [
                ("Subject", certificate["subject"]),
                ("Issuer", certificate["issuer"]),
                ("Names", certificate["subjectAltNames"]),
                ("Status", certificate["status"]),
                ("Valid", f"{date(certificate['validity']['from'])} to {date(certificate['validity']['to'])} UTC"),
                ("Key", certificate["key"]),
                ("Signature", certificate["signatureAlgorithm"]),
                ("CA", "yes" if certificate["isCa"] else "no"),
                ("SHA-256", grouped(certificate["fingerprint"])),
                *((each["severity"], f"{each['message']} {each['remedy']} [{each['code']}]") for each in of_it),
            ]
        )


def _path(alias: str) -> str:
    return f"{PATH}/{segment(alias)}"
