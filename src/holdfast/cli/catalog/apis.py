"""
`holdfast api`: manage APIs and their lifecycle.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from holdfast.apis.catalog.connection_settings import REST_NAMES, SETTINGS
from holdfast.apis.catalog.endpoint_group import GroupKind
from holdfast.apis.catalog.group_members import get_first_endpoint, list_endpoints
from holdfast.cli.failures import CommandFailed, InvalidUsage
from holdfast.cli.requests import completion
from holdfast.cli.requests.client import Client, connect, encode_segment
from holdfast.cli.terminal.files import read_file, read_input
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.listing import Listing, Output, Watch, show_listing
from holdfast.cli.terminal.output import AsJson, NarrowTable, format_date, say, tell, write_facts, write_json
from holdfast.cli.trust.trust_exceptions import describe_exception, list_exceptions

if TYPE_CHECKING:
    from holdfast.apis.catalog.endpoint import Origin

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
MAX_DEFINITION = 10 * 1024 * 1024  # bytes; the publisher has its own limit
commands = typer.Typer(no_args_is_help=True)

Environments = Annotated[
    list[str] | None,
    Option(
        "--environment",
        metavar="GROUP",
        help="Group of gateways that serves the API. Repeatable.",
        autocompletion=completion.complete_groups,
    ),
]
OpenApi = Annotated[
    str | None, Option(metavar="FILE", help="OpenAPI or Swagger definition, in JSON or YAML; - for standard input.")
]
ApiReference = Annotated[
    str, Argument(metavar="API", help="NAME, NAME:VERSION or ID.", autocompletion=completion.complete_apis)
]


@commands.command(
    "list",
    epilog=write_ending(
        "holdfast api list", "holdfast api list --query status:PUBLISHED", "holdfast api list -o wide --watch"
    ),
)
def list_apis(
    query: Annotated[str, Option(metavar="TEXT", help="Part of the name, or context:, version:, label: ...")] = "",
    output: Output = None,
    watch: Watch = False,
    as_json: AsJson = False,
) -> None:
    """List APIs by name."""
    with connect() as client:
        show_listing(lambda: _read_apis(client, query), output, as_json, watch=watch)


def _read_apis(client: Client, query: str) -> Listing:
    entries = list(client.list_entries("/apis", "list", query=query))
    rows = [
        (
            *(api[name] for name in ("name", "version", "context", "lifeCycleStatus", "id")),
            *(api.get("provider", ""), format_date(api.get("updatedTime", "")), api.get("description", "")),
        )
        for api in entries
    ]
    columns = ["NAME", "VERSION", "CONTEXT", "STATE", "ID"]
    return Listing(
        {"count": len(entries), "list": entries},
        columns,
        rows,
        [f"{api['name']}:{api['version']}" for api in entries],
        "No APIs match." if query else "No APIs.",
        ["PROVIDER", "CHANGED (UTC)", "DESCRIPTION"],
        narrow=NarrowTable(columns[:4], [row[:4] for row in rows]),
    )


@commands.command(
    "create",
    epilog=write_ending(
        "holdfast api create Pizza /pizza 1.0.0 --production https://backend.example:8443",
        "holdfast api create --openapi pizza.yaml",
        "holdfast api create Pizza /pizza 1.0.0 --openapi pizza.yaml",
    ),
)
def create_api(
    name: Annotated[str, Argument(metavar="NAME")] = "",
    context: Annotated[str, Argument(metavar="CONTEXT", help="Path on the gateway, such as /pizza.")] = "",
    version: Annotated[str, Argument(metavar="VERSION")] = "",
    openapi: OpenApi = None,
    production: Annotated[str | None, Option(metavar="URL", help="Production backend URL.")] = None,
    sandbox: Annotated[str | None, Option(metavar="URL", help="Sandbox backend URL.")] = None,
    description: Annotated[str, Option(metavar="TEXT")] = "",
    environments: Environments = None,
    as_json: AsJson = False,
) -> None:
    """
    Create an API. Publish it to make it live.

    With an OpenAPI definition, you can leave out what it contains.
    """
    if not openapi and not (name and context and version):
        raise InvalidUsage("Name the API, its context and its version, or use --openapi FILE.")
    body: dict[str, Any] = {"name": name, "context": context, "version": version, "description": description}
    if production or sandbox or not openapi:
        body["endpointConfig"] = build_endpoint_config({}, production, sandbox)
    if environments:
        body["gatewayEnvironments"] = environments
    with connect() as client:
        if openapi:
            members = {member: value for member, value in body.items() if value}
            api = client.call("POST", "/apis/import-openapi", files=_build_definition(openapi, members))
        else:
            api = client.call("POST", "/apis", json=body)
    for part in api.get("unusedInDefinition", []):
        tell(f"Not used: {part['what']}. {part['why']}")
    write_api(
        api,
        f"Created API {write_title(api)}. Run `holdfast api publish {api['name']}:{api['version']}` to make it live.",
        as_json,
    )


@commands.command(
    "definition",
    epilog=write_ending("holdfast api definition Pizza > pizza.json", "holdfast api definition Pizza:1.0.0"),
)
def print_definition(reference: ApiReference) -> None:
    """Print the OpenAPI definition of an API as JSON. `api set --openapi` replaces it."""
    with connect() as client:
        write_json(client.get(f"{build_api_path(find_api(client, reference))}/swagger"))


@commands.command("show", epilog=write_ending("holdfast api show Pizza", "holdfast api show Pizza:1.0.0 --json"))
def show_api(reference: ApiReference, as_json: AsJson = False) -> None:
    """Show an API, its endpoints, and its latest failures."""
    with connect() as client:
        api = find_api(client, reference)
        failures = client.get(f"/apis/{encode_segment(api['id'])}/failures")["list"]
        exceptions = list_exceptions(client, _find_origins(api))
        if as_json:
            write_json(api | {"failures": failures, "exceptions": exceptions})
            return
        facts: list[tuple[str, object]] = [
            ("Name", api["name"]),
            ("Version", api["version"]),
            ("Context", api["context"]),
            ("State", api["lifeCycleStatus"]),
            ("Description", api["description"]),
            ("Production", _describe_backend(api, "production")),
            ("Sandbox", _describe_backend(api, "sandbox")),
            ("Environments", api["gatewayEnvironments"]),
            ("Provider", api["provider"]),
            ("Created", format_date(api["createdTime"])),
            ("Changed", format_date(api["updatedTime"])),
            ("ID", api["id"]),
            ("Not verified", [describe_exception(exception) for exception in exceptions or []]),
        ]
        for failure in failures:
            times = "once" if failure["times"] == 1 else f"{failure['times']} times"
            last_failure = f"{failure['code']} ({times}, last {format_date(failure['last'])})"
            facts.append(
                (f"Failing in {failure['environment']}", [last_failure, failure["message"], failure["remedy"]])
            )
        write_facts(facts)


def _build_definition(file: str, members: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a form with the definition in *file* and *members* of the API."""
    return {
        "file": ("definition", read_definition(file)),
        "additionalProperties": (None, json.dumps(members).encode()),
    }


