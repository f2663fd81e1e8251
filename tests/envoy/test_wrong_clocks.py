"""Clocks that jump by a day or a month, at a publisher or at a gateway on another machine, while trust changes."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from functools import partial

import pytest

from backends import V4, Backend
from granting import grant, grant_until
from holdfast.gateway.remote.admission import NOT_ACCEPTED
from issuing import issue
from load import Load
from ports import free_addresses
from remote_gateways import STARTS_WITHIN, RemoteGateway
from rotating import Rotation
from running import Holdfast, PublishedApi, refusal, wait_until, write_identity
from wrong_clocks import WrongClock

pytestmark = [pytest.mark.envoy, pytest.mark.long, pytest.mark.timeout(300)]
DAY, NONE = timedelta(days=1), timedelta()
OWN = issue("127.0.0.1")
IDENTITY = issue(V4, start=-10 * DAY)
NOT_TRUSTED = "503 backend_not_trusted"
NAME = "eu-8"
PUBLISHER, GATEWAY = "the publisher", "the gateway"
EVERYWHERE = ("enforced", 2, [])
NOTICED_WITHIN = 60.0  # seconds; a gateway reports every ten
# A publisher that is ahead may present a certificate that isn't valid yet, and replaces it once a minute.
CONNECTS_AGAIN_WITHIN = 150.0
NOT_YET_VALID = "certificate is not yet valid"


@pytest.fixture(scope="module")
def clocks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, WrongClock]:
    directory = tmp_path_factory.mktemp("clocks")
    return {whose: WrongClock(directory / whose) for whose in (PUBLISHER, GATEWAY)}


@pytest.fixture(scope="module")
def holdfast(tmp_path_factory: pytest.TempPathFactory, clocks: dict[str, WrongClock]) -> Iterator[Holdfast]:
    """A publisher and the gateway next to it, with one clock."""
    directory = tmp_path_factory.mktemp("publisher")
    names = ("HOLDFAST_TLS_CERT", "HOLDFAST_TLS_KEY")
    files = dict(zip(names, map(str, write_identity(directory, OWN)), strict=True))
    more = {"HOLDFAST_DISCOVERY": free_addresses(1)[0]} | files | clocks[PUBLISHER].environment
    with Holdfast(directory, ca=OWN.pem, forks=False, **more) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(
    holdfast: Holdfast, tmp_path_factory: pytest.TempPathFactory, clocks: dict[str, WrongClock]
) -> Iterator[RemoteGateway]:
    directory, environment = tmp_path_factory.mktemp("gateway"), clocks[GATEWAY].environment
    gateway = RemoteGateway(holdfast, directory, NAME, "127.0.0.8", environment=environment, forks=False)
    gateway.join()
    wait_until(gateway.is_ready, 2 * STARTS_WITHIN)
    try:
        yield gateway
    finally:
        gateway.stop()


@contextmanager
def pause(process: int) -> Iterator[None]:
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def is_known(holdfast: Holdfast, offset: timedelta) -> bool:
    """Return whether it is known how far the gateway's clock is ahead of the publisher's."""
    report = holdfast.rest.get(f"/gateways/{NAME}").raise_for_status().json()["connection"]["report"]
    return abs(timedelta(seconds=report["clockOffset"] or 0.0) - offset) < timedelta(minutes=2)


def answers(holdfast: Holdfast, gateway: RemoteGateway, api: PublishedApi) -> list[str]:
    """Return what callers of each gateway get: the status, and the code of a refusal."""
    responses = [holdfast.call(api.path), gateway.call(api.path)]
    return ["200" if answer.is_success else refusal(answer) for answer in responses]


def progress(holdfast: Holdfast, endpoint: str) -> tuple[str, int, list[str]]:
    """Return whether the trust of *endpoint* is enforced, on how many gateways, and which ones aren't connected."""
    answer = holdfast.rest.get("/endpoints/trust-settings", params={"endpoint": endpoint}).json()["enforcement"]
    return answer["progress"], answer["enforcedOn"], answer["disconnected"]


