"""
`holdfast validate` and `holdfast schema`: check configuration files without a publisher.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from typer import Option

from holdfast.certificates.findings.examination import Finding, Severity, examine_all, examine_caller
from holdfast.certificates.identity import ReferenceIdentifier, parse_reference
from holdfast.cli.declaration.certificate_plan import plan_certificates
from holdfast.cli.declaration.current_state import CurrentState
from holdfast.cli.declaration.desired_state import DesiredState, WantedCertificate
from holdfast.cli.declaration.fields import InvalidFiles, Place, Problems
from holdfast.cli.declaration.inputs import FileArguments, Inputs, Label, Overlays, Variables
from holdfast.cli.declaration.plan import plan_created
from holdfast.cli.declaration.refusals import refuse_indistinguishable, refuse_taken
from holdfast.cli.declaration.schema import describe_format
from holdfast.cli.exit_codes import LOCAL, ExitCode
from holdfast.cli.failures import WrongFile
from holdfast.cli.terminal.help import ending
from holdfast.cli.terminal.output import AsJson, say, tell, write_json

commands = typer.Typer()


@dataclass(frozen=True, slots=True)
class PlacedFinding:
    """A finding about the certificate *name* at *place*."""

    place: Place
    name: str
    finding: Finding


@commands.command(
    "validate",
    epilog=ending(
        "holdfast validate holdfast/",
        "holdfast validate holdfast/ --overlay production.yaml --strict --json",
        codes=LOCAL,
    ),
)
def validate_files(
    file: FileArguments,
    overlay: Overlays = None,
    var: Variables = None,
    label: Label = "",
    strict: Annotated[bool, Option("--strict", help="Fail if there are findings other than info.")] = False,
    as_json: AsJson = False,
) -> None:
    """
    Check configuration files without a publisher.

    Checks the syntax, variables, references between entries, and certificates, and lists findings about them.
    """
    now = datetime.now(UTC)
    try:
        wanted = Inputs(tuple(file), tuple(overlay or ()), label).read(var)
        refuse_contradictions(wanted, now)
    except InvalidFiles as error:
        if as_json:
            write_json({"valid": False, "errors": error.lines, "findings": [], "notes": []})
        raise WrongFile("The files are invalid.\n" + "\n".join(f"  {line}" for line in error.lines)) from error
    findings, notes = list(_examine(wanted, now)), list(_notes(wanted))
    if as_json:
        described = [_describe(placed) for placed in findings]
        write_json({"valid": True, "errors": [], "findings": described, "notes": notes})
    else:
        for placed in findings:
            finding = placed.finding
            say(f"{placed.place}: {finding.severity}: {placed.name}: {finding.message} {finding.remedy}".rstrip())
        for note in notes:
            tell(note)
        say(f"The files are valid: {_count(wanted)}.")
    if strict and any(placed.finding.severity is not Severity.INFO for placed in findings):
        raise typer.Exit(int(ExitCode.FAILED))


@commands.command("schema", epilog=ending("holdfast schema > holdfast.schema.json", codes=LOCAL))
def print_schema() -> None:
    """Print the JSON schema of configuration files, for editors."""
    write_json(describe_format())


def refuse_contradictions(wanted: DesiredState, now: datetime) -> None:
    """Check what needs no publisher. Raises InvalidFiles."""
    nothing, problems = CurrentState(), Problems()
    certificates = list(plan_certificates(wanted, nothing, problems, now))
    refuse_taken(plan_created(wanted, nothing, Problems()), (), problems)
    refuse_indistinguishable(certificates, nothing, problems)
    problems.finish()


def _examine(wanted: DesiredState, now: datetime) -> Iterator[PlacedFinding]:
    for certificate in wanted.certificates.values():
        for finding in examine_all(certificate.certificates, _references(wanted, certificate), now):
            yield PlacedFinding(certificate.content_place, certificate.alias, finding)
    for caller in (caller for api in wanted.apis.values() for caller in api.callers or ()):
        for finding in examine_caller(caller.certificate, now):
            yield PlacedFinding(caller.place, caller.alias, finding)


def _references(wanted: DesiredState, certificate: WantedCertificate) -> tuple[ReferenceIdentifier, ...]:
    """Return the names of which the backend must present one; empty if any name will do."""
    trust = wanted.trust.get(certificate.origin)
    if trust and trust.settings["anyName"]:
        return ()
    names = trust.settings["names"] if trust else ()
    return tuple(map(parse_reference, names)) or (certificate.endpoint.origin.reference,)


def _notes(wanted: DesiredState) -> Iterator[str]:
    """Yield notes about origins of no API in the files; another file may have it, so this isn't an error."""
    if not wanted.has_apis:
        return
    places = [(certificate.place, certificate.origin) for certificate in wanted.certificates.values()]
    places += [(settings.place, settings.origin) for settings in wanted.trust.values()]
    places += [(identity.place, identity.origin) for identity in wanted.identities.values()]
    for place, origin in places:
        if origin not in wanted.origins:
            yield f"{place}: No API in these files has an endpoint at {origin}."


def _describe(placed: PlacedFinding) -> dict[str, Any]:
    place, finding = placed.place, placed.finding
    return {
        "file": place.file,
        "line": place.line,
        "field": place.field,
        "certificate": placed.name,
        "code": finding.code.value,
        "severity": finding.severity.value,
        "message": finding.message,
        "remedy": finding.remedy,
    }


def _count(wanted: DesiredState) -> str:
    counts = [
        (len(wanted.apis), "API"),
        (len(wanted.certificates), "endpoint certificate"),
        (len(wanted.trust), "trust setting"),
        (len(wanted.identities), "gateway identity"),
    ]
    words = [f"{number} {noun if number == 1 else _plural(noun)}" for number, noun in counts if number]
    return ", ".join(words) or "nothing is declared"


def _plural(noun: str) -> str:
    return f"{noun.removesuffix('y')}ies" if noun.endswith("y") else f"{noun}s"