def read_definition(file: str) -> bytes:
    """Read an OpenAPI definition; `-` is standard input. Raises WrongFile."""
    return read_input(MAX_DEFINITION) if file == "-" else read_file(Path(file), MAX_DEFINITION)


def find_api(client: Client, reference: str) -> dict[str, Any]:
    """Find an API by NAME, NAME:VERSION or ID. Raises CommandFailed (none) and InvalidUsage (several)."""
    if _ID.fullmatch(reference):
        return client.get(f"/apis/{reference}")
    name, _, version = reference.partition(":")
    if not name or '"' in reference:
        raise InvalidUsage(f"{reference!r} isn't NAME, NAME:VERSION or an ID.")
    query = f'name:"{name}"' + (f' version:"{version}"' if version else "")
    matches = [
        api
        for api in client.list_entries("/apis", "list", query=query)
        if api["name"].lower() == name.lower() and version in ("", api["version"])
    ]
    if not matches:
        raise CommandFailed(f"API {reference} not found. Run `holdfast api list` to see all APIs.")
    if len(matches) > 1:
        versions = ", ".join(f"{match['name']}:{match['version']}" for match in matches)
        raise InvalidUsage(f"Several APIs match: {versions}. Specify one of them.")
    return client.get(build_api_path(matches[0]))