@pytest.mark.parametrize("whose", [PUBLISHER, GATEWAY])
def test_trust_is_enforced_and_no_request_fails_while_a_clock_jumps(
    holdfast: Holdfast, gateway: RemoteGateway, clocks: dict[str, WrongClock], whose: str
):
    with Backend(IDENTITY) as stable_backend, Backend(IDENTITY) as backend, Backend(IDENTITY) as rotating_backend:
        stable = holdfast.publish_trusted_api(stable_backend.url(), IDENTITY.pem)
        api = holdfast.publish_api(backend.url())
        holdfast.publish_api(rotating_backend.url())
        wait_until(lambda: answers(holdfast, gateway, api) == [NOT_TRUSTED] * 2)
        with (
            Load(holdfast, stable.path, reconnects=True) as here,
            Load(gateway, stable.path, reconnects=True) as there,
            Rotation(holdfast, rotating_backend.url()) as rotation,
        ):
            for ahead in (DAY, -DAY, NONE):
                clocks[whose].set(ahead)
                assert answers(holdfast, gateway, api) == [NOT_TRUSTED] * 2  # what was removed stays removed
                alias = holdfast.import_certificate(backend.url(), IDENTITY.pem)
                wait_until(lambda: progress(holdfast, backend.url()) == EVERYWHERE)  # while others change
                assert answers(holdfast, gateway, api) == ["200"] * 2
                holdfast.delete_certificate(alias)
                wait_until(lambda: progress(holdfast, backend.url()) == EVERYWHERE)
                assert answers(holdfast, gateway, api) == [NOT_TRUSTED] * 2
                rotation.go_on()
                if ahead == -DAY:
                    wait_until(partial(is_known, holdfast, ahead if whose == GATEWAY else -ahead), NOTICED_WITHIN)
            here.go_on()
            there.go_on()
        assert set(here.answers) == set(there.answers) == {"200"}
        wait_until(rotation.is_kept, NOTICED_WITHIN)
        entries = holdfast.rest.get("/endpoint-certificates", params={"endpoint": rotating_backend.url()}).json()[
            "certificates"
        ]
        assert {entry["alias"] for entry in entries} - rotation.uncertain == {rotation.last}


def wake(holdfast: Holdfast) -> None:
    """Change something, so that the publisher looks at its clock."""
    holdfast.create_api()


@pytest.mark.parametrize("whose", [PUBLISHER, GATEWAY])
def test_an_exception_lasts_no_longer_although_a_clock_is_set_back(
    holdfast: Holdfast, gateway: RemoteGateway, clocks: dict[str, WrongClock], whose: str
):
    with Backend(IDENTITY) as backend:
        api = holdfast.publish_api(backend.url())
        both = ["200"] * 2
        # While the publisher's clock is right.
        grant_until(lambda: answers(holdfast, gateway, api) == both, holdfast, backend.url(), timedelta(seconds=10))
        clocks[whose].set(-DAY)
        # Gateways end it themselves: the publisher would do it too late, or can't.
        with pause(holdfast.pid) if whose == GATEWAY else nullcontext():
            wait_until(lambda: "200" not in answers(holdfast, gateway, api), NOTICED_WITHIN)
        clocks[whose].set(NONE)
        wake(holdfast)
        wait_until(lambda: answers(holdfast, gateway, api) == [NOT_TRUSTED] * 2)


def test_an_exception_ends_early_for_good_if_the_clock_of_the_publisher_jumps_but_not_if_that_of_a_gateway_does(
    holdfast: Holdfast, gateway: RemoteGateway, clocks: dict[str, WrongClock]
):
    with Backend(IDENTITY) as backend, Backend(IDENTITY) as other:
        api, another = holdfast.publish_api(backend.url()), holdfast.publish_api(other.url())
        grant(holdfast, backend.url(), timedelta(hours=1))
        wait_until(lambda: answers(holdfast, gateway, api) == ["200"] * 2)
        clocks[GATEWAY].set(DAY)
        grant(holdfast, other.url(), timedelta(hours=1))  # the gateway looks at its clock
        wait_until(lambda: answers(holdfast, gateway, another) == ["200"] * 2)
        assert answers(holdfast, gateway, api) == ["200"] * 2
        clocks[GATEWAY].set(NONE)
        for ahead in (DAY, NONE):
            clocks[PUBLISHER].set(ahead)
            wake(holdfast)
            wait_until(lambda: answers(holdfast, gateway, api) == [NOT_TRUSTED] * 2)


def is_kept_out(gateway: RemoteGateway) -> bool:
    """Return whether it isn't accepted, or doesn't accept the publisher's certificate, which is new."""
    return any(NOT_ACCEPTED in reason or NOT_YET_VALID in reason for reason in gateway.reasons)


def test_a_gateway_whose_certificate_has_expired_serves_without_changes_and_connects_once_clocks_are_right(
    holdfast: Holdfast, gateway: RemoteGateway, clocks: dict[str, WrongClock]
):
    with Backend(IDENTITY) as stable_backend, Backend(IDENTITY) as backend:
        stable = holdfast.publish_trusted_api(stable_backend.url(), IDENTITY.pem)
        api = holdfast.publish_api(backend.url())
        alias = holdfast.import_certificate(backend.url(), IDENTITY.pem)
        gateway.kill()
        for clock in clocks.values():
            clock.set(31 * DAY)
        gateway.run()
        wait_until(lambda: gateway.status_of(stable) == 200, STARTS_WITHIN)
        wait_until(lambda: is_kept_out(gateway))
        assert "the gateway's certificate has expired" in gateway.log.read_text()
        holdfast.delete_certificate(alias)
        wait_until(lambda: progress(holdfast, backend.url()) == ("enforced", 1, [NAME]))
        assert answers(holdfast, gateway, api) == [NOT_TRUSTED, "200"]
        for clock in clocks.values():
            clock.set(NONE)
        wait_until(lambda: progress(holdfast, backend.url()) == EVERYWHERE, CONNECTS_AGAIN_WITHIN)
        assert answers(holdfast, gateway, api) == [NOT_TRUSTED] * 2
