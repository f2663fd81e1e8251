"""
The commands of `holdfast api` that change an API or its lifecycle state.
"""

from typing import Annotated, Any

import typer
from typer import Option

from holdfast.cli.catalog.apis import (
    ApiReference,
    Environments,
    OpenApi,
    build_api_path,
    build_endpoint_config,
    change_lifecycle,
    find_api,
    find_endpoint_url,
    read_definition,
    write_api,
    write_title,
)
from holdfast.cli.exit_codes import WAITING
from holdfast.cli.failures import InvalidUsage
from holdfast.cli.requests import completion
from holdfast.cli.requests.client import Client, connect
from holdfast.cli.requests.enforcement import Wait, Within, describe_enforcement, write_when_settled
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.output import AsJson, Yes, confirm, say, tell

ENFORCEMENT = "/gateways/enforcement"
commands = typer.Typer()

Url = Annotated[
    str | None,
    Option(metavar="URL", help="New backend URL, or none to remove it.", autocompletion=completion.complete_endpoints),
]
DeleteUnused = Annotated[bool, Option("--delete-unused-certificates", help="Also delete trust that no other API uses.")]


@commands.command(
    "set",
    epilog=write_ending(
        "holdfast api set Pizza --production https://backend2.example:8443",
        'holdfast api set Pizza:1.0.0 --sandbox none --description "Pizzas to order"',
        "holdfast api set Pizza --environment Default --environment eu",
        "holdfast api set Pizza --openapi pizza.yaml",
    ),
)
def set_api(
    reference: ApiReference,
    production: Url = None,
    sandbox: Url = None,
    description: Annotated[str | None, Option(metavar="TEXT", help="New description.")] = None,
    tags: Annotated[
        list[str] | None,
        Option("--tag", metavar="TAG", help="Replace the tags, or none to remove them. Repeatable."),
    ] = None,
    environments: Environments = None,
    openapi: OpenApi = None,
    delete_unused: DeleteUnused = False,
    as_json: AsJson = False,
) -> None:
    """
    Change an API. Settings without an option stay as they are; name, context and version can't be changed.

    The change is rejected if someone else changes the API at the same time.
    """
    changes: dict[str, Any] = {} if description is None else {"description": description}
    if tags:
        changes["tags"] = [] if tags == ["none"] else tags
    if environments:
        changes["gatewayEnvironments"] = environments
    definition = read_definition(openapi) if openapi else None
    urls = {"production": production, "sandbox": sandbox}
    if not changes and not openapi and production is None and sandbox is None:
        raise InvalidUsage("Nothing to change. Add an option such as --description TEXT; see --help.")
    with connect() as client:
        api, tag = client.read(build_api_path(find_api(client, reference)))
        if production is not None or sandbox is not None:
            urls_after = {
                environment: find_endpoint_url(api, environment) if url is None else url
                for environment, url in urls.items()
            }
            backends = {environment: None if url == "none" else url for environment, url in urls_after.items()}
            changes["endpointConfig"] = build_endpoint_config(api.get("endpointConfig") or {}, **backends)
        query = {"deleteUnusedCertificates": "true"} if delete_unused else {}
        after = client.call("PUT", build_api_path(api), json=changes, params=query, headers={"If-Match": tag})
        if definition is not None:
            answer = client.call("PUT", f"{build_api_path(api)}/swagger", files={"file": ("definition", definition)})
            for part in answer.get("x-holdfast-unused", []):
                tell(f"Not used: {part['what']}. {part['why']}")
    write_api(after, f"Changed {write_title(after)}.", as_json)
    if not as_json:
        _say_left(after)


@commands.command(
    "publish", epilog=write_ending("holdfast api publish Pizza", "holdfast api publish Pizza --wait", codes=WAITING)
)
def publish_api(reference: ApiReference, wait: Wait = False, within: Within = 30.0, as_json: AsJson = False) -> None:
    """Publish an API."""
    _move(reference, "Publish", wait=wait, within=within, as_json=as_json)


@commands.command(
    "prototype",
    epilog=write_ending("holdfast api prototype Pizza", "holdfast api prototype Pizza --wait", codes=WAITING),
)
def deploy_prototype(
    reference: ApiReference, wait: Wait = False, within: Within = 30.0, as_json: AsJson = False
) -> None:
    """Deploy an API as a prototype: gateways serve it, and it isn't published yet."""
    _move(reference, "Deploy as a Prototype", wait=wait, within=within, as_json=as_json)


@commands.command(
    "deprecate",
    epilog=write_ending(
        "holdfast api deprecate Pizza:1.0.0", "holdfast api deprecate Pizza:1.0.0 --wait", codes=WAITING
    ),
)
def deprecate_api(reference: ApiReference, wait: Wait = False, within: Within = 30.0, as_json: AsJson = False) -> None:
    """Deprecate a published API. It stays live."""
    _move(reference, "Deprecate", wait=wait, within=within, as_json=as_json)


