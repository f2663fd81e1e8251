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
from holdfast.cli.declaration.inputs import FileArguments, Inputs, Label, OptionalFiles, Overlays, Variables
from holdfast.cli.declaration.plan import plan_created
from holdfast.cli.declaration.refusals import refuse_indistinguishable, refuse_taken
from holdfast.cli.declaration.schema import describe_format
from holdfast.cli.exit_codes import LOCAL, ExitCode
from holdfast.cli.failures import InvalidUsage, WrongFile
from holdfast.cli.terminal.help import write_ending
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
    epilog=write_ending(
        "holdfast validate -f holdfast/",
        "holdfast validate -f holdfast/ --overlay production.yaml --strict --json",
        codes=LOCAL,
    ),
)
def validate_files(
    argument: FileArguments = None,
    file: OptionalFiles = None,
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
    files = (*(file or ()), *(argument or ()))
    if not files:
        raise InvalidUsage("Name the files: -f FILE.")
    now = datetime.now(UTC)
    try:
        goal = Inputs(files, tuple(overlay or ()), label).read(var)
        refuse_contradictions(goal, now)
    except InvalidFiles as error:
        if as_json:
            write_json({"valid": False, "errors": error.lines, "findings": [], "notes": []})
        raise WrongFile("The files are invalid.\n" + "\n".join(f"  {line}" for line in error.lines)) from error
    findings, notes = list(_examine(goal, now)), list(_list_notes(goal))
    if as_json:
        descriptions = [_describe(entry) for entry in findings]
        write_json({"valid": True, "errors": [], "findings": descriptions, "notes": notes})
    else:
        for entry in findings:
            finding = entry.finding
            say(f"{entry.place}: {finding.severity}: {entry.name}: {finding.message} {finding.remedy}".rstrip())
        for note in notes:
            tell(note)
        say(f"The files are valid: {_write_counts(goal)}.")
    serious = sum(entry.finding.severity is not Severity.INFO for entry in findings)
    if strict and serious:
        tell(f"holdfast: --strict: {serious} finding{'s' if serious > 1 else ''} above the level info.")
        raise typer.Exit(int(ExitCode.FAILED))


@commands.command("schema", epilog=write_ending("holdfast schema > holdfast.schema.json", codes=LOCAL))
def print_schema() -> None:
    """Print the JSON schema of configuration files, for editors."""
    write_json(describe_format())


def refuse_contradictions(goal: DesiredState, now: datetime) -> None:
    """Check what needs no publisher. Raises InvalidFiles."""
    nothing, problems = CurrentState(), Problems()
    certificates = list(plan_certificates(goal, nothing, problems, now))
    refuse_taken(plan_created(goal, nothing, Problems()), (), problems)
    refuse_indistinguishable(certificates, nothing, problems)
    problems.finish()


def _examine(goal: DesiredState, now: datetime) -> Iterator[PlacedFinding]:
    for certificate in goal.certificates.values():
        for finding in examine_all(certificate.certificates, _find_references(goal, certificate), now):
            yield PlacedFinding(certificate.content_place, certificate.alias, finding)
    for caller in (caller for api in goal.apis.values() for caller in api.callers or ()):
        for finding in examine_caller(caller.certificate, now):
            yield PlacedFinding(caller.place, caller.alias, finding)


def _find_references(goal: DesiredState, certificate: WantedCertificate) -> tuple[ReferenceIdentifier, ...]:
    """Return the names of which the backend must present one; empty if any name will do."""
    trust = goal.trust.get(certificate.origin)
    if trust and trust.settings["anyName"]:
        return ()
    names = trust.settings["names"] if trust else ()
    return tuple(map(parse_reference, names)) or (certificate.endpoint.origin.reference,)


def _list_notes(goal: DesiredState) -> Iterator[str]:
    """Yield notes about origins of no API in the files; another file may have it, so this isn't an error."""
    if not goal.has_apis:
        return
    places = [(certificate.place, certificate.origin) for certificate in goal.certificates.values()]
    places += [(settings.place, settings.origin) for settings in goal.trust.values()]
    places += [(identity.place, identity.origin) for identity in goal.identities.values()]
    for place, origin in places:
        if origin not in goal.origins:
            yield f"{place}: No API in these files has an endpoint at {origin}."


def _describe(entry: PlacedFinding) -> dict[str, Any]:
    place, finding = entry.place, entry.finding
    return {
        "file": place.file,
        "line": place.line,
        "field": place.field,
        "certificate": entry.name,
        "code": finding.code.value,
        "severity": finding.severity.value,
        "message": finding.message,
        "remedy": finding.remedy,
    }


def _write_counts(goal: DesiredState) -> str:
    counts = [
        (len(goal.apis), "API"),
        (len(goal.certificates), "endpoint certificate"),
        (len(goal.trust), "trust setting"),
        (len(goal.identities), "gateway identity"),
    ]
    words = [f"{number} {noun if number == 1 else _write_count(noun)}" for number, noun in counts if number]
    return ", ".join(words) or "nothing is declared"


def _write_count(noun: str) -> str:
    return f"{noun.removesuffix('y')}ies" if noun.endswith("y") else f"{noun}s"