def build_api_path(api: dict[str, Any]) -> str:
    """Return the REST path of an API."""
    return f"/apis/{encode_segment(api['id'])}"


def find_endpoint_url(api: dict[str, Any], environment: str) -> str | None:
    """Return the URL of an API's backend; None if there is none."""
    config = api.get("endpointConfig") or {}
    url = (get_first_endpoint(config, environment) or {}).get("url")
    return url if isinstance(url, str) else None


def build_endpoint_config(before: dict[str, Any], production: str | None, sandbox: str | None) -> dict[str, Any]:
    """Build the member endpointConfig with these backends; further backends and other values of *before* stay."""
    config = {"endpoint_type": "http"} | before
    for environment, url in (("production", production), ("sandbox", sandbox)):
        member = f"{environment}_endpoints"
        was = config.pop(member, None)
        if url is not None:
            own = (get_first_endpoint({member: was}, environment) or {}) | {"url": url}
            config[member] = [own, *was[1:]] if isinstance(was, list) else own
    return config


def find_connection_settings(api: dict[str, Any], environment: str) -> dict[str, Any]:
    """Return the connection settings of a backend that differ from the defaults, by their REST names."""
    config = (get_first_endpoint(api.get("endpointConfig") or {}, environment) or {}).get("config") or {}
    return {name: config[name] for name in REST_NAMES.values() if name in config}


def change_lifecycle(client: Client, api_id: str, action: str) -> None:
    """Change the lifecycle state by *action*, such as Publish."""
    client.call("POST", "/apis/change-lifecycle", params={"action": action, "apiId": api_id})


def _describe_backend(api: dict[str, Any], environment: str) -> list[str | None]:
    lines = [find_endpoint_url(api, environment)]
    lines += _describe_group(api.get("endpointConfig") or {}, environment)
    members = find_connection_settings(api, environment)
    for setting in SETTINGS.values():
        if setting.member in members:
            value = members[setting.member]
            lines.append(f"{setting.name}: {value if isinstance(value, str) else json.dumps(value)}")
    since = (get_first_endpoint(api.get("endpointConfig") or {}, environment) or {}).get("http1FallbackSince")
    if since:
        lines.append(f"uses HTTP/1.1 since {format_date(since)} UTC, because the backend rejected HTTP/2")
    return lines


def _describe_group(config: dict[str, Any], environment: str) -> Iterator[str]:
    """Yield the further endpoints of a group, and how they are used."""
    first, *further = list_endpoints(config, environment) or [{}]
    is_failover = config.get("endpoint_type") == GroupKind.FAILOVER
    if further and not is_failover:
        yield _describe_share(first)
    for endpoint in further:
        yield f"then {endpoint['url']}" if is_failover else f"{endpoint['url']} ({_describe_share(endpoint)})"
    if further and not is_failover:
        yield f"algorithm: {str(config.get('algoCombo') or 'RoundRobin').rpartition('.')[2]}"
        yield f"sessions: {config.get('sessionManagement') or 'none'}"
    if further and (check := config.get("healthCheck")):
        yield f"health check: {check['path']} every {check['interval']} s, expects {check['statuses']}"


def _describe_share(endpoint: dict[str, Any]) -> str:
    return f"weight {endpoint.get('weight', 1)}, priority {endpoint.get('priority', 1)}"


def _find_origins(api: dict[str, Any]) -> "set[Origin]":
    from holdfast.cli.trust.origins import find_origins

    return find_origins(find_endpoint_url(api, environment) for environment in ("production", "sandbox"))


def write_api(api: dict[str, Any], sentence: str, as_json: bool) -> None:
    """Write an API as JSON, or *sentence*."""
    if as_json:
        write_json(api)
    else:
        say(sentence)


def write_title(api: dict[str, Any]) -> str:
    """Return name, version and context of an API."""
    return f"{api['name']} {api['version']} ({api['context']})"
