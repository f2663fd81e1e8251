"""
`holdfast apply`, `diff` and `export`: an organization in files.
"""

import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from holdfast.cli.certificates import PATH as CERTIFICATES
from holdfast.cli.client import Client, connect
from holdfast.cli.declaration.applying import apply_steps, described, say_steps
from holdfast.cli.declaration.existing import read_existing
from holdfast.cli.declaration.exporting import export, write_export
from holdfast.cli.declaration.plan import plan
from holdfast.cli.declaration.steps import Action, Step
from holdfast.cli.declaration.wanted import Wanted, read_wanted
from holdfast.cli.exit_codes import CLIENT, WAITING, ExitCode
from holdfast.cli.failures import Misused
from holdfast.cli.help import ending
from holdfast.cli.output import AsJson, Yes, confirm, say, tell, write_json
from holdfast.cli.progress import counted
from holdfast.cli.trust import SETTINGS
from holdfast.cli.waiting import Wait, Within, wait_until_enforced

NOTHING = "Nothing is to be changed."
commands = typer.Typer()

Files = Annotated[
    list[str],
    Option("-f", "--file", metavar="FILE", help="YAML; a directory of such files; - for standard input. Repeatable."),
]
Prune = Annotated[bool, Option("--prune", help="Delete the APIs and aliases of the organization that no file has.")]


@commands.command(
    "apply",
    epilog=ending(
        "holdfast apply -f holdfast/",
        "holdfast apply -f holdfast/ --prune --yes --wait",
        "holdfast apply -f - --yes < holdfast.yaml",
        codes=WAITING,
    ),
)
def apply_files(
    file: Files,
    prune: Prune = False,
    yes: Yes = False,
    wait: Wait = False,
    within: Within = 30.0,
    as_json: AsJson = False,
) -> None:
    """
    Make APIs, endpoint certificates and trust settings what files want them to be.

    What will change is shown first, and asked about unless --yes is given. Applying the same again changes nothing.
    """
    if "-" in file and not yes:
        raise Misused("Standard input holds the file, so nobody can answer there. Add --yes.")
    wanted = read_wanted(file)
    with connect() as client:
        steps = _compare(client, wanted, prune=prune)
        if steps:
            if not (as_json and yes):
                say_steps(steps, tell if as_json else say)
            confirm(f"Make {_count(steps)}{_deletions(steps)}?", yes=yes)
            apply_steps(client, steps)
            _tell_unused(client, steps)
        if wait:
            _wait(client, wanted, within)
    if as_json:
        write_json(described(steps))
    else:
        say(f"Made {_count(steps)}." if steps else NOTHING)


@commands.command(
    "diff",
    epilog=ending(
        "holdfast diff -f holdfast/", "holdfast diff -f holdfast/ --prune --json", codes=(*CLIENT, ExitCode.DIFFERENT)
    ),
)
def compare_files(file: Files, prune: Prune = False, as_json: AsJson = False) -> None:
    """
    Show what apply would change.
    """
    wanted = read_wanted(file)
    with connect() as client:
        steps = _compare(client, wanted, prune=prune)
    if as_json:
        write_json(described(steps))
    elif steps:
        say_steps(steps, say)
    else:
        say(NOTHING)
    if steps:
        raise typer.Exit(int(ExitCode.DIFFERENT))


@commands.command(
    "export",
    epilog=ending("holdfast export -o holdfast/", "holdfast export > holdfast.yaml"),
)
def export_files(
    output: Annotated[
        Path | None,
        Option("-o", "--output", metavar="FILE|DIR", help="A .yaml file, or a directory for all the files."),
    ] = None,
) -> None:
    """Write all APIs, endpoint certificates and trust settings as the YAML that apply reads."""
    with connect() as client:
        if output is None:
            typer.echo(export(client, None), nl=False)
        else:
            tell(f"Wrote {write_export(client, output)}.")


def _compare(client: Client, wanted: Wanted, *, prune: bool) -> list[Step]:
    return plan(wanted, read_existing(client, wanted), datetime.now(UTC), prune=prune)


def _wait(client: Client, wanted: Wanted, within: float) -> None:
    end = time.monotonic() + within
    origins = {certificate.origin for certificate in wanted.certificates.values()} | wanted.trust.keys()
    origins |= {origin for api in wanted.apis.values() for origin in api.origins if origin.startswith("https:")}
    for origin in counted(sorted(origins), "Waiting for gateways"):
        left = max(end - time.monotonic(), 0.0)
        wait_until_enforced(partial(client.get, SETTINGS, endpoint=origin), left, also_unserved=True)


def _tell_unused(client: Client, steps: list[Step]) -> None:
    if not any(step.kind == "api" and step.action in {Action.CHANGE, Action.DELETE} for step in steps):
        return
    aliases = [each["alias"] for each in client.listed(CERTIFICATES, "certificates", unused="true")]
    if aliases:
        tell(
            f"No API uses these certificates, which are still trusted: {', '.join(aliases)}. "
            "Delete them with `holdfast certificate delete`."
        )


def _count(steps: list[Step]) -> str:
    return f"{len(steps)} change{'' if len(steps) == 1 else 's'}"


def _deletions(steps: list[Step]) -> str:
    count = sum(step.action is Action.DELETE for step in steps)
    return f", {count} of them {'a deletion' if count == 1 else 'deletions'}" if count else ""
