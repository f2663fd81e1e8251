"""
`holdfast certificate inspect`: the certificates in a file, without a publisher.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from typer import Argument, Option

from holdfast.cli.access.passwords import PasswordStdin
from holdfast.cli.exit_codes import LOCAL, ExitCode
from holdfast.cli.requests import completion
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.output import AsJson, format_date, group_fingerprint, say, tell, write_facts, write_json

commands = typer.Typer()

File = Annotated[str, Argument(metavar="FILE", help="PEM, DER, PKCS#7, PKCS#12 or JKS file; - for standard input.")]
OfEndpoint = Annotated[
    str,
    Option(
        metavar="URL",
        help="Also check that the certificate is valid for this host.",
        autocompletion=completion.complete_endpoints,
    ),
]


@commands.command(
    "inspect",
    epilog=write_ending(
        "holdfast certificate inspect backend.pem --endpoint https://backend.example:8443",
        "holdfast certificate inspect trust.jks --password-stdin < password",
        codes=(*LOCAL, ExitCode.REJECTED),
    ),
)
def inspect_certificate(
    file: File, endpoint: OfEndpoint = "", password_stdin: PasswordStdin = False, as_json: AsJson = False
) -> None:
    """
    Show the certificates in FILE, and whether a gateway would accept a backend with them. Works offline.

    With --endpoint, the host name is checked too. Settings from `holdfast trust set`, such as names, pins and CRLs,
    aren't considered. To test with them, use `holdfast endpoint test`.
    """
    from holdfast.certificates.findings.rejection import list_reasons_to_reject  # cryptography loads slowly
    from holdfast.cli.trust.certificate_files import describe_upload, find_names, open_upload, tell_ignored

    upload, names, now = open_upload(file, password_stdin=password_stdin), find_names(endpoint), datetime.now(UTC)
    description = describe_upload(upload, names, now)
    if as_json:
        write_json(description)
    else:
        write_certificates(description["certificates"], description["findings"])
        tell_ignored(upload)
    if reasons := list_reasons_to_reject(upload.certificates, names, now):
        tell(f"A gateway would reject a backend with this certificate: {reasons[0].message} [{reasons[0].code}]")
        raise typer.Exit(int(ExitCode.REJECTED))
    if not as_json:
        say("Nothing in this file makes a gateway reject a backend.")


def write_certificates(certificates: list[dict[str, Any]], findings: list[dict[str, Any]]) -> None:
    """Print the facts of *certificates*, as REST describes them, each with its *findings*."""
    for number, certificate in enumerate(certificates):
        if number:
            say("")
        own_findings = [
            (finding["severity"], f"{finding['message']} {finding['remedy']} [{finding['code']}]")
            for finding in findings
            if finding["fingerprint"] == certificate["fingerprint"]
        ]
        validity = certificate["validity"]
        write_facts(
            [
                ("Subject", certificate["subject"]),
                ("Issuer", certificate["issuer"]),
                ("Names", certificate["subjectAltNames"]),
                ("Status", certificate["status"]),
                ("Valid", f"{format_date(validity['from'])} to {format_date(validity['to'])} UTC"),
                ("Key", certificate["key"]),
                ("Signature", certificate["signatureAlgorithm"]),
                ("CA", "yes" if certificate["isCa"] else "no"),
                ("SHA-256", group_fingerprint(certificate["fingerprint"])),
                *own_findings,
            ]
        )
