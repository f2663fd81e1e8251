"""
The commands of `holdfast certificate` that make changes.
"""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from holdfast.cli.access.passwords import PasswordStdin
from holdfast.cli.exit_codes import WAITING
from holdfast.cli.failures import CommandFailed, InvalidUsage, RequestRefused
from holdfast.cli.requests import completion
from holdfast.cli.requests.client import Client, connect
from holdfast.cli.requests.enforcement import (
    Wait,
    Within,
    describe_enforcement,
    wait_until_enforced,
    write_when_settled,
)
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.output import AsJson, Yes, confirm, say, tell, write_json
from holdfast.cli.trust.certificates import PATH, Alias, build_certificate_path
from holdfast.cli.trust.inspection import File
from holdfast.cli.trust.trust_settings import SETTINGS

if TYPE_CHECKING:
    from holdfast.certificates.formats.parsing import Upload

commands = typer.Typer()

NewAlias = Annotated[str, Argument(metavar="ALIAS", help="Name for the certificate.")]
PinIt = Annotated[bool, Option("--pin", help="Pin certificates that gateways would reject for their names.")]
KeepPrevious = Annotated[bool, Option("--keep-previous", help="Keep trusting the previous certificates.")]


@commands.command(
    "add",
    epilog=write_ending(
        "holdfast certificate add pizza https://backend.example:8443 backend.pem --wait",
        "holdfast certificate add pizza https://backend.example:8443 trust.p12 --password-stdin < password",
        "holdfast certificate add pizza https://backend.example:8443 new.pem --replace --keep-previous",
        codes=WAITING,
    ),
)
def add_certificate(
    alias: NewAlias,
    endpoint: Annotated[
        str,
        Argument(
            metavar="ENDPOINT", help="The URL of an API's https endpoint.", autocompletion=completion.complete_endpoints
        ),
    ],
    file: File,
    replace: Annotated[bool, Option("--replace", help="Replace the certificates if ALIAS exists.")] = False,
    keep_previous: KeepPrevious = False,
    pin: PinIt = False,
    password_stdin: PasswordStdin = False,
    wait: Wait = False,
    within: Within = 30.0,
    as_json: AsJson = False,
) -> None:
    """
    Trust the certificates in FILE for the origin of ENDPOINT.

    With --replace, the command is idempotent: it leaves certificates alone that are already trusted.
    """
    if keep_previous and not replace:
        raise InvalidUsage("--keep-previous needs --replace.")
    with connect() as client:
        upload = _open(file, password_stdin)
        before = _find(client, alias) if replace else None
        if before is None:
            _send(client, "POST", PATH, upload, data={"alias": alias, "endpoint": endpoint} | _build_pin_field(pin))
            verb = "Added"
        elif _is_same(before, endpoint, upload):
            verb = "Left unchanged:"
        else:
            _put(client, alias, upload, keep=keep_previous, pin=pin)
            verb = "Replaced"
        _print_change(client, alias, verb, wait=wait, within=within, as_json=as_json)


@commands.command(
    "replace",
    epilog=write_ending(
        "holdfast certificate replace pizza new.pem --keep-previous --wait",
        "holdfast certificate replace pizza new.pem",
        codes=WAITING,
    ),
)
def replace_certificate(
    alias: Alias,
    file: File,
    keep_previous: KeepPrevious = False,
    pin: PinIt = False,
    password_stdin: PasswordStdin = False,
    wait: Wait = False,
    within: Within = 30.0,
    as_json: AsJson = False,
) -> None:
    """Replace the certificates of ALIAS with those in FILE."""
    with connect() as client:
        _put(client, alias, _open(file, password_stdin), keep=keep_previous, pin=pin)
        _print_change(client, alias, "Replaced", wait=wait, within=within, as_json=as_json)


@commands.command("retire", epilog=write_ending("holdfast certificate retire pizza --wait", codes=WAITING))
def retire_previous(alias: Alias, wait: Wait = False, within: Within = 30.0, as_json: AsJson = False) -> None:
    """Stop trusting the previous certificates of ALIAS."""
    _change(alias, "POST", "retire", "Retired the previous certificates of", wait=wait, within=within, as_json=as_json)


@commands.command("undo", epilog=write_ending("holdfast certificate undo pizza --wait", codes=WAITING))
def undo_replacement(alias: Alias, wait: Wait = False, within: Within = 30.0, as_json: AsJson = False) -> None:
    """Undo the last replacement of ALIAS."""
    _change(alias, "POST", "undo", "Undid the replacement of", wait=wait, within=within, as_json=as_json)


