"""
`holdfast revision`: create, deploy and restore revisions of an API.
"""

from typing import Annotated, Any

import typer
from typer import Argument, Option

from holdfast.cli.catalog.apis import ApiReference, build_api_path, find_api, write_title
from holdfast.cli.failures import InvalidUsage
from holdfast.cli.requests.client import Client, connect, encode_segment
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.listing import Listing, Output, write_listing
from holdfast.cli.terminal.output import AsJson, Yes, confirm, format_date, say

commands = typer.Typer(no_args_is_help=True)

Number = Annotated[int, Argument(metavar="NUMBER", help="Number of the revision.")]
Groups = Annotated[
    list[str] | None,
    Option("--environment", metavar="NAME", help="Gateway environment; by default, Default. Repeatable."),
]


@commands.command(
    "list", epilog=write_ending("holdfast revision list Pizza", "holdfast revision list Pizza:1.0.0 --json")
)
def list_revisions(reference: ApiReference, output: Output = None, as_json: AsJson = False) -> None:
    """List the revisions of an API, and where each is deployed."""
    with connect() as client:
        answer = client.get(f"{build_api_path(find_api(client, reference))}/revisions")
    rows = [
        (
            revision["displayName"],
            ", ".join(deployment["name"] for deployment in revision["deploymentInfo"]),
            revision["description"],
            revision["createdBy"],
            format_date(revision["createdTime"]),
        )
        for revision in answer["list"]
    ]
    columns = ["REVISION", "DEPLOYED TO", "DESCRIPTION", "CREATED BY", "CREATED"]
    names = [revision["displayName"].rpartition(" ")[2] for revision in answer["list"]]
    write_listing(Listing(answer, columns, rows, names, "No revisions."), output, as_json)


@commands.command("create", epilog=write_ending('holdfast revision create Pizza --description "new backend"'))
def create_revision(
    reference: ApiReference, description: Annotated[str, Option(metavar="TEXT", help="What is new.")] = ""
) -> None:
    """Create a revision: a copy of the API as it is now."""
    with connect() as client:
        api = find_api(client, reference)
        revision = client.call("POST", f"{build_api_path(api)}/revisions", json={"description": description})
    say(f"Created {revision['displayName']} of {write_title(api)}.")


@commands.command(
    "deploy",
    epilog=write_ending("holdfast revision deploy Pizza 2", "holdfast revision deploy Pizza 2 --environment eu"),
)
def deploy_revision(reference: ApiReference, number: Number, environments: Groups = None) -> None:
    """Let gateways serve a revision instead of what they served before."""
    api, groups, _ = _send(reference, number, environments, "deploy-revision")
    say(f"Deployed revision {number} of {write_title(api)} to {', '.join(groups)}.")


@commands.command(
    "undeploy",
    epilog=write_ending("holdfast revision undeploy Pizza 2", "holdfast revision undeploy Pizza 2 --environment eu"),
)
def undeploy_revision(reference: ApiReference, number: Number, environments: Groups = None) -> None:
    """Stop serving a revision."""
    api, groups, before = _send(reference, number, environments, "undeploy-revision")
    if before.isdisjoint(groups):
        say(f"Nothing changed: {', '.join(groups)} didn't serve revision {number} of {write_title(api)}.")
        return
    groups = [group for group in groups if group in before]
    say(f"Undeployed revision {number} of {write_title(api)} from {', '.join(groups)}.")


@commands.command("restore", epilog=write_ending("holdfast revision restore Pizza 1 --yes"))
def restore_revision(reference: ApiReference, number: Number, yes: Yes = False) -> None:
    """Replace the working copy of an API with a revision."""
    with connect() as client:
        api = find_api(client, reference)
        revision = _find(client, api, number)
        confirm(f"Replace the working copy of {write_title(api)} with {revision['displayName']}?", yes=yes)
        client.call("POST", f"{build_api_path(api)}/restore-revision", params={"revisionId": revision["id"]})
    say(f"Restored revision {number} of {write_title(api)}.")


@commands.command("delete", epilog=write_ending("holdfast revision delete Pizza 1 --yes"))
def delete_revision(reference: ApiReference, number: Number, yes: Yes = False) -> None:
    """Delete a revision that isn't deployed."""
    with connect() as client:
        api = find_api(client, reference)
        revision = _find(client, api, number)
        confirm(f"Delete {revision['displayName']} of {write_title(api)}?", yes=yes)
        client.call("DELETE", f"{build_api_path(api)}/revisions/{encode_segment(revision['id'])}")
    say(f"Deleted revision {number} of {write_title(api)}.")


def _send(
    reference: str, number: int, environments: list[str] | None, operation: str
) -> tuple[dict[str, Any], list[str], set[str]]:
    """Call an operation with a revision and environments; return the API, these, and those that served it before."""
    groups = environments or ["Default"]
    with connect() as client:
        api = find_api(client, reference)
        revision = _find(client, api, number)
        client.answer(
            "POST",
            f"{build_api_path(api)}/{operation}",
            params={"revisionId": revision["id"]},
            json=[{"name": group} for group in groups],
        )
    return api, groups, {deployment["name"] for deployment in revision["deploymentInfo"]}


def _find(client: Client, api: dict[str, Any], number: int) -> dict[str, Any]:
    """Return the revision of an API with this number. Raises InvalidUsage if there is none."""
    for candidate in client.get(f"{build_api_path(api)}/revisions")["list"]:
        if candidate["displayName"].rpartition(" ")[2] == str(number):
            revision: dict[str, Any] = candidate
            return revision
    raise InvalidUsage(f"{write_title(api)} has no revision {number}. Run `holdfast revision list` to see all.")
