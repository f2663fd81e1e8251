"""A real `holdfast up --discovery`: machines join it, follow it over mutual TLS, and are revoked."""

import asyncio
import socket
import sqlite3
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import grpc.aio
import pytest

from gateway.discovery_port import rejection
from gateway.edge import PATIENCE, Edge
from holdfast.apis.gateways.join_token import JoinToken, read_token
from holdfast.certificates.gateway_certificates import DISCOVERY_NAME
from holdfast.gateway.agent.channels import open_remote_channel
from holdfast.gateway.agent.joining import JoinFailed, join
from holdfast.gateway.agent.membership import Membership, make_request
from holdfast.gateway.remote.admission import NOT_ACCEPTED
from holdfast.gateway.remote.renewal import RenewalFailed, request_renewal
from holdfast.gateway.resources.resource import LISTENER
from issuing import issue
from ports import free_addresses
from running import Holdfast, wait_until, write_identity

pytestmark = pytest.mark.envoy
OWN = issue("127.0.0.1")
REJECTED = f"PERMISSION_DENIED: {NOT_ACCEPTED}"


@pytest.fixture(scope="module")
def holdfast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holdfast]:
    directory = tmp_path_factory.mktemp("publisher")
    (address,) = free_addresses(1)
    names = ("HOLDFAST_TLS_CERT", "HOLDFAST_TLS_KEY")
    files = dict(zip(names, map(str, write_identity(directory, OWN)), strict=True))
    # gRPC reads the versions of TLS when it is imported, which a fork has done already.
    with Holdfast(directory, ca=OWN.pem, forks=False, HOLDFAST_DISCOVERY=address, **files) as running:
        yield running


def enroll(holdfast: Holdfast, name: str) -> JoinToken:
    """Return a new join token."""
    return read_token(holdfast.rest.post("/gateways", json={"name": name}).raise_for_status().json()["token"])


async def subscribe(edge: Edge) -> str:
    """Return "connected" once the stream receives resources."""
    await edge.ask(LISTENER)
    return "connected" if await edge.receive() != grpc.aio.EOF else ""


async def state(membership: Membership) -> str:
    async with open_remote_channel(membership) as channel:
        return await subscribe(Edge(channel, "", ()))


def test_a_machine_joins_once_follows_and_is_revoked_at_once(holdfast: Holdfast):
    token = enroll(holdfast, "eu-1")
    membership = join(holdfast.publisher_url, token)
    assert (membership.name, membership.group) == ("eu-1", "Default")
    with pytest.raises(JoinFailed, match="rejected the token: The join token is unknown, expired or used"):
        join(holdfast.publisher_url, token)

    async def story() -> float:
        async with open_remote_channel(membership) as channel:
            edge = Edge(channel, "pretender", ())
            assert await subscribe(edge) == "connected"
            begin = time.monotonic()
            await asyncio.to_thread(holdfast.rest.delete, "/gateways/eu-1")
            async with asyncio.timeout(PATIENCE):
                code, text = await edge.end()
            assert f"{code.name}: {text}" == REJECTED
            return time.monotonic() - begin

    assert asyncio.run(story()) < PATIENCE / 2
    assert asyncio.run(rejection(membership)) == REJECTED


def test_a_certificate_is_renewed_once_a_minute_while_the_old_one_still_connects(holdfast: Holdfast):
    membership = join(holdfast.publisher_url, enroll(holdfast, "eu-2"))
    request = make_request()

    async def renew(csr: str) -> Membership:
        async with open_remote_channel(membership) as channel:
            return membership.renew(request.key, await request_renewal(channel, csr))

    with pytest.raises(RenewalFailed, match="got a certificate less than 60 seconds ago") as error:
        asyncio.run(renew(request.csr))
    assert not error.value.is_final
    with closing(sqlite3.connect(holdfast.data / "holdfast.sqlite", timeout=PATIENCE)) as database:
        database.execute("UPDATE gateway_certificate SET issued_at = '2026-01-01 00:00:00.000000'")
        database.commit()
    with pytest.raises(RenewalFailed, match="certificate signing request can't be read") as error:
        asyncio.run(renew("no request"))
    assert error.value.is_final
    successor = asyncio.run(renew(request.csr))
    assert successor.credential.certificate != membership.credential.certificate
    assert [asyncio.run(state(member)) for member in (membership, successor)] == ["connected"] * 2


def test_joining_again_rejects_the_earlier_certificate(holdfast: Holdfast):
    first = join(holdfast.publisher_url, enroll(holdfast, "eu-3"))
    second = join(holdfast.publisher_url, enroll(holdfast, "eu-3"))
    assert asyncio.run(rejection(first)) == REJECTED
    assert asyncio.run(state(second)) == "connected"


