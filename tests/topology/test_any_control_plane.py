"""It doesn't matter to gateways, and to those who manage them, which control plane they reach."""

import asyncio
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from backends import V4
from gateway.edge import PATIENCE, Edge
from holdfast.apis.gateways.join_token import JoinToken, read_token
from holdfast.gateway.agent.callers_tls import CallersTls
from holdfast.gateway.agent.channels import open_remote_channel
from holdfast.gateway.agent.expiry import Expiries
from holdfast.gateway.agent.in_force import EnvoyProgress
from holdfast.gateway.agent.joining import JoinFailed, join
from holdfast.gateway.agent.membership import Membership, make_request
from holdfast.gateway.agent.open_listeners import OpenListeners
from holdfast.gateway.agent.upstream import Upstream
from holdfast.gateway.discovery.ads import ORDER
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.remote.admission import NOT_ACCEPTED
from holdfast.gateway.remote.renewal import request_renewal
from holdfast.gateway.resources.resource import LISTENER
from holdfast.network.addresses import Address
from holdfast.network.listen_addresses import parse_addresses
from holdfast.server.clock import utc_now
from issuing import issue
from running import REST, wait_until
from topology.balancer import Balancer
from topology.installation import ControlPlane, Installation

PASSPHRASE = "several words of a user"
pytestmark = [pytest.mark.envoy, pytest.mark.long]


@pytest.fixture(scope="module")
def running_installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("installation"), HOLDFAST_BACKEND_DRAIN="0.1") as installation:
        yield installation


def enroll(control_plane: ControlPlane, group: str = "") -> JoinToken:
    """Return a join token for a new gateway."""
    body = {"name": f"m-{secrets.token_hex(4)}", "group": group}
    return read_token(control_plane.rest.post("/gateways", json=body).raise_for_status().json()["token"])


def address_of(control_plane: ControlPlane) -> Address:
    """Return where gateways connect."""
    return parse_addresses([control_plane.discovery])[0]


def test_a_machine_joins_through_a_load_balancer_whichever_control_plane_answers(installation: Installation):
    a, b = installation.control_planes
    targets = [parse_addresses([control_plane.publisher_url.removeprefix("https://")])[0] for control_plane in (a, b)]
    discovery = {address_of(control_plane) for control_plane in (a, b)}
    for side in (a, b):
        wait_until(lambda side=side: with_pins(enroll(side), 2))
    with Balancer(targets) as balancer:
        for control_plane in (a, b, b, a):
            token = enroll(control_plane)
            membership = join(balancer.url("https"), token)
            assert set(membership.control_planes) == discovery
            outcomes = [asyncio.run(connect(membership, address)) for address in discovery]
            assert outcomes == ["connected"] * 2


def with_pins(token: JoinToken, number: int) -> JoinToken | None:
    """Return *token* if it pins that many keys: a control plane takes up to two seconds to know another one's."""
    return token if len(token.pins) == number else None


async def connect(membership: Membership, address: Address) -> str:
    """Return "connected", or the code and text with which a stream at a control plane ends."""
    async with open_remote_channel(membership, address) as channel:
        edge = Edge(channel, "", ())
        try:
            await edge.ask(LISTENER)
            async with asyncio.timeout(PATIENCE):
                return "connected" if await edge.receive() != grpc.aio.EOF else ""
        except grpc.aio.AioRpcError:
            code, text = await edge.end()
            return f"{code.name}: {text}"


def test_a_token_that_is_used_at_both_control_planes_at_once_works_once(installation: Installation):
    a, b = installation.control_planes
    with ThreadPoolExecutor(4) as threads:
        for _ in range(5):
            token = wait_until(lambda: with_pins(enroll(a), 2))
            urls = [control_plane.publisher_url for control_plane in (a, b, a, b)]
            answers = list(threads.map(lambda url, token=token: attempt(url, token), urls))
            assert sorted(answers) == ["", "rejected", "rejected", "rejected"]


def attempt(url: str, token: JoinToken) -> str:
    """Join, and return why that failed; empty if it didn't."""
    try:
        join(url, token)
    except JoinFailed as error:
        return "rejected" if "rejected the token" in str(error) else str(error)
    return ""


def test_revoking_at_one_control_plane_ends_the_stream_at_the_other_at_once(installation: Installation):
    a, b = installation.control_planes
    membership = join(a.publisher_url, enroll(a))

    async def story() -> str:
        async with open_remote_channel(membership, address_of(b)) as channel:
            edge = Edge(channel, "", ())
            await edge.ask(LISTENER)
            await edge.receive()
            await asyncio.to_thread(a.rest.delete, f"/gateways/{membership.name}")
            async with asyncio.timeout(PATIENCE):
                code, text = await edge.end()
            return f"{code.name}: {text}"

    rejection = f"PERMISSION_DENIED: {NOT_ACCEPTED}"
    assert asyncio.run(story()) == rejection
    assert [asyncio.run(connect(membership, address_of(control_plane))) for control_plane in (a, b)] == [rejection] * 2


def test_a_certificate_of_one_control_plane_is_renewed_by_the_other(installation: Installation):
    a, b = installation.control_planes
    membership, request = join(a.publisher_url, enroll(a)), make_request()
    with installation.database.connect() as connection:  # certificates are renewed once a minute
        connection.execute("UPDATE gateway_certificate SET issued_at = issued_at - interval '1 hour'")

    async def renew() -> Membership:
        async with open_remote_channel(membership, address_of(b)) as channel:
            return membership.renew(request.key, await request_renewal(channel, request.csr))

    successor = asyncio.run(renew())
    for member in (membership, successor):
        assert [asyncio.run(connect(member, address_of(control_plane))) for control_plane in (a, b)] == [
            "connected"
        ] * 2


