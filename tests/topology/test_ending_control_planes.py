"""Control planes are killed, stopped and restarted: callers notice nothing, and no change is lost or late."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from backends import V4, Backend
from deploying import Deployments
from holdfast.store.postgresql.engine import BEGIN
from holdfast.store.postgresql.opening import begin_alone
from holdfast.store.revisions import get_newest_revision
from issuing import issue
from load import Load
from running import wait_until
from topology.installation import ControlPlane, Gateway, Installation

pytestmark = [pytest.mark.envoy, pytest.mark.long]
WITHIN = 2.0  # seconds until a gateway that lost its control plane is connected to another one
SILENT_FOR = 6.0  # seconds until a gateway leaves a control plane that answers nothing
SLACK = 15.0  # seconds that a busy machine may add
MOVING = ["lost the control plane", "chose a control plane", "connected to the control plane"]  # in the agent's log


def test_a_change_at_one_control_plane_is_enforced_by_the_gateways_of_the_other(installation: Installation):
    identity = issue(V4)
    with Backend(identity) as backend:
        for gateway in installation.gateways:
            own, other = installation.sides_of(gateway)
            api = other.publish_api(backend.url())
            wait_until(lambda gateway=gateway, api=api: gateway.status_of(api) == 503)
            alias = other.import_certificate(backend.url(), identity.pem)
            # REST reported that every gateway enforces it.
            assert [gateway.status_of(api) for gateway in installation.gateways] == [200, 200]
            for control_plane in (own, other):
                wait_until(lambda at=control_plane, alias=alias: progress_of(at, alias) == ("enforced", 2))
            own.delete_certificate(alias)
            for reader in installation.gateways:
                wait_until(lambda reader=reader, api=api: reader.status_of(api) == 503)


class Rotation(threading.Thread):
    """Uploads and rotations, one after the other, at whichever control plane answers."""

    def __init__(self, installation: Installation, endpoint: str) -> None:
        super().__init__()
        self._control_planes = installation.control_planes
        self._endpoint = endpoint
        self._numbers = itertools.count(1)
        self.end = threading.Event()
        self.aliases: list[str] = []  # of those whose upload was acknowledged
        self.count = 0
        self.errors: list[str] = []

    def run(self) -> None:
        while not self.end.is_set():
            alias = f"rotation{next(self._numbers)}"
            certificate = issue(V4).pem
            files = {"certificate": ("certificate.pem", certificate)}
            form = {"alias": alias, "endpoint": self._endpoint}
            if self._ask("POST", "/endpoint-certificates", data=form, files=files):
                self.aliases.append(alias)
                files = {"certificate": ("certificate.pem", issue(V4).pem)}
                self.count += self._ask("PUT", f"/endpoint-certificates/{alias}?keepPrevious=true", files=files)

    def _ask(self, method: str, path: str, **more: object) -> bool:
        """Send a request, and return whether it was acknowledged; if not, the other control plane is next."""
        try:
            answer = self._control_planes[0].rest.request(method, path, **more)  # type: ignore[arg-type]
        except httpx2.TransportError as error:
            self.errors.append(repr(error))
            self._control_planes = self._control_planes[::-1]
            return False
        assert answer.is_success, answer.text
        return True


@contextmanager
def rotating(installation: Installation, backend: Backend) -> Iterator[Rotation]:
    rotation = Rotation(installation, backend.url())
    rotation.start()
    try:
        yield rotation
    finally:
        rotation.end.set()
        rotation.join()


def test_kill_9_of_a_control_plane_loses_no_request_and_nothing_that_was_acknowledged(installation: Installation):
    gateway = installation.gateways[0]
    own, other = installation.sides_of(gateway)
    identity = issue(V4)
    with Backend(identity) as backend:
        api = own.publish_api(backend.url())
        mine = own.import_certificate(backend.url(), identity.pem)
        for reader in installation.gateways:
            wait_until(lambda reader=reader: reader.status_of(api) == 200)
        with (
            Load(gateway, api.path) as load,
            Load(installation.gateways[1], api.path) as elsewhere,
            rotating(installation, backend) as rotation,
            Deployments([own, other], backend.url()) as deployments,
        ):
            wait_until(lambda: rotation.count > 2)
            before = len(gateway.events)
            own.kill_publisher()
            took = gateway.wait_until_connected(other)
            moves = [event["event"] for event in gateway.events[before:] if event["event"] in MOVING]
            installation.gateways[1].wait_until_connected(other)
            after = rotation.count
            theirs = issue(V4)
            with Backend(theirs) as another:
                second = other.publish_api(another.url())
                alias = other.import_certificate(another.url(), theirs.pem)
                wait_until(lambda: rotation.count > after + 2)
                deployments.go_on()
                assert [gateway.status_of(second) for gateway in installation.gateways] == [200, 200]
            load.go_on()
            elsewhere.go_on()
        assert took < WITHIN + SLACK
        assert moves == MOVING  # at the first attempt
        assert (set(load.answers), set(elsewhere.answers)) == ({"200"}, {"200"})
        entries = other.rest.get("/endpoint-certificates", params={"limit": 1000}).json()["certificates"]
        assert {mine, alias, *rotation.aliases} <= {entry["alias"] for entry in entries}
        own.start()
        assert (deployments.find_lost(own), deployments.find_lost(other), deployments.refusals) == ([], [], set())
        for reader in (own, other):
            wait_until(lambda reader=reader: progress_of(reader, rotation.aliases[-1]) == ("enforced", 2))


def progress_of(control_plane: ControlPlane, alias: str) -> tuple[str, int]:
    """Return whether a certificate is enforced, and on how many gateways."""
    progress = control_plane.rest.get(f"/endpoint-certificates/{alias}").json()["enforcement"]
    return progress["progress"], progress["enforcedOn"]


@contextmanager
def later_tables(installation: Installation) -> Iterator[None]:
    """Change the tables as a later version does, while this one uses them, and back at the end."""
    with installation.database.connect() as connection:
        connection.execute(begin_alone(60)[BEGIN])
        connection.execute("SET LOCAL lock_timeout = '30s'")
        connection.execute("ALTER TABLE api ADD COLUMN later varchar; CREATE TABLE later (api_id varchar)")
        connection.execute("UPDATE alembic_version SET version_num = '9999'; COMMIT")
        yield
        connection.execute("ALTER TABLE api DROP COLUMN later; DROP TABLE later")
        connection.execute("UPDATE alembic_version SET version_num = %s", [get_newest_revision()])


def test_a_rolling_restart_after_a_migration_fails_no_request_and_gateways_move_before_they_lose_anything(
    installation: Installation,
):
    with Backend(None) as backend:
        api = installation.control_planes[0].publish_api(backend.url())
        for gateway in installation.gateways:
            wait_until(lambda gateway=gateway: gateway.status_of(api) == 200)
        losses = [event_count(gateway, "lost the control plane") for gateway in installation.gateways]
        with (
            Load(installation.gateways[0], api.path) as load,
            Load(installation.gateways[1], api.path) as elsewhere,
            later_tables(installation),
        ):
            for control_plane in installation.control_planes:
                other = installation.other(control_plane)
                control_plane.stop()
                for gateway in installation.gateways:
                    gateway.wait_until_connected(other)
                new_api = other.publish_api(backend.url())
                for gateway in installation.gateways:
                    wait_until(lambda gateway=gateway, new_api=new_api: gateway.status_of(new_api) == 200)
                control_plane.start()
            load.go_on()
            elsewhere.go_on()
        assert (set(load.answers), set(elsewhere.answers)) == ({"200"}, {"200"})
        assert [event_count(gateway, "lost the control plane") for gateway in installation.gateways] == losses


def event_count(gateway: Gateway, event: str) -> int:
    return sum(entry["event"] == event for entry in gateway.events)


def test_a_control_plane_that_hangs_is_left_and_causes_no_harm_when_it_continues(installation: Installation):
    gateway = installation.gateways[0]
    own, other = installation.sides_of(gateway)
    with Backend(None) as backend:
        api = other.publish_api(backend.url())
        wait_until(lambda: gateway.status_of(api) == 200)
        with Load(gateway, api.path) as load:
            earlier = len(gateway.reasons)
            own.pause()
            assert gateway.wait_until_connected(other) < SILENT_FOR + SLACK
            # It asked the silent one; no limit of a request or of TCP ended the connection.
            assert "ping timeout" in gateway.reasons[earlier], gateway.reasons
            other.delete_api(api)
            wait_until(lambda: gateway.status_of(api) == 404)
            own.resume()
            new_api = own.publish_api(backend.url())
            wait_until(lambda: gateway.status_of(new_api) == 200)
        assert set(load.answers) <= {"200", "404 not_found"}
        assert gateway.status_of(api) == 404
