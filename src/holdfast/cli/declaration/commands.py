"""
`holdfast apply` and `diff`.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from holdfast.cli.declaration.current_state import read_current_state
from holdfast.cli.declaration.desired_state import DesiredState
from holdfast.cli.declaration.execution import ApplyOutcome, apply_plan
from holdfast.cli.declaration.inputs import Files, Inputs, Label, OptionalFiles, Overlays, Prune, Variables
from holdfast.cli.declaration.plan import plan
from holdfast.cli.declaration.plan_file import (
    read_plan,
    refuse_changed_files,
    refuse_elsewhere,
    refuse_stale,
    save_plan,
)
from holdfast.cli.declaration.report import describe_plan, explain_outcome, say_plan
from holdfast.cli.declaration.steps import ChangeKind, Plan, Step
from holdfast.cli.exit_codes import CLIENT, WAITING, ExitCode
from holdfast.cli.failures import CommandFailed, CommandInterrupted, InvalidUsage
from holdfast.cli.requests.client import Client, connect
from holdfast.cli.requests.enforcement import Wait, Within, wait_until_enforced
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.output import AsJson, Yes, confirm, say, tell, write_json
from holdfast.cli.terminal.progress import show_progress
from holdfast.cli.trust.certificates import PATH as CERTIFICATES
from holdfast.cli.trust.trust_settings import SETTINGS

NOTHING = "No changes."
commands = typer.Typer()


@commands.command(
    "apply",
    epilog=write_ending(
        "holdfast apply -f holdfast/",
        "holdfast apply -f holdfast/ --overlay production.yaml --prune --yes --wait",
        "holdfast apply plan.json --wait",
        codes=(*WAITING, ExitCode.STALE),
    ),
)
def apply_files(
    plan: Annotated[str | None, Argument(metavar="PLAN", help="Plan of `diff --out`, instead of files.")] = None,
    file: OptionalFiles = None,
    overlay: Overlays = None,
    var: Variables = None,
    label: Label = "",
    prune: Prune = False,
    yes: Yes = False,
    wait: Wait = False,
    within: Within = 30.0,
    as_json: AsJson = False,
) -> None:
    """
    Apply files with APIs, endpoint certificates, trust settings and gateway identities to the organization.

    Shows the changes and asks for confirmation, unless you use --yes or apply a plan. Applying the same files again
    changes nothing. A plan is applied only if files and publisher are still as they were.
    """
    if (plan is None) == (not file):
        raise InvalidUsage("Name either a plan or files (-f FILE).")
    if plan is not None and (overlay or label or prune):
        raise InvalidUsage("The plan decides overlays, label and --prune. Leave these options out.")
    if "-" in (file or ()) and not yes:
        raise InvalidUsage("Standard input is the file, so it can't be used to confirm. Add --yes.")
    saved_plan = read_plan(plan) if plan is not None else None
    inputs = saved_plan.inputs if saved_plan else Inputs(tuple(file or ()), tuple(overlay or ()), label)
    goal = inputs.read(var)
    if saved_plan:
        refuse_changed_files(saved_plan, goal.files)
    with connect() as client:
        if saved_plan:
            refuse_elsewhere(saved_plan, client)
        current = _compare(client, goal, prune=saved_plan.prune if saved_plan else prune)
        if saved_plan:
            refuse_stale(saved_plan, current, goal.files)
        if not (as_json and (yes or saved_plan)):
            say_plan(current, tell if as_json else say)
        outcome = _apply(client, goal, current, yes=yes or saved_plan is not None, within=within if wait else None)
    if as_json:
        write_json(describe_plan(current, outcome))
    if outcome.failure:
        raise _explain_failure(outcome) from outcome.failure
    if not as_json:
        say(f"Applied {_write_count(current.steps)}." if current.steps else NOTHING)


@commands.command(
    "diff",
    epilog=write_ending(
        "holdfast diff -f holdfast/",
        "holdfast diff -f holdfast/ --prune --json",
        "holdfast diff -f holdfast/ --out plan.json",
        codes=(*CLIENT, ExitCode.DIFFERENT),
    ),
)
def compare_files(
    file: Files,
    overlay: Overlays = None,
    var: Variables = None,
    label: Label = "",
    prune: Prune = False,
    out: Annotated[Path | None, Option("--out", metavar="PLAN", help="Write a plan for apply to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what apply would change."""
    inputs = Inputs(tuple(file), tuple(overlay or ()), label)
    goal = inputs.read(var)
    now = datetime.now(UTC)
    with connect() as client:
        plan = _compare(client, goal, prune=prune)
        if out is not None:
            save_plan(out, plan, client, inputs, goal.files, prune=prune, created=now.isoformat())
    if as_json:
        write_json(describe_plan(plan))
    else:
        if not plan.steps:
            say(NOTHING)
        say_plan(plan, say)
    if plan.steps:
        raise typer.Exit(int(ExitCode.DIFFERENT))


