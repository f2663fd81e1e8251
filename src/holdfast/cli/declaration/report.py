"""
Describes plans and their outcome as text and JSON.
"""

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from holdfast.cli.declaration.execution import ApplyOutcome, StepResult
from holdfast.cli.declaration.steps import CertificateStep, ChangeKind, Detail, Plan, Step, TrustStep
from holdfast.cli.declaration.wording import show_text, show_value
from holdfast.cli.terminal.output import format_date

MAX_NAMED = 20  # steps listed in a message
_WIDE = 10_000  # columns if no terminal wraps lines
_MARKS = {ChangeKind.CREATE: "+", ChangeKind.DELETE: "-"}
_CHANGED = "~"


def say_plan(plan: Plan, say: Callable[[str], None]) -> None:
    """Print the changes, the certificates that become trusted or untrusted, and notes."""
    width = _find_width()
    for step in plan.steps:
        say(_wrap(f"{_MARKS.get(step.action, _CHANGED)} {step.action} {step.kind} {step.name}", "  ", width))
        for line in _write_lines(step):
            say(_wrap(f"    {line}", "      ", width))
    for note in (*map(_write_exception, plan.exceptions), *plan.notes):
        say(_wrap(f"! {note}", "  ", width))


def describe_plan(plan: Plan, outcome: ApplyOutcome | None = None) -> dict[str, Any]:
    """Return the changes as JSON; with *outcome*, including the result of each, and the error that stopped it."""
    results = outcome.results if outcome else [None] * len(plan.steps)
    body: dict[str, Any] = {
        "count": len(plan.steps),
        "changes": [_describe_step(step, result) for step, result in zip(plan.steps, results, strict=True)],
        "verificationOff": list(plan.exceptions),
        "notes": list(plan.notes),
    }
    if outcome and outcome.failure:
        body["error"] = {"exitCode": int(outcome.failure.code), "message": str(outcome.failure)}
    return body


def explain_outcome(outcome: ApplyOutcome) -> str:
    """Describe why it stopped, which steps were applied, and which were not."""
    failure, number = str(outcome.failure), outcome.done
    if outcome.last is not StepResult.NOT_TRIED and number < len(outcome.steps):
        failure = f"{write_title(outcome.steps[number])}: {failure}"
    done, rest = outcome.steps[:number], outcome.steps[number:]
    if not rest:
        return f"{failure}\nAll of {_write_count(number)} applied." if done else failure
    lines = [
        failure,
        f"{number} of {_write_count(len(outcome.steps))} applied{':' if done else '.'}",
        *_list_steps(done),
    ]
    lines += ["Not applied:", *_list_steps(rest, outcome.results[number:])]
    return "\n".join([*lines, "Applied changes stay. To continue, apply again."])


def _describe_step(step: Step, result: StepResult | None) -> dict[str, Any]:
    description: dict[str, Any] = {
        "action": step.action.value,
        "kind": step.kind,
        "name": step.name,
        "details": [{"field": detail.field, "before": detail.before, "after": detail.after} for detail in step.details],
    }
    if isinstance(step, CertificateStep):
        for name, certificates in (("trusts", step.gains), ("keeps", step.keeps), ("loses", step.loses)):
            description[name] = [certificate.members for certificate in certificates]
    return description | ({"result": result.value} if result else {})


def _write_lines(step: Step) -> Iterator[str]:
    for detail in step.details:
        if isinstance(step, CertificateStep) and detail.field != "endpoint":
            continue  # described below
        yield f"{detail.field}: {_describe_change(step, detail)}"
    if isinstance(step, CertificateStep):
        yield from (f"trusts: {certificate}" for certificate in step.gains)
        yield from (f"keeps as previous: {certificate}" for certificate in step.keeps)
        yield from (f"no longer trusts: {certificate}" for certificate in step.loses)


def _describe_change(step: Step, detail: Detail) -> str:
    if step.action is ChangeKind.DELETE:
        return show_value(detail.before)
    if step.action is ChangeKind.CREATE or (isinstance(step, TrustStep) and step.existing is None):
        return show_value(detail.after)
    return f"{show_value(detail.before)} -> {show_value(detail.after)}"


def _write_exception(exception: dict[str, Any]) -> str:
    until = format_date(exception["until"])
    return (
        f"Verification is off for {exception['origin']} until {until} UTC. Reason ({exception['owner']}): "
        f"{show_text(exception['reason'])}"
    )


def _list_steps(steps: Sequence[Step], results: Iterable[StepResult] = ()) -> list[str]:
    outcomes = list(results)
    lines = [
        f"  {write_title(step)}{f' ({outcomes[n]})' if outcomes else ''}" for n, step in enumerate(steps[:MAX_NAMED])
    ]
    return [*lines, *([f"  and {len(steps) - MAX_NAMED} more"] if len(steps) > MAX_NAMED else [])]


def write_title(step: Step) -> str:
    """Return what a step does to what."""
    return f"{step.action} {step.kind} {step.name}"


def _write_count(number: int) -> str:
    return f"{number} change{'' if number == 1 else 's'}"


def _find_width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDE


def _wrap(line: str, indent: str, width: int) -> str:
    if len(line) <= width:
        return line
    # A word that is split can't be copied.
    return textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
