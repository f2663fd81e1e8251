"""Operators see the control planes that share a database on the page of gateways, and over REST."""

import re
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.apis.gateways.control_plane import ControlPlane
from holdfast.services.access.accounts import SESSION_COOKIE
from holdfast.services.access.permissions import Role
from holdfast.services.control_planes.presence import Presence
from holdfast.store.access import accounts
from holdfast.store.control_planes import control_planes, leases
from holdfast.store.topics import Topic
from rest.calls import PREFIX

pytestmark = pytest.mark.long

NOW = datetime.now(UTC)
ONE = ControlPlane("1", "web-1", "9.8.7", NOW, NOW, ("192.0.2.7:9081",), settings={"HOLDFAST_GATEWAY": "a"})
TWO = replace(ONE, id="2", name="web-2", started_at=NOW + timedelta(seconds=1), settings={"HOLDFAST_GATEWAY": "b"})
GONE = replace(ONE, id="3", name="web-3", started_at=NOW - timedelta(hours=1))


@pytest.fixture
def shared_plane(runtime):
    """A control plane of a shared database, with one that is live and one that was killed."""
    with runtime.store.note(Topic.CONTROL_PLANES) as session:
        now = datetime.now(UTC)
        live_until = now + timedelta(minutes=1)  # however slowly a test runs
        for control_plane, seen_at in ((ONE, live_until), (TWO, live_until), (GONE, now - timedelta(seconds=11))):
            control_planes.save(session, control_plane, control_plane.name, seen_at)
        leases.take(session, "tasks", "2", now, timedelta(minutes=1))
    return replace(runtime, presence=Presence(runtime.store, ONE, "web-1", shared=True))


@pytest.fixture
def sign_in_as(shared_plane, connect):
    """Return a client of the shared control plane for an admin of an organization."""

    def sign_in(organization):
        user = accounts.User(str(uuid.uuid4()), organization, f"admin of {organization}", "", frozenset({Role.ADMIN}))
        with shared_plane.store.write() as session:
            accounts.insert_organization(session, organization, NOW)
            accounts.insert_user(session, user, NOW)
        client = connect(shared_plane)
        client.cookies.set(SESSION_COOKIE, shared_plane.accounts.start_session(user, shared_plane.now()))
        return client

    return sign_in


def test_operators_see_which_control_planes_are_live_and_what_differs(sign_in_as):
    operator = sign_in_as("default")
    page = operator.get("/gateways").text
    states = re.findall(r'data-control-plane="(.*?)" data-live="(.*?)"', page)
    assert states == [("web-1", "true"), ("web-2", "true"), ("web-3", "false")]
    assert "<code>HOLDFAST_GATEWAY</code>" in page

    body = operator.get(f"{PREFIX}/control-planes").json()
    assert body["count"] == 3
    one, two, three = body["list"]
    assert (one["live"], two["live"], three["live"]) == (True, True, False)
    assert (one["doesTasks"], two["doesTasks"], three["doesTasks"]) == (False, True, False)
    assert (one["deviatingSettings"], two["deviatingSettings"]) == ([], ["HOLDFAST_GATEWAY"])
    assert one["discovery"] == ["192.0.2.7:9081"]


def test_admins_of_other_organizations_see_no_control_planes(sign_in_as):
    stranger = sign_in_as("other")
    assert "data-control-plane" not in stranger.get("/gateways").text
    assert stranger.get(f"{PREFIX}/control-planes").status_code == 403


def test_a_database_file_has_one_control_plane(client, sign_in, enlist):
    assert "data-control-plane" not in client.get("/gateways").text
    operator = sign_in(enlist("default", str(uuid.uuid4()), Role.ADMIN))
    (only,) = operator.get(f"{PREFIX}/control-planes").json()["list"]
    assert (only["name"], only["live"], only["doesTasks"], only["deviatingSettings"]) == ("cp-1", True, True, [])
    metrics = operator.get("/metrics").text
    assert "holdfast_control_planes_live 1.0" in metrics
    assert "holdfast_lease_held 1.0" in metrics