@commands.command("pin", epilog=write_ending("holdfast certificate pin pizza --wait", codes=WAITING))
def pin_certificate(alias: Alias, wait: Wait = False, within: Within = 30.0, as_json: AsJson = False) -> None:
    """Accept exactly the certificates of ALIAS, if gateways would reject them for their names."""
    _change(alias, "POST", "pin", "Pinned", wait=wait, within=within, as_json=as_json)


@commands.command("unpin", epilog=write_ending("holdfast certificate unpin pizza --wait", codes=WAITING))
def unpin_certificate(alias: Alias, wait: Wait = False, within: Within = 30.0, as_json: AsJson = False) -> None:
    """Undo the pin of ALIAS: gateways check names again."""
    _change(alias, "DELETE", "pin", "Unpinned", wait=wait, within=within, as_json=as_json)


@commands.command(
    "delete",
    epilog=write_ending(
        "holdfast certificate delete pizza", "holdfast certificate delete pizza --yes --wait", codes=WAITING
    ),
)
def delete_certificate(
    alias: Alias, yes: Yes = False, wait: Wait = False, within: Within = 30.0, as_json: AsJson = False
) -> None:
    """Delete ALIAS and stop trusting its certificates, including on open connections."""
    with connect() as client:
        entry = client.get(build_certificate_path(alias))
        confirm(f"Delete certificate {alias} for {entry['endpoint']}?", yes=yes)
        client.call("DELETE", build_certificate_path(alias))
        state = _wait_for_origin(client, entry["endpoint"], within) if wait else ""
    if as_json:
        write_json(entry)
    else:
        say(f"Deleted certificate {alias}{state}.")


def _wait_for_origin(client: Client, endpoint: str, within: float) -> str:
    """Wait until the remaining trust of an origin is enforced, and describe it; empty if no API uses the origin."""
    try:
        settings = wait_until_enforced(partial(client.get, SETTINGS, endpoint=endpoint), within, also_unserved=True)
    except RequestRefused as error:
        if error.status == 400:
            return ""  # no API has an endpoint at this origin
        raise
    return (
        ""
        if settings["enforcement"]["progress"] == "not served"
        else f": {describe_enforcement(settings['enforcement'])}"
    )


def _open(file: str, password_stdin: bool) -> "Upload":
    from holdfast.cli.trust.certificate_files import open_upload  # cryptography loads slowly

    return open_upload(file, password_stdin=password_stdin)


def _find(client: Client, alias: str) -> dict[str, Any] | None:
    try:
        return client.get(build_certificate_path(alias))
    except RequestRefused as error:
        if error.status == 404:
            return None
        raise


def _is_same(before: dict[str, Any], endpoint: str, upload: "Upload") -> bool:
    """Return whether the alias already has *upload*. Raises CommandFailed if the alias is for another origin."""
    from holdfast.cli.trust.origins import find_origin

    if find_origin(before["endpoint"]) != find_origin(endpoint):
        text = f"Alias {before['alias']} is for {before['endpoint']}. Choose another alias, or delete it first."
        raise CommandFailed(text)
    present = [certificate["fingerprint"] for certificate in before["certificates"]]
    return present == list(dict.fromkeys(certificate.fingerprint for certificate in upload.certificates))


def _change(alias: str, method: str, step: str, verb: str, *, wait: bool, within: float, as_json: bool) -> None:
    with connect() as client:
        client.call(method, f"{build_certificate_path(alias)}/{step}")
        _print_change(client, alias, verb, wait=wait, within=within, as_json=as_json)


def _put(client: Client, alias: str, upload: "Upload", *, keep: bool, pin: bool) -> None:
    query = {"keepPrevious": "true"} if keep else {}
    _send(client, "PUT", build_certificate_path(alias), upload, params=query, data=_build_pin_field(pin))


def _build_pin_field(pin: bool) -> dict[str, str]:
    return {"pin": "true"} if pin else {}


def _send(client: Client, method: str, path: str, upload: "Upload", **more: Any) -> None:
    from holdfast.cli.trust.certificate_files import build_part, tell_ignored

    client.call(method, path, files={"certificate": build_part(upload)}, **more)
    tell_ignored(upload)


def _print_change(client: Client, alias: str, verb: str, *, wait: bool, within: float, as_json: bool) -> None:
    def read() -> dict[str, Any]:
        return client.get(build_certificate_path(alias))

    def write(entry: dict[str, Any]) -> None:
        if as_json:
            write_json(entry)
            return
        say(f"{verb} {alias} for {entry['endpoint']}: {describe_enforcement(entry['enforcement'])}.")
        for finding in entry["findings"]:
            tell(f"{finding['severity']} {finding['code']}: {finding['message']} {finding['remedy']}")
        if entry.get("pinProposed"):  # older publishers don't have it
            tell(f"{entry['pinProposed']} To pin it: holdfast certificate pin {alias}")

    write_when_settled(read, write, wait=wait, within=within, as_json=as_json)
