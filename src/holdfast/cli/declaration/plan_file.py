"""
Plan files: what `diff` showed, so that `apply` makes exactly these changes or none.

A plan file contains no configuration. `apply` reads the files again and compares the plan that follows from them, so an
edited plan file can't smuggle in a change, and it contains no keys.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.cli.declaration.documents import INPUT, MAX_FILE
from holdfast.cli.declaration.inputs import Inputs
from holdfast.cli.declaration.report import describe_plan, write_title
from holdfast.cli.declaration.steps import Plan, Step, TrustStep
from holdfast.cli.declaration.wording import show_value
from holdfast.cli.exit_codes import ExitCode
from holdfast.cli.failures import CommandFailed, InvalidUsage, WrongFile
from holdfast.cli.requests.client import Client
from holdfast.cli.terminal.files import read_file, write_file

VERSION = 1
MAX_SHOWN = 30  # differences in a message


class StalePlan(CommandFailed):
    """Something has changed since the plan was made; the text says what."""

    code = ExitCode.STALE

    def __init__(self, differences: list[str]) -> None:
        more = len(differences) - MAX_SHOWN
        lines = [*differences[:MAX_SHOWN], *([f"and {more} more"] if more > 0 else [])]
        text = "\n".join(f"  {line}" for line in lines)
        super().__init__(f"The plan is stale. Nothing was changed.\n{text}\nRun `holdfast diff --out PLAN` again.")


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """
    The content of a plan file.

    *publisher* and *organization* are where it applies. *digests* are the SHA-256 of files by name. *changes* describe
    the steps as JSON, and *versions* are the entity tags of the objects that they change, by their titles.
    """

    publisher: str
    organization: str
    inputs: Inputs
    prune: bool
    digests: Mapping[str, str]
    changes: list[dict[str, Any]]
    versions: Mapping[str, str]


def save_plan(path: Path, plan: Plan, client: Client, inputs: Inputs, digests: Mapping[str, str], **more: Any) -> None:
    """Write a plan file; *more* are the members `prune` and `created`. Raises InvalidUsage, CommandFailed."""
    if INPUT in (*inputs.files, *inputs.overlays):
        raise InvalidUsage("Standard input can't be read again to apply a plan. Name files.")
    body = {
        "holdfastPlan": VERSION,
        "publisher": client.url,
        "organization": find_organization(client),
        "files": list(inputs.files),
        "overlays": list(inputs.overlays),
        "label": inputs.label,
        "digests": dict(digests),
        "versions": _find_versions(plan),
        **more,
        **describe_plan(plan),
    }
    write_file(path, f"{json.dumps(body, indent=2)}\n".encode())


def read_plan(path: str) -> SavedPlan:
    """Read a plan file. Raises WrongFile."""
    if Path(path).is_dir():
        raise WrongFile(f"{path} is a directory, not a plan. To apply its files, use `-f {path}`.")
    try:
        body = json.loads(read_file(Path(path), MAX_FILE))
        if body["holdfastPlan"] != VERSION:
            raise WrongFile(f"{path} is a plan of another version of Holdfast. Run `holdfast diff --out PLAN` again.")
        inputs = Inputs(_read_texts(body["files"]), _read_texts(body["overlays"]), str(body["label"]))
        changes = [dict(change) for change in body["changes"]]
        if not all(isinstance(change.get(name), str) for change in changes for name in ("action", "kind", "name")):
            raise TypeError
        return SavedPlan(
            str(body["publisher"]),
            str(body["organization"]),
            inputs,
            body["prune"] is True,
            dict(body["digests"]),
            changes,
            dict(body["versions"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WrongFile(
            f"{path} isn't a plan. Create one with `holdfast diff --out PLAN`, or apply the file itself: `-f {path}`."
        ) from error


def refuse_elsewhere(saved_plan: SavedPlan, client: Client) -> None:
    """Refuse a plan for another publisher or organization. Raises CommandFailed."""
    organization = find_organization(client)
    if (saved_plan.publisher, saved_plan.organization) != (client.url, organization):
        raise CommandFailed(
            f"The plan is for organization {saved_plan.organization} at {saved_plan.publisher}, but you are signed in "
            f"to {organization} at {client.url}. Nothing was changed."
        )


def refuse_stale(saved_plan: SavedPlan, plan: Plan, digests: Mapping[str, str]) -> None:
    """Refuse *saved_plan* if *plan*, which follows from the files and the publisher now, differs. Raises StalePlan."""
    if differences := [*_compare_files(saved_plan.digests, digests), *_compare_steps(saved_plan, plan)]:
        raise StalePlan(differences)


def refuse_changed_files(saved_plan: SavedPlan, digests: Mapping[str, str]) -> None:
    """Refuse *saved_plan* if files have changed, before anything is read from the publisher. Raises StalePlan."""
    if differences := list(_compare_files(saved_plan.digests, digests)):
        raise StalePlan(differences)


def find_organization(client: Client) -> str:
    """Return the organization of the signed-in user."""
    return str(client.get("/account")["organization"])


def _compare_files(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield f"{name}: the plan used this file, and it is no longer used"
        elif name not in before:
            yield f"{name}: this file is new"
        elif before[name] != after[name]:
            yield f"{name}: this file has changed"


def _compare_steps(saved_plan: SavedPlan, plan: Plan) -> Iterator[str]:
    descriptions = describe_plan(plan)["changes"]
    before, after = (
        {_write_name(change): change for change in changes} for changes in (saved_plan.changes, descriptions)
    )
    for name in before.keys() - after.keys():
        yield f"{name}: no longer needed, because it was already changed"
    for name in after.keys() - before.keys():
        yield f"{name}: not in the plan"
    versions = _find_versions(plan)
    for name in before.keys() & after.keys():
        if differences := list(_list_differences(before[name], after[name])):
            yield f"{name}: {'; '.join(differences)}"
        elif saved_plan.versions.get(name) != versions.get(name):
            yield f"{name}: someone else has changed it"
    if list(before) != list(after) and before.keys() == after.keys():
        yield "the order of the changes is different"


def _list_differences(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    details_before, details_after = (
        {detail["field"]: detail for detail in change.get("details", ())} for change in (before, after)
    )
    for field in sorted(details_before.keys() | details_after.keys()):
        old, new = details_before.get(field), details_after.get(field)
        if old != new:
            yield f"{field} is {_describe_change(new)}, and the plan says {_describe_change(old)}"
    lists = ("trusts", "keeps", "loses")
    if any(before.get(name) != after.get(name) for name in lists) and details_before == details_after:
        yield "other certificates are trusted"


def _describe_change(detail: dict[str, Any] | None) -> str:
    return f"{show_value(detail['before'])} -> {show_value(detail['after'])}" if detail else "unchanged"


def _find_versions(plan: Plan) -> dict[str, str]:
    return {write_title(step): tag for step in plan.steps if (tag := _find_tag(step))}


def _find_tag(step: Step) -> str:
    existing = step.existing
    # The settings of an origin include its exception, which expires without a change by the user.
    return existing.tag if existing and not isinstance(step, TrustStep) else ""


def _write_name(change: dict[str, Any]) -> str:
    return f"{change['action']} {change['kind']} {change['name']}"


def _read_texts(values: Any) -> tuple[str, ...]:
    return tuple(str(value) for value in values)