def _apply(client: Client, goal: DesiredState, plan: Plan, *, yes: bool, within: float | None) -> ApplyOutcome:
    """Confirm and apply *plan*, then wait up to *within* seconds until it is enforced (None: don't wait)."""
    if plan.steps:
        try:
            confirm(f"Apply {_write_count(plan.steps)}{_list_deletions(plan.steps)}?", yes=yes)
        except KeyboardInterrupt as error:
            raise CommandInterrupted("Interrupted. Nothing was changed.") from error
    outcome = apply_plan(client, plan)
    try:
        if not outcome.failure:
            _finish(client, goal, plan.steps, within)
    except (CommandFailed, KeyboardInterrupt) as error:
        outcome.failure = error if isinstance(error, CommandFailed) else CommandInterrupted("Interrupted.")
    return outcome


def _compare(client: Client, goal: DesiredState, *, prune: bool) -> Plan:
    return plan(goal, read_current_state(client, goal, prune=prune), datetime.now(UTC), prune=prune)


def _explain_failure(outcome: ApplyOutcome) -> CommandFailed:
    """Return the failure, with the steps that were applied."""
    failure = CommandFailed(explain_outcome(outcome))
    failure.code = outcome.failure.code if outcome.failure else failure.code
    return failure


def _finish(client: Client, goal: DesiredState, steps: Sequence[Step], within: float | None) -> None:
    """Report unused trust; wait up to *within* seconds until everything is enforced (None: don't wait)."""
    _tell_unused(client, steps)
    if within is not None:
        _wait(client, goal, within)


def _wait(client: Client, goal: DesiredState, within: float) -> None:
    end = time.monotonic() + within
    origins = {certificate.origin for certificate in goal.certificates.values()} | goal.trust.keys()
    origins |= {origin for api in goal.apis.values() for origin in api.origins if origin.startswith("https:")}
    for origin in show_progress(sorted(origins), "Waiting for gateways"):
        seconds = max(end - time.monotonic(), 0.0)
        wait_until_enforced(partial(client.get, SETTINGS, endpoint=origin), seconds, also_unserved=True)


def _tell_unused(client: Client, steps: Sequence[Step]) -> None:
    if not any(step.kind == "api" and step.action in {ChangeKind.CHANGE, ChangeKind.DELETE} for step in steps):
        return
    aliases = [entry["alias"] for entry in client.list_entries(CERTIFICATES, "certificates", unused="true")]
    if aliases:
        tell(
            f"No API uses these certificates, but they stay trusted: {', '.join(aliases)}. "
            "Delete them with `holdfast certificate delete`."
        )


def _write_count(steps: Sequence[Step]) -> str:
    return f"{len(steps)} change{'' if len(steps) == 1 else 's'}"


def _list_deletions(steps: Sequence[Step]) -> str:
    count = sum(step.action is ChangeKind.DELETE for step in steps)
    return f", including {count} deletion{'' if count == 1 else 's'}" if count else ""
