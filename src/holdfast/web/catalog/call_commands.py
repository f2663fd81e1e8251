"""
The commands with which users try an API: `curl`, or what is usual for its type.
"""

import re
from collections.abc import Sequence
from shlex import quote
from urllib.parse import urlsplit

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.api_types import GRPC_TYPE, WEBSOCKET_TYPE
from holdfast.apis.catalog.endpoint import Environment
from holdfast.apis.definitions.openapi import Operation


def build_call_commands(
    urls: Sequence[tuple[Environment, str]], api: Api, kind: str | None, operations: Sequence[Operation]
) -> list[tuple[str, str]]:
    """
    Return labels and commands that call *api*, of the type *kind*, at *urls*; the reader fills in what is in capitals.

    They call the first of its *operations* that works without a body or parameters, or else its root.
    """
    commands = []
    for environment, url in urls:
        label = environment.title() + (" over TLS" if url.startswith("https:") else "")
        if kind == WEBSOCKET_TYPE:
            command = _call_by_websocket(url, api)
        elif kind == GRPC_TYPE:
            command = _call_by_grpc(url, api)
        else:
            command = _call_by_http(url, api, operations)
        commands.append((label, command))
    return commands


def _call_by_http(url: str, api: Api, operations: Sequence[Operation]) -> str:
    operation = _choose_operation(api, operations)
    identity = "--cert caller.pem --key caller.key " if api.requires_certificate else ""
    method = "" if operation.verb == "GET" else f"-X {quote(operation.verb)} "
    return f"curl {method}{identity}{quote(url + operation.target.removesuffix('*'))}"


def _choose_operation(api: Api, operations: Sequence[Operation]) -> Operation:
    """Return the operation to call; one with parameters only if gateways refuse the root of the API."""
    gets = [operation for operation in operations if operation.verb == "GET"]
    usual = next((operation for operation in gets if not re.search("[{*]", operation.target)), None)
    refuses_root = api.rules.operations is not None or api.mocks is not None
    others = [*gets, *operations] if refuses_root else []
    return usual or next(iter(others), Operation("/", "GET"))


def _call_by_websocket(url: str, api: Api) -> str:
    identity = "--cert caller.pem --key caller.key " if api.requires_certificate else ""
    return f"wscat {identity}-c {quote('ws' + url.removeprefix('http'))}"


def _call_by_grpc(url: str, api: Api) -> str:
    parts = urlsplit(url)
    identity = "-cert caller.pem -key caller.key " if api.requires_certificate else ""
    plain = "-plaintext " if parts.scheme == "http" else ""
    default = ":443" if parts.scheme == "https" else ":80"
    address = parts.netloc if parts.port else f"{parts.netloc}{default}"
    method = f"{api.context.removeprefix('/')}/METHOD"
    return f"grpcurl {plain}{identity}-proto FILE {quote(address)} {quote(method)}"
