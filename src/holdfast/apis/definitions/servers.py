"""
The backends of a definition: its servers, and the endpoints that WSO2 writes into it.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_SERVERS = 50
MAX_URL = 2_048  # characters of the URL of a server
MAX_UNUSED = 20
_VARIABLE = re.compile(r"\{([^{}]*)\}")
_WEBSOCKET = {"wss://": "https://", "ws://": "http://"}
_OWN = {"production": "x-wso2-production-endpoints", "sandbox": "x-wso2-sandbox-endpoints"}
_NAMED = "#/x-wso2-endpoints/"
_NOT_FIRST, _SECOND = "It isn't the first server.", "Only the first URL is used."
_REMEDY = "The definition of an API doesn't change its endpoints. Change the API instead."
_OF_PATHS = "Endpoints of single paths and operations aren't supported."
_VERBS = {"get", "put", "post", "delete", "options", "head", "patch", "trace", "query"}


@dataclass(frozen=True, slots=True)
class IneffectivePart:
    """A part of a definition that has no effect: *what* it is, and *why*."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Servers:
    """
    The distinct absolute http and https URLs of a definition, in order; wss becomes https, and ws becomes http.

    *sandbox* has those that it names for the sandbox.
    """

    production: tuple[str, ...]
    sandbox: tuple[str, ...] = ()
    unused: tuple[IneffectivePart, ...] = ()


def read_servers(content: Mapping[str, Any]) -> Servers:
    """Return the servers of a valid definition, preceded by endpoints that WSO2 wrote into it."""
    production, of_production = _read_own_endpoints(content, _OWN["production"])
    sandbox, of_sandbox = _read_own_endpoints(content, _OWN["sandbox"])
    of_swagger = "swagger" in content
    servers = _list_servers_of_swagger(content) if of_swagger else _list_servers(content.get("servers") or [])
    absolute = [url for server in servers if (url := _build_backend_url(server))]
    urls = tuple(dict.fromkeys([*production, *absolute]))
    unused_parts = [*of_production, *of_sandbox, *_list_unused_of_paths(content.get("paths") or {})]
    unused_parts += [IneffectivePart(url, _NOT_FIRST) for url in urls[1:] if url not in production]
    if not urls and servers:
        unused_parts.append(IneffectivePart(servers[0][:MAX_URL], "It isn't an absolute http, https, ws or wss URL."))
    return Servers(urls, tuple(dict.fromkeys(sandbox)), tuple(unused_parts[:MAX_UNUSED]))


def list_unused(servers: Servers, endpoints: Collection[str]) -> tuple[IneffectivePart, ...]:
    """Return the parts of an updated definition that have no effect on an API with *endpoints*."""
    known_urls = {url.rstrip("/") for url in endpoints}
    urls = dict.fromkeys((*servers.production, *servers.sandbox))
    others = [server for server in servers.unused if server.why not in {_NOT_FIRST, _SECOND}]
    return (*(IneffectivePart(url, _REMEDY) for url in urls if url.rstrip("/") not in known_urls), *others)[:MAX_UNUSED]


def _read_own_endpoints(content: Mapping[str, Any], name: str) -> tuple[list[str], list[IneffectivePart]]:
    """Read `x-wso2-production-endpoints` or its sandbox equivalent: `urls`, or names in `x-wso2-endpoints`."""
    if name not in content:
        return [], []
    group = content[name]
    entries = [group] if _is_name(group) else group.get("urls") if isinstance(group, dict) else None
    if not isinstance(entries, list):
        return [], [IneffectivePart(name, "It has no list `urls`.")]
    urls, unused_parts = [], []
    for entry in entries[:MAX_SERVERS]:
        for url in _read_named_urls(content, entry) if _is_name(entry) else [entry]:
            backend_url = _build_backend_url(url) if isinstance(url, str) else ""
            why = "`x-wso2-endpoints` has no such entry." if _is_name(url) else "It isn't an http or https URL."
            urls += [backend_url] if backend_url else []
            unused_parts += [] if backend_url else [IneffectivePart(f"{name}: {str(url)[:MAX_URL]}", why)]
    unused_parts += [IneffectivePart(f"{name}: {url}", _SECOND) for url in urls[1:]]
    return urls, unused_parts


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(_NAMED)


def _read_named_urls(content: Mapping[str, Any], reference: str) -> Sequence[Any]:
    """Return the URLs of an entry in `x-wso2-endpoints`, which is a list of mappings from a name to a group."""
    groups = content.get("x-wso2-endpoints")
    for entry in groups if isinstance(groups, list) else []:
        group = entry.get(reference.removeprefix(_NAMED)) if isinstance(entry, dict) else None
        if isinstance(group, dict) and isinstance(group.get("urls"), list):
            return list(group["urls"][:MAX_SERVERS])
    return [reference]


def _list_unused_of_paths(paths: Mapping[str, Any]) -> Iterable[IneffectivePart]:
    for path, item in paths.items():
        if not isinstance(item, dict):
            continue
        operations = {verb: operation for verb, operation in item.items() if verb in _VERBS}
        for where, holder in {
            path: item,
            **{f"{verb.upper()} {path}": definition for verb, definition in operations.items()},
        }.items():
            if isinstance(holder, dict):
                own = [name for name in ("servers", *_OWN.values()) if name in holder]
                yield from (IneffectivePart(f"{where[:MAX_URL]}: {name}", _OF_PATHS) for name in own)


def _build_backend_url(server: str) -> str:
    """Return the URL that the gateway uses to call *server*, or an empty string if it can't."""
    scheme, separator, rest = server.partition("://")
    prefix = f"{scheme.lower()}{separator}"
    prefix = _WEBSOCKET.get(prefix, prefix)
    return f"{prefix}{rest}" if prefix in _WEBSOCKET.values() and rest else ""


def _list_servers(servers: Sequence[Mapping[str, Any]]) -> list[str]:
    urls = []
    for server in servers[:MAX_SERVERS]:
        url, variables = server["url"][:MAX_URL], server.get("variables", {})
        # In one pass: values are not expanded again, or a few variables could expand to gigabytes.
        url = _VARIABLE.sub(lambda match, values=variables: _get_default(values, match), url)  # type: ignore[misc]
        urls.append(url[:MAX_URL])
    return urls


def _get_default(variables: Mapping[str, Any], match: re.Match[str]) -> str:
    variable = variables.get(match[1])
    return str(variable.get("default", ""))[:MAX_URL] if variable else match[0]


def _list_servers_of_swagger(content: Mapping[str, Any]) -> list[str]:
    base = content.get("basePath", "")
    if "host" not in content:
        return [base] if base else []
    return [f"{scheme}://{content['host']}{base}" for scheme in content.get("schemes", ["https"])]
