"""The commands that the overview of an API shows to try it."""

from dataclasses import replace

import pytest

from holdfast.apis.catalog.request_rules import RequestRules
from holdfast.apis.definitions.openapi import Operation
from holdfast.web.catalog.call_commands import build_call_commands
from rest.calls import APIS, create_api
from store.values import make_api

BY_ID, ORDERS, ANY = Operation("/menu/{id}", "GET"), Operation("/orders", "POST"), Operation("/public/*", "GET")
PLAIN, TLS = "http://gw.test/shop.v1.Orders/1.0.0", "https://gw.test:8243/shop.v1.Orders/1.0.0"
ONLY_LISTED = RequestRules(operations=(BY_ID,))


@pytest.mark.parametrize(
    ("kind", "operations", "rules", "commands"),
    [
        ("HTTP", [BY_ID, ORDERS], RequestRules(), [f"curl {PLAIN}/", f"curl {TLS}/"]),
        ("HTTP", [ORDERS, BY_ID], ONLY_LISTED, [f"curl '{PLAIN}/menu/{{id}}'", f"curl '{TLS}/menu/{{id}}'"]),
        ("HTTP", [ORDERS], ONLY_LISTED, [f"curl -X POST {PLAIN}/orders", f"curl -X POST {TLS}/orders"]),
        ("HTTP", [ANY], ONLY_LISTED, [f"curl {PLAIN}/public/", f"curl {TLS}/public/"]),
        (
            "WS",
            [BY_ID],
            RequestRules(),
            [f"wscat -c {PLAIN.replace('http', 'ws')}", f"wscat -c {TLS.replace('http', 'ws')}"],
        ),
        (
            "GRPC",
            [],
            RequestRules(),
            [
                "grpcurl -plaintext -proto FILE gw.test:80 shop.v1.Orders/METHOD",
                "grpcurl -proto FILE gw.test:8243 shop.v1.Orders/METHOD",
            ],
        ),
    ],
)
def test_an_api_is_called_as_usual_for_its_type(kind, operations, rules, commands):
    api = replace(make_api(context="/shop.v1.Orders"), rules=rules)
    result = build_call_commands([("production", PLAIN), ("production", TLS)], api, kind, operations)
    assert result == list(zip(["Production", "Production over TLS"], commands, strict=True))


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("HTTP", f"curl --cert caller.pem --key caller.key {TLS}/"),
        ("WS", f"wscat --cert caller.pem --key caller.key -c {TLS.replace('http', 'ws')}"),
        ("GRPC", "grpcurl -cert caller.pem -key caller.key -proto FILE gw.test:8243 shop.v1.Orders/METHOD"),
    ],
)
def test_a_command_presents_the_certificate_that_the_api_requires(kind, command):
    api = make_api(context="/shop.v1.Orders", requires_certificate=True)
    assert build_call_commands([("sandbox", TLS)], api, kind, []) == [("Sandbox over TLS", command)]


def test_pages_say_what_callers_of_a_prototype_get(client):
    api = create_api(client, endpointImplementationType="MOCKED_OAS", endpointConfig={})
    client.post(f"{APIS}/change-lifecycle", params={"apiId": api["id"], "action": "Publish"})
    page = client.get(f"/apis/{api['id']}").text
    assert ("curl http://" in page, "This API has no endpoint yet" in page) == (True, False)
    assert ("Every response will be empty" in page, "Those of the definition (5)" in page) == (True, True)
    assert "get 404 or 405" in client.get(f"/apis/{api['id']}/definition").text
