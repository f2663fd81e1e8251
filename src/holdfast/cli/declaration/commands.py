"""
`holdfast apply`, `diff` and `export`.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from holdfast.cli.declaration.current_state import read_current_state
from holdfast.cli.declaration.desired_state import DesiredState
from holdfast.cli.declaration.execution import ApplyOutcome, apply_steps
from holdfast.cli.declaration.export import export, write_export
from holdfast.cli.declaration.plan import plan
from holdfast.cli.declaration.reader import read_desired_state
from holdfast.cli.declaration.report import describe_plan, explain_outcome, say_plan
from holdfast.cli.declaration.steps import ChangeKind, Plan, Step
from holdfast.cli.exit_codes import CLIENT, WAITING, ExitCode
from holdfast.cli.failures import CommandFailed, Interrupted, Misused
from holdfast.cli.requests.client import Client, connect
from holdfast.cli.requests.enforcement import Wait, Within, wait_until_enforced
from holdfast.cli.terminal.help import ending
from holdfast.cli.terminal.output import AsJson, Yes, confirm, say, tell, write_json
from holdfast.cli.terminal.progress import counted
from holdfast.cli.trust.certificates import PATH as CERTIFICATES
from holdfast.cli.trust.trust_settings import SETTINGS

NOTHING = "No changes."
commands = typer.Typer()

Files = Annotated[
    list[str],
    Option(
        "-f", "--file", metavar="FILE", help="YAML file, directory of YAML files, or - for standard input. Repeatable."
    ),
]
Prune = Annotated[bool, Option("--prune", help="Delete APIs and aliases that aren't in any file.")]


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
    Apply files with APIs, endpoint certificates and trust settings to the organization.

    Shows the changes and asks for confirmation, unless you use --yes. Applying the same files again changes nothing.
    """
    if "-" in file and not yes:
        raise Misused("Standard input is the file, so it can't be used to confirm. Add --yes.")
    wanted = read_desired_state(file)
    with connect() as client:
        plan = _compare(client, wanted, prune=prune)
        if not (as_json and yes):
            say_plan(plan, tell if as_json else say)
        if plan.steps:
            try:
                confirm(f"Apply {_count(plan.steps)}{_deletions(plan.steps)}?", yes=yes)
            except KeyboardInterrupt as error:
                raise Interrupted("Interrupted. Nothing was changed.") from error
        outcome = apply_steps(client, plan.steps)
        try:
            if not outcome.failure:
                _finish(client, wanted, plan.steps, within if wait else None)
        except (CommandFailed, KeyboardInterrupt) as error:
            outcome.failure = error if isinstance(error, CommandFailed) else Interrupted("Interrupted.")
    if as_json:
        write_json(describe_plan(plan, outcome))
    if outcome.failure:
        raise _failure_of(outcome) from outcome.failure
    if not as_json:
        say(f"Applied {_count(plan.steps)}." if plan.steps else NOTHING)


@commands.command(
    "diff",
    epilog=ending(
        "holdfast diff -f holdfast/", "holdfast diff -f holdfast/ --prune --json", codes=(*CLIENT, ExitCode.DIFFERENT)
    ),
)
def compare_files(file: Files, prune: Prune = False, as_json: AsJson = False) -> None:
    """Show what apply would change."""
    wanted = read_desired_state(file)
    with connect() as client:
        plan = _compare(client, wanted, prune=prune)
    if as_json:
        write_json(describe_plan(plan))
    else:
        if not plan.steps:
            say(NOTHING)
        say_plan(plan, say)
    if plan.steps:
        raise typer.Exit(int(ExitCode.DIFFERENT))


@commands.command(
    "export",
    epilog=ending("holdfast export -o holdfast/", "holdfast export > holdfast.yaml"),
)
def export_files(
    output: Annotated[
        Path | None,
        Option(
            "-o",
            "--output",
            metavar="FILE|DIR",
            help="YAML file, or directory for several files [default: standard output].",
        ),
    ] = None,
) -> None:
    """Export all APIs, endpoint certificates and trust settings as YAML for apply."""
    with connect() as client:
        if output is None:
            typer.echo(export(client, None).encode(), nl=False)  # UTF-8, which apply expects
        else:
            tell(f"Wrote {write_export(client, output)}.")


def _compare(client: Client, wanted: DesiredState, *, prune: bool) -> Plan:
    return plan(wanted, read_current_state(client, wanted, prune=prune), datetime.now(UTC), prune=prune)


def _failure_of(outcome: ApplyOutcome) -> CommandFailed:
    """Return the failure, with the steps that were applied."""
    failure = CommandFailed(explain_outcome(outcome))
    failure.code = outcome.failure.code if outcome.failure else failure.code
    return failure


def _finish(client: Client, wanted: DesiredState, steps: Sequence[Step], within: float | None) -> None:
    """Report unused trust; wait up to *within* seconds until everything is enforced (None: don't wait)."""
    _tell_unused(client, steps)
    if within is not None:
        _wait(client, wanted, within)


def _wait(client: Client, wanted: DesiredState, within: float) -> None:
    end = time.monotonic() + within
    origins = {certificate.origin for certificate in wanted.certificates.values()} | wanted.trust.keys()
    origins |= {origin for api in wanted.apis.values() for origin in api.origins if origin.startswith("https:")}
    for origin in counted(sorted(origins), "Waiting for gateways"):
        left = max(end - time.monotonic(), 0.0)
        wait_until_enforced(partial(client.get, SETTINGS, endpoint=origin), left, also_unserved=True)


def _tell_unused(client: Client, steps: Sequence[Step]) -> None:
    if not any(step.kind == "api" and step.action in {ChangeKind.CHANGE, ChangeKind.DELETE} for step in steps):
        return
    aliases = [entry["alias"] for entry in client.listed(CERTIFICATES, "certificates", unused="true")]
    if aliases:
        tell(
            f"No API uses these certificates, but they stay trusted: {', '.join(aliases)}. "
            "Delete them with `holdfast certificate delete`."
        )


def _count(steps: Sequence[Step]) -> str:
    return f"{len(steps)} change{'' if len(steps) == 1 else 's'}"


def _deletions(steps: Sequence[Step]) -> str:
    count = sum(step.action is ChangeKind.DELETE for step in steps)
    return f", including {count} deletion{'' if count == 1 else 's'}" if count else ""
