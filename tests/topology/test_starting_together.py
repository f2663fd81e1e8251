"""Control planes that start at the same time on an empty database, with real processes and a real PostgreSQL."""

import base64
from contextlib import ExitStack
from pathlib import Path

import pytest

from holdfast.network.sockets import CannotStart
from holdfast.server.sealing.rotation import rotate_sealing_key
from holdfast.server.settings import Settings
from ports import free_addresses
from postgresql import shared_server
from running import REST, wait_until
from topology.installation import KEY, ControlPlane

OTHER_KEY = base64.b64encode(bytes(32)).decode()


@pytest.fixture
def database():
    return shared_server().create_database()


@pytest.fixture
def control_plane(tmp_path_factory, database):
    """Make a control plane on the database, which the test starts."""
    directory = tmp_path_factory.mktemp("both")  # short, because the paths of unix sockets are
    addresses = dict(zip(("gateway", "sandbox"), free_addresses(2), strict=True))
    with ExitStack() as stack:

        def make(name: str, **environment: str) -> ControlPlane:
            instance = ControlPlane(directory, name, database.url, addresses, **environment)
            stack.callback(lambda: instance.is_started and instance.kill_publisher())
            stack.callback(instance.rest.close)
            return instance

        yield make


def generate_password(control_plane: ControlPlane) -> None:
    """Let a control plane that starts first generate the password of admin."""
    del control_plane.environment["HOLDFAST_ADMIN_PASSWORD"]


def test_two_that_start_together_make_one_of_everything(control_plane, database):
    both = [control_plane("a"), control_plane("b", HOLDFAST_HEADER_KIB="64")]
    for holdfast in both:
        generate_password(holdfast)
        holdfast.begin()
    for holdfast in both:
        holdfast.wait_until_ready()
    lines = [
        line for holdfast in both for line in holdfast.output.read_text().splitlines() if "Password of admin: " in line
    ]
    assert len(lines) == 1
    password = lines[0].split("Password of admin: ")[1].split()[0]
    files = [holdfast.data / "admin-password" for holdfast in both if (holdfast.data / "admin-password").exists()]
    assert [file.read_text().strip() for file in files] == [password]
    tables = ("organization", "user_account", "gateway_authority", "gateway_group", "sealed_value", "alembic_version")
    with database.connect() as connection:
        counts = {table: len(connection.execute(f"TABLE {table}").fetchall()) for table in tables}
    assert counts == dict.fromkeys(tables, 1)

    rest = {holdfast.name: holdfast.browser(REST, auth=("admin", password)) for holdfast in both}

    def states(seen_by: str) -> dict[str, tuple[bool, bool]]:
        """Return whether each control plane is live, and whether it does what is done once."""
        entries = rest[seen_by].get("/control-planes").json()["list"]
        return {entry["name"]: (entry["live"], entry["doesTasks"]) for entry in entries}

    wait_until(lambda: sorted(states("a").values()) == [(True, False), (True, True)] and states("a") == states("b"))
    holder, other = sorted(both, key=lambda holdfast: states("a")[holdfast.name], reverse=True)
    holder.stop()
    # At once, so much sooner than the lease would end.
    wait_until(lambda: states(other.name) == {other.name: (True, True)}, 7)

    holder.start()
    # The one that has run for longer is right.
    deviating = [entry["deviatingSettings"] for entry in rest[other.name].get("/control-planes").json()["list"]]
    assert sorted(deviating) == [[], ["HOLDFAST_HEADER_KIB"]]
    with holder.browser() as browser:
        # Without a gateway, it is ready, because gateways must be able to join.
        wait_until(lambda: {"gateway", "settings"} <= set(browser.get("/readyz").json()["degraded"]))
        assert browser.get("/readyz").status_code == 200

    other.kill_publisher()
    wait_until(lambda: states(holder.name) == {holder.name: (True, True), other.name: (False, False)})
    for client in rest.values():
        client.close()


def test_a_control_plane_with_another_sealing_key_or_without_one_says_what_to_do(control_plane):
    control_plane("first").start()
    wrong = control_plane("wrong", HOLDFAST_SEALING_KEY=OTHER_KEY)
    missing = control_plane("missing")
    del missing.environment["HOLDFAST_SEALING_KEY"]
    for holdfast in (wrong, missing):
        line = holdfast.refuse_to_start()
        assert "can't decrypt what the database contains" in line
        assert "Set HOLDFAST_SEALING_KEY" in line
    assert not Path(missing.data / "sealing-key").exists()


def test_a_control_plane_with_the_name_of_a_live_one_says_what_to_do(control_plane):
    first = control_plane("same")
    first.start()
    second = control_plane("other", HOLDFAST_NAME="same")
    assert "Choose another one with --name." in second.refuse_to_start()
    first.kill_publisher()
    first.start()  # at once: its data directory shows that the one before has ended


def test_the_sealing_key_is_rotated_only_once_every_control_plane_has_the_new_one(control_plane, database, tmp_path):
    first = control_plane("first")
    first.start()
    both = Settings(data=tmp_path, database=database.url, sealing_key=f"{OTHER_KEY},{KEY}")
    with pytest.raises(CannotStart, match="are running: first"):
        rotate_sealing_key(both)
    first.stop()
    first.environment["HOLDFAST_SEALING_KEY"] = f"{KEY},{OTHER_KEY}"
    first.start()
    assert rotate_sealing_key(both) == (1, 0)  # the key of the gateways' CA
    assert "can't decrypt" in control_plane("old").refuse_to_start()
    control_plane("new", HOLDFAST_SEALING_KEY=OTHER_KEY).start()


def test_the_gateway_next_to_a_control_plane_is_named_after_it(control_plane):
    holdfast = control_plane("a")
    del holdfast.environment["HOLDFAST_WITHOUT_GATEWAY"]
    holdfast.start()
    try:
        gateways = {gateway["name"]: gateway["state"] for gateway in holdfast.rest.get("/gateways").json()["list"]}
        assert gateways == {"local@a": "LOCAL"}
        assert holdfast.rest.get("/gateways/local@a").status_code == 200
    finally:
        holdfast.stop()