@commands.command(
    "retire",
    epilog=write_ending("holdfast api retire Pizza:1.0.0", "holdfast api retire Pizza:1.0.0 --wait", codes=WAITING),
)
def retire_api(reference: ApiReference, wait: Wait = False, within: Within = 30.0, as_json: AsJson = False) -> None:
    """Retire a deprecated API. This is final: it can't be published again."""
    _move(reference, "Retire", wait=wait, within=within, as_json=as_json)


@commands.command(
    "block",
    epilog=write_ending("holdfast api block Pizza:1.0.0", "holdfast api block Pizza:1.0.0 --wait", codes=WAITING),
)
def block_api(reference: ApiReference, wait: Wait = False, within: Within = 30.0, as_json: AsJson = False) -> None:
    """Block a published API: gateways answer 503 until it is re-published."""
    _move(reference, "Block", wait=wait, within=within, as_json=as_json)


@commands.command(
    "republish",
    epilog=write_ending(
        "holdfast api republish Pizza:1.0.0", "holdfast api republish Pizza:1.0.0 --wait", codes=WAITING
    ),
)
def republish_api(reference: ApiReference, wait: Wait = False, within: Within = 30.0, as_json: AsJson = False) -> None:
    """Serve a blocked API again."""
    _move(reference, "Re-Publish", wait=wait, within=within, as_json=as_json)


@commands.command(
    "demote", epilog=write_ending("holdfast api demote Pizza", "holdfast api demote Pizza --wait", codes=WAITING)
)
def demote_api(reference: ApiReference, wait: Wait = False, within: Within = 30.0, as_json: AsJson = False) -> None:
    """Take a published API offline. It can be published again."""
    _move(reference, "Demote to Created", wait=wait, within=within, as_json=as_json)


@commands.command(
    "delete",
    epilog=write_ending(
        "holdfast api delete Pizza:1.0.0",
        "holdfast api delete Pizza --delete-unused-certificates --yes",
        "holdfast api delete Pizza --yes --wait",
        codes=WAITING,
    ),
)
def delete_api(
    reference: ApiReference,
    delete_unused: DeleteUnused = False,
    yes: Yes = False,
    wait: Wait = False,
    within: Within = 30.0,
    as_json: AsJson = False,
) -> None:
    """Delete an API, and list the trust that no API uses anymore."""
    with connect() as client:
        api = find_api(client, reference)
        trust = ", and the trust that no other API uses" if delete_unused else ""
        confirm(f"Delete API {write_title(api)}, state {api['lifeCycleStatus']}{trust}?", yes=yes)
        query = {"deleteUnusedCertificates": "true"} if delete_unused else {}
        rest = client.call("DELETE", build_api_path(api), params=query)
        _write_settled(client, api | rest, f"Deleted API {write_title(api)}", wait=wait, within=within, as_json=as_json)


def _move(reference: str, action: str, *, wait: bool, within: float, as_json: bool) -> None:
    with connect() as client:
        api = find_api(client, reference)
        change_lifecycle(client, api["id"], action)
        after = client.get(build_api_path(api))
        sentence = f"{write_title(after)} is {after['lifeCycleStatus']}"
        _write_settled(client, after, sentence, wait=wait, within=within, as_json=as_json)


def _write_settled(
    client: Client, api: dict[str, Any], sentence: str, *, wait: bool, within: float, as_json: bool
) -> None:
    """Write the API after a change; with *wait*, once the change is enforced."""

    def read() -> dict[str, Any]:
        return client.get(ENFORCEMENT, context=api["context"], version=api["version"]) if wait else {}

    def write(answer: dict[str, Any]) -> None:
        state = f": {describe_enforcement(answer['enforcement'])}" if answer else ""
        progress = {"enforcement": answer["enforcement"]} if answer else {}
        write_api(api | progress, f"{sentence}{state}.", as_json)
        if not as_json:
            _say_left(api)

    write_when_settled(read, write, wait=wait, within=within, as_json=as_json)


def _say_left(answer: dict[str, Any]) -> None:
    for trust in answer.get("deletedTrust", []):
        say(f"Deleted for {trust['origin']}: {_trust(trust)}.")
    for trust in answer.get("unusedTrust", []):
        say(f"No API uses {trust['origin']} anymore. Still stored for it: {_trust(trust)}.")


def _trust(unused: dict[str, Any]) -> str:
    parts = [f"certificate {alias}" for alias in unused["certificates"]]
    parts += ["trust settings"] if unused["trustSettings"] else []
    parts += ["client certificate"] if unused["clientCertificate"] else []
    return ", ".join(parts)
