"""gRPC services behind a gateway, called by a real gRPC client."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest

from backends import V4
from issuing import Identity, issue
from running import Holdfast, PublishedApi, wait_until

pytestmark = pytest.mark.envoy
IDENTITY = issue(V4)
SERVICE = "shop.v1.Orders"


class Orders(grpc.GenericRpcHandler):
    """A service that works on bytes; `deadlines` are the deadlines of the calls that it got, in seconds."""

    def __init__(self) -> None:
        self.deadlines: list[float | None] = []

    def service(self, call: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        """Return the handler of a method at the standard path; none for other paths."""
        methods: dict[str, Any] = {
            "Get": grpc.unary_unary_rpc_method_handler(self._get),
            "List": grpc.unary_stream_rpc_method_handler(lambda request, _: iter([request] * 3)),
            "Sum": grpc.stream_unary_rpc_method_handler(lambda requests, _: b"+".join(requests)),
            "Chat": grpc.stream_stream_rpc_method_handler(lambda requests, _: iter(requests)),
        }
        service, _, name = call.method.lstrip("/").partition("/")
        return methods.get(name) if service == SERVICE else None

    def _get(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self.deadlines.append(context.time_remaining())
        context.set_trailing_metadata((("cost", "7"), ("cost-bin", b"\x00\xff")))
        if request == b"missing":
            context.abort(grpc.StatusCode.NOT_FOUND, "no such order")
        if request == b"slow":
            end = threading.Event()
            context.add_callback(end.set)
            end.wait(10)
        return request


@contextmanager
def serving(identity: Identity | None) -> Iterator[tuple[Orders, str]]:
    """Run the service, with TLS if it presents a certificate, and give the URL of its endpoint."""
    orders, server = Orders(), grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers([orders])
    if identity:
        credentials = grpc.ssl_server_credentials([(identity.key_pem, identity.chain_pem)])
        port = server.add_secure_port(f"{V4}:0", credentials)
    else:
        port = server.add_insecure_port(f"{V4}:0")
    server.start()
    try:
        yield orders, f"{'https' if identity else 'http'}://{V4}:{port}/{SERVICE}"
    finally:
        server.stop(0).wait()


@contextmanager
def channel_to(
    holdfast: Holdfast, identity: Identity | None, **config: Any
) -> Iterator[tuple[Orders, grpc.Channel, str]]:
    """Publish the service, and give it with a channel to the gateway and the path of its methods."""
    with serving(identity) as (orders, url):
        api = holdfast.create_api(url)
        endpoint = {"url": url, "config": {"protocol": "http2"} | config}
        change = {"endpointConfig": {"production_endpoints": endpoint}}
        holdfast.rest.put(f"/apis/{api.id}", json=change).raise_for_status()
        holdfast.change_lifecycle(api, "Publish")
        wait_until(lambda: holdfast.answers(api))
        if identity:
            holdfast.import_certificate(url, identity.pem)
        with grpc.insecure_channel(urlsplit(holdfast.gateway_url).netloc) as channel:
            yield orders, channel, api.path
        holdfast.delete_api(api)


@pytest.mark.parametrize("identity", [IDENTITY, None], ids=["TLS", "h2c"])
def test_all_kinds_of_calls_reach_the_service_with_their_trailers(holdfast: Holdfast, identity: Identity | None):
    with channel_to(holdfast, identity) as (orders, channel, path):
        response, call = channel.unary_unary(f"{path}/Get").with_call(b"one", timeout=120)
        assert (response, call.code()) == (b"one", grpc.StatusCode.OK)
        trailers = dict(call.trailing_metadata())
        assert (trailers["cost"], trailers["cost-bin"]) == ("7", b"\x00\xff")
        assert 60 < (orders.deadlines[-1] or 0) < 121  # by a wall clock, which is adjusted
        assert list(channel.unary_stream(f"{path}/List")(b"row")) == [b"row"] * 3
        assert channel.stream_unary(f"{path}/Sum")(iter([b"a", b"b"])) == b"a+b"
        assert list(channel.stream_stream(f"{path}/Chat")(iter([b"x", b"y"]))) == [b"x", b"y"]


def test_messages_of_a_stream_pass_as_they_come(holdfast: Holdfast):
    has_answer = threading.Event()

    def talk() -> Iterator[bytes]:
        yield b"first"
        assert has_answer.wait(60)
        yield b"second"

    with channel_to(holdfast, None) as (_, channel, path):
        responses = channel.stream_stream(f"{path}/Chat")(talk())
        assert next(responses) == b"first"
        has_answer.set()
        assert next(responses) == b"second"


def test_errors_and_deadlines_are_those_of_the_service_and_the_caller(holdfast: Holdfast):
    with channel_to(holdfast, IDENTITY) as (_, channel, path):
        get = channel.unary_unary(f"{path}/Get")
        with pytest.raises(grpc.RpcError) as missing:
            get(b"missing")
        assert (missing.value.code(), missing.value.details()) == (grpc.StatusCode.NOT_FOUND, "no such order")
        assert dict(missing.value.trailing_metadata())["cost"] == "7"
        with pytest.raises(grpc.RpcError) as late:
            get(b"slow", timeout=0.3)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        with pytest.raises(grpc.RpcError) as unknown:
            channel.unary_unary(f"{path}/Unknown")(b"")
        assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_failures_of_the_gateway_are_grpc_statuses_with_their_code(holdfast: Holdfast):
    with channel_to(holdfast, IDENTITY, responseTimeoutMs=1000) as (orders, channel, path):
        with pytest.raises(grpc.RpcError) as timeout:
            channel.unary_unary(f"{path}/Get")(b"slow")
        assert json.loads(timeout.value.details())["code"] == "backend_timeout"
        wait_until(lambda: orders.deadlines)
        assert len(orders.deadlines) == 1  # a call is never sent twice
    with serving(IDENTITY) as (_, url):
        api = holdfast.publish_api(url)
        with grpc.insecure_channel(urlsplit(holdfast.gateway_url).netloc) as channel:
            with pytest.raises(grpc.RpcError) as error:
                channel.unary_unary(f"{api.path}/Get")(b"one")
            assert error.value.code() is grpc.StatusCode.UNAVAILABLE
            assert json.loads(error.value.details())["code"] == "backend_not_trusted"


def test_a_default_version_is_called_at_the_standard_path_of_its_service(holdfast: Holdfast):
    with serving(None) as (_, url):
        endpoint = {"url": url, "config": {"protocol": "http2"}}
        body = {"name": "Orders", "context": f"/{SERVICE}", "version": "1.0", "isDefaultVersion": True}
        document = holdfast.rest.post(
            "/apis", json=body | {"endpointConfig": {"production_endpoints": endpoint}}
        ).json()
        api = PublishedApi(document["id"], "Orders", f"/{SERVICE}/1.0")
        holdfast.change_lifecycle(api, "Publish")
        wait_until(lambda: holdfast.answers(api))
        with grpc.insecure_channel(urlsplit(holdfast.gateway_url).netloc) as channel:
            assert channel.unary_unary(f"/{SERVICE}/Get")(b"one") == b"one"
            assert channel.unary_unary(f"/{SERVICE}/1.0/Get")(b"two") == b"two"
        holdfast.delete_api(api)
