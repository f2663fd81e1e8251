"""The backends of a definition, and its servers and endpoints that have no effect."""

import json

import pytest

from holdfast.apis.definitions.openapi import read_definition
from holdfast.apis.definitions.servers import IneffectivePart, Servers

OK = {"200": {"description": "OK"}}
SECOND = "Only the first URL is used."
OF_PATHS = "Endpoints of single paths and operations aren't supported."


def read_servers(*urls: str, paths: object = None, version: str = "3.0.3", **members: object) -> Servers:
    value = {"openapi": version, "info": {"title": "Pizza", "version": "1"}, "paths": paths or {}}
    value |= {"servers": [{"url": url} for url in urls]} | members
    return read_definition(json.dumps(value).encode()).servers


@pytest.mark.parametrize(
    ("url", "backend"),
    [
        ("wss://pizza.test/live", "https://pizza.test/live"),
        ("ws://pizza.test:8080", "http://pizza.test:8080"),
        ("WSS://pizza.test", "https://pizza.test"),
        ("HTTPS://pizza.test", "https://pizza.test"),
    ],
)
def test_a_websocket_server_is_called_by_http(url, backend):
    assert read_servers(url) == Servers((backend,))


def test_http_and_websocket_servers_of_one_backend_are_one():
    assert read_servers("https://pizza.test", "wss://pizza.test") == Servers(("https://pizza.test",))


def test_unused_servers_are_reported():
    result = read_servers("https://a.test", "https://b.test")
    assert result.production == ("https://a.test", "https://b.test")
    assert result.unused == (IneffectivePart("https://b.test", "It isn't the first server."),)
    (server,) = read_servers("/v1").unused
    assert server == IneffectivePart("/v1", "It isn't an absolute http, https, ws or wss URL.")


def test_endpoints_that_wso2_writes_come_before_servers():
    own = {
        "x-wso2-production-endpoints": {"urls": ["https://a.test/v1", "https://b.test"], "type": "failover"},
        "x-wso2-sandbox-endpoints": {"urls": ["wss://sandbox.test"]},
    }
    result = read_servers("https://server.test", **own)
    assert (result.production[0], result.sandbox) == ("https://a.test/v1", ("https://sandbox.test",))
    assert result.unused == (
        IneffectivePart("x-wso2-production-endpoints: https://b.test", SECOND),
        IneffectivePart("https://server.test", "It isn't the first server."),
    )


def test_named_endpoints_that_wso2_writes_are_found():
    endpoints = [{"other": {"urls": ["https://o.test"]}}, {"main": {"urls": ["https://a.test"], "type": "http"}}]
    own = {"x-wso2-endpoints": endpoints, "x-wso2-production-endpoints": {"urls": ["#/x-wso2-endpoints/main"]}}
    assert read_servers(**own) == Servers(("https://a.test",))
    own["x-wso2-production-endpoints"] = "#/x-wso2-endpoints/main"  # as the documentation of WSO2 has it
    assert read_servers(**own) == Servers(("https://a.test",))
    for reference in ({"urls": ["#/x-wso2-endpoints/nobody"]}, "#/x-wso2-endpoints/nobody"):
        own["x-wso2-production-endpoints"] = reference
        (entry,) = read_servers(**own).unused
        assert entry.what == "x-wso2-production-endpoints: #/x-wso2-endpoints/nobody"
        assert entry.why == "`x-wso2-endpoints` has no such entry."


@pytest.mark.parametrize("value", [None, 5, "a", [], {}, {"urls": 5}, {"urls": None}])
def test_endpoints_in_an_unsupported_form_are_reported(value):
    name = "x-wso2-production-endpoints"
    assert read_servers(**{name: value}) == Servers((), unused=(IneffectivePart(name, "It has no list `urls`."),))


@pytest.mark.parametrize("url", [5, None, "jms://x", "a.test", ["x"], "https://"])
def test_urls_that_cannot_be_called_are_reported(url):
    name = "x-wso2-sandbox-endpoints"
    (server,) = read_servers(**{name: {"urls": [url]}}).unused
    assert server == IneffectivePart(f"{name}: {url}", "It isn't an http or https URL.")


def test_endpoints_of_paths_and_operations_are_reported():
    get = {"responses": OK, "x-wso2-production-endpoints": {"urls": ["https://c.test"]}}
    result = read_servers(
        "https://a.test", paths={"/a": {"servers": [{"url": "https://b.test"}], "get": get}, "x-b": 5}
    )
    assert result.production == ("https://a.test",)
    assert result.unused == (
        IneffectivePart("/a: servers", OF_PATHS),
        IneffectivePart("GET /a: x-wso2-production-endpoints", OF_PATHS),
    )