def test_tls_1_2_is_rejected(holdfast: Holdfast, tmp_path: Path):
    membership = join(holdfast.publisher_url, enroll(holdfast, "eu-4"))
    (tmp_path / "pem").write_text(membership.credential.key + membership.credential.certificate)

    def handshake(version: ssl.TLSVersion) -> str | None:
        context = ssl.create_default_context(cadata=membership.credential.authority)
        context.minimum_version = context.maximum_version = version
        context.set_alpn_protocols(["h2"])
        context.load_cert_chain(tmp_path / "pem")
        with (
            socket.create_connection(membership.discovery, PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=DISCOVERY_NAME) as secure,
        ):
            return secure.version()

    assert handshake(ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    with pytest.raises(ssl.SSLError):
        handshake(ssl.TLSVersion.TLSv1_2)


def test_a_token_is_sent_only_to_the_publisher_that_created_it(holdfast: Holdfast):
    token = enroll(holdfast, "eu-5")
    assert token.pins
    with pytest.raises(JoinFailed, match="has another key than the publisher that created the token"):
        join(holdfast.publisher_url, JoinToken(token.secret, (bytes(32),)))
    with pytest.raises(JoinFailed, match=r"certificate of 127.0.0.1:\d+ can't be verified: self-signed"):
        join(holdfast.publisher_url, JoinToken(token.secret))
    assert join(holdfast.publisher_url, token).name == "eu-5"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://192.0.2.1:9080", "isn't encrypted"),
        ("https://user:secret@publisher.example", "isn't the URL of a publisher"),
        ("https://publisher.example:99999", "isn't the URL of a publisher"),
        ("publisher.example", "isn't the URL of a publisher"),
        ("ftp://publisher.example", "isn't the URL of a publisher"),
    ],
)
def test_a_token_is_not_sent_to_unsuitable_urls(url: str, why: str):
    with pytest.raises(JoinFailed, match=why):
        join(url, JoinToken(bytes(32)))


def test_a_token_of_a_publisher_with_https_is_not_sent_over_http():
    with socket.create_server(("127.0.0.1", 0)) as another_user:
        url = f"http://127.0.0.1:{another_user.getsockname()[1]}"
        with pytest.raises(JoinFailed, match=f"serves https, and {url} doesn't"):
            join(url, JoinToken(bytes(32), (bytes(32),)))


def test_a_publisher_that_is_not_there_or_is_something_else_is_reported(holdfast: Holdfast):
    (nowhere,) = free_addresses(1)
    with pytest.raises(JoinFailed, match=f"Can't connect to {nowhere}: Connection refused"):
        join(f"http://{nowhere}", JoinToken(bytes(32)))
    with pytest.raises(JoinFailed, match="isn't a publisher that gateways can join"):
        join(holdfast.gateway_url, JoinToken(bytes(32)))


def test_without_the_key_of_its_ca_only_the_discovery_port_is_closed(tmp_path: Path):
    (address,) = free_addresses(1)
    with Holdfast(tmp_path, HOLDFAST_DISCOVERY=address) as holdfast:
        join(holdfast.publisher_url, enroll(holdfast, "eu-1"))
        holdfast.stop()
        (holdfast.data / "sealing-key").unlink()
        holdfast.start()
        assert "eu-1" in {gateway["name"] for gateway in holdfast.rest.get("/gateways").json()["list"]}
        event = "no certificate for the discovery port"
        (entry,) = wait_until(lambda: [line for line in holdfast.log_lines() if line["event"] == event])
        assert "Put back the previous sealing key" in entry["reason"]
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(read_address(address), PATIENCE)


def read_address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def test_the_discovery_port_must_be_free(holdfast: Holdfast, tmp_path: Path):
    address = holdfast.environment["HOLDFAST_DISCOVERY"]
    assert Holdfast(tmp_path).refuse_to_start(discovery=address) == (
        f"holdfast: Can't listen on {address}: address already in use. Stop the program that uses it, or choose "
        "another with --discovery HOST:PORT."
    )


def test_memberships_and_revocations_survive_kill_9_of_the_publisher(holdfast: Holdfast):
    used_token, unused_token, revoked_token = (enroll(holdfast, f"us-{number}") for number in (1, 2, 3))
    member, outcast = (join(holdfast.publisher_url, token) for token in (used_token, revoked_token))
    holdfast.rest.delete("/gateways/us-3").raise_for_status()
    holdfast.kill_publisher()
    holdfast.start()
    assert asyncio.run(state(member)) == "connected"
    assert asyncio.run(rejection(outcast)) == REJECTED
    for token in (used_token, revoked_token):
        with pytest.raises(JoinFailed, match="rejected the token"):
            join(holdfast.publisher_url, token)
    assert asyncio.run(state(join(holdfast.publisher_url, unused_token))) == "connected"