async def receive_everything(membership: Membership, address: Address) -> dict[tuple[str, str], tuple[str, bytes]]:
    """Return version and content of everything that a control plane sends a gateway, by type and name."""
    cache = Cache()
    callers_tls = CallersTls(cache)
    in_force, expiries = EnvoyProgress(cache, OpenListeners(cache)), Expiries(cache, utc_now)
    upstream = Upstream(cache, membership.name, utc_now, in_force, expiries, callers_tls=callers_tls)
    async with open_remote_channel(membership, address) as channel:
        assert await upstream.fill(channel)
    resources = [(kind, cache.get_resources(kind) | callers_tls.list_waiting(kind)) for kind in ORDER]
    return {
        (kind, name): (resource.version, resource.body) for kind, group in resources for name, resource in group.items()
    }


def configure(a: ControlPlane, b: ControlPlane) -> None:
    """Use what gateways are sent something about, in turn at both control planes."""
    urls = [f"https://127.0.0.1:{port}" for port in (1, 2, 3)]
    listen = {"production": ["127.0.0.5:8280"], "productionTls": ["127.0.0.5:8243"]}
    _require_success(a.rest.post("/gateways/groups", json={"name": "Europe", "listen": listen}))
    apis = [control_plane.create_api(url, url + "/sandbox") for control_plane, url in zip((a, b, a), urls, strict=True)]
    for control_plane, api in zip((b, a, b), apis, strict=True):
        control_plane.change_lifecycle(api, "Publish")
        _require_success(control_plane.rest.put(f"/apis/{api.id}", json={"gatewayEnvironments": ["Default", "Europe"]}))
    for control_plane, url in zip((a, b), urls, strict=False):
        control_plane.import_certificate(url, issue(V4).pem, alias=f"{url[-1]}-at-{control_plane.name}")
    files = {"certificate": ("certificate.pem", issue(V4).pem)}
    _require_success(b.rest.put("/endpoint-certificates/1-at-a?keepPrevious=true", files=files))
    _require_success(
        b.rest.put("/endpoints/trust-settings", params={"endpoint": urls[1]}, json={"spkiPins": ["ab" * 32]})
    )
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    exception = {"reason": "the certificate is renewed", "until": until}
    _require_success(a.rest.put("/endpoints/trust-exception", params={"endpoint": urls[2]}, json=exception))
    client = issue("client")
    identity = {"certificate": ("client.pem", client.chain_pem + client.key_pem)}
    _require_success(b.rest.put("/endpoints/client-certificate", params={"endpoint": urls[0]}, files=identity))
    a.let_call(apis[1], issue("anna").pem)
    b.delete_api(a.create_api(urls[2]))


def _require_success(answer: Any) -> None:
    assert answer.is_success, answer.text


def test_control_planes_send_the_same_bytes_and_versions_even_after_a_restart(installation: Installation):
    a, b = installation.control_planes
    configure(a, b)
    b.stop()
    b.start()  # it builds everything at once, and the other one built it change by change
    for group in ("Default", "Europe"):
        membership = join(a.publisher_url, enroll(a, group))
        at_b = asyncio.run(receive_everything(membership, address_of(b)))
        assert len(at_b) > 12

        def difference(membership: Membership = membership, at_b: Any = at_b) -> set[tuple[str, str]]:
            at_a = asyncio.run(receive_everything(membership, address_of(a)))
            return {key for key in at_a.keys() | at_b.keys() if at_a.get(key) != at_b.get(key)}

        wait_until(lambda: not difference())  # what is no longer used stays a moment
    wait_until(lambda: newest_revision(a) == newest_revision(b) is not None)


def newest_revision(control_plane: ControlPlane) -> int | None:
    """Return the newest revision for the first gateway; None while it isn't connected."""
    connection = control_plane.rest.get("/gateways/eu-1").raise_for_status().json()["connection"]
    return connection and connection["newestRevision"]


def test_a_session_works_and_ends_everywhere(installation: Installation):
    a, b = installation.control_planes
    with a.browser() as at_a, b.browser() as at_b:
        form = {"name": "admin", "password": a.admin_password}
        assert at_a.post("/sign-in", data=form).status_code == 303
        at_b.cookies = at_a.cookies
        assert [browser.get("/apis").status_code for browser in (at_a, at_b)] == [200, 200]
        assert at_b.post("/sign-out").status_code == 303
        at_b.cookies = at_a.cookies
        assert [browser.get("/apis").status_code for browser in (at_a, at_b)] == [303, 303]


def test_wrong_passwords_delay_further_attempts_everywhere(installation: Installation):
    a, b = installation.control_planes
    name = f"user-{secrets.token_hex(4)}"
    _require_success(a.rest.post("/users", json={"name": name, "password": PASSPHRASE, "roles": ["viewer"]}))

    def attempt(control_plane: ControlPlane, password: str) -> int:
        with control_plane.browser(REST, auth=(name, password)) as client:
            return client.get("/apis").status_code

    # Two free ones at each, and the fifth, which is stored before it is verified.
    assert [attempt(control_plane, "wrong") for control_plane in (a, b, a, b, a)] == [401] * 5
    with installation.database.connect() as connection:  # a wait of a second may be over on a busy machine
        connection.execute("UPDATE failed_attempt SET last_at = last_at + interval '5 minutes'")
        assert [attempt(control_plane, PASSPHRASE) for control_plane in (b, a)] == [429] * 2
        connection.execute("UPDATE failed_attempt SET last_at = last_at - interval '10 minutes'")
    assert attempt(b, PASSPHRASE) == 200
    assert attempt(a, "wrong") == 401  # what failed before is forgotten
