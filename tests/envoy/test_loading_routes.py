"""Envoy loads the routes of every API that the publisher accepts: one that it rejects would hold up the whole scope."""

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.scoped_route_pb2 import ScopedRouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.cors_policy import MAX_ENTRIES, MAX_TOTAL
from holdfast.apis.catalog.operation_list import MAX_METHODS
from holdfast.apis.catalog.prototype import read_mocks
from holdfast.apis.catalog.request_rules import RateLimit, RequestRules, read_request_rules
from holdfast.apis.definitions.openapi import Operation, make_definition
from holdfast.apis.errors import InvalidField, InvalidFields
from holdfast.gateway.process.binary import find_envoy
from holdfast.gateway.resources.listeners import build_listener
from holdfast.gateway.resources.routes import build_scoped_routes, pack_routes
from store.values import make_api

pytestmark = pytest.mark.envoy
API = make_api(production="http://127.0.0.1:9", context="/same")


def rejection(apis: Sequence[Api], directory: Path) -> str:
    """Return why Envoy rejects the routes of *apis*, which are in one scope; empty if it loads them."""
    routes = [entry for api in apis for entry in pack_routes(api, "production")]
    scope = ScopedRouteConfiguration.FromString(build_scoped_routes("production", "same", routes).body)
    listener = Listener.FromString(build_listener("production", [("127.0.0.1", 1)]).body)
    (only,) = listener.filter_chains[0].filters
    manager = HttpConnectionManager.FromString(only.typed_config.value)
    manager.route_config.CopyFrom(scope.route_configuration)  # takes the place of the scopes
    manager.route_config.validate_clusters.value = False
    del manager.access_log[:]  # they need the publisher
    only.typed_config.Pack(manager)
    bootstrap = Bootstrap()
    bootstrap.static_resources.listeners.append(listener)
    layer = bootstrap.layered_runtime.layers.add(name="static")
    layer.static_layer.update({"re2.max_program_size.error_level": 2**31 - 1})
    (directory / "envoy.pb").write_bytes(bootstrap.SerializeToString())
    command = [str(find_envoy()), "--mode", "validate", "--log-level", "error", "-c", str(directory / "envoy.pb")]
    return subprocess.run(command, capture_output=True, check=False, timeout=60, text=True).stderr


def with_origins(length: int) -> RequestRules:
    filler = length - len("https://") - len(".aaaaaaaaaaaaaaaaaaaaaa.t000")
    origins = [f"https://{'a' * filler}.aaaaaaaaaaaaaaaaaaaaaa.t{number:03}" for number in range(MAX_ENTRIES)]
    assert {len(origin) for origin in origins} == {length}
    return read_request_rules({"corsConfiguration": {
        "corsConfigurationEnabled": True, "accessControlAllowOrigins": origins, "accessControlAllowCredentials": True,
    }})  # fmt: skip


def allow_only(*operations: Operation) -> RequestRules:
    members = [{"target": operation.target, "verb": operation.verb} for operation in operations]
    return read_request_rules({"onlyListedOperations": True, "operations": members})


def methods(count: int) -> list[Operation]:
    return [Operation("/x", f"{'M' * 26}-{number:03}") for number in range(count)]


def test_envoy_loads_the_longest_lists_of_origins(tmp_path: Path):
    rules = with_origins(MAX_TOTAL // MAX_ENTRIES)
    mocks = read_mocks(make_definition("a", "1", "", [Operation("/x", "GET")], []))
    short = replace(rules, operations=(Operation("/x", "GET"),))
    apis = (replace(API, rules=short), replace(API, context="/same/b", rules=rules, mocks=mocks, production=None))
    assert rejection(apis, tmp_path) == ""
    with pytest.raises(InvalidFields, match=f"at most {MAX_TOTAL} characters"):
        with_origins(MAX_TOTAL // MAX_ENTRIES + 1)


def test_envoy_loads_the_limits_of_many_apis_in_one_scope(tmp_path: Path):
    rules = RequestRules(production_limit=RateLimit(1, 3600))
    apis = [replace(API, id=f"{'i' * 36}{number}", context=f"/same/{number}", rules=rules) for number in range(300)]
    assert rejection(apis, tmp_path) == ""


def test_envoy_loads_the_longest_lists_of_methods(tmp_path: Path):
    assert rejection([replace(API, rules=allow_only(*methods(MAX_METHODS)))], tmp_path) == ""
    with pytest.raises(InvalidFields, match=f"at most {MAX_METHODS} different methods"):
        allow_only(*methods(MAX_METHODS + 1))


def test_methods_of_prototypes_are_checked():
    """Envoy would read the name of a variable between percent signs, and reject what isn't one."""
    operation = {"responses": {"200": {"description": ""}}}
    content = {"openapi": "3.2.0", "paths": {"/x": {"additionalOperations": {"%REQ%": operation}}}}
    with pytest.raises(InvalidField, match="isn't an HTTP method"):
        read_mocks(content)
