"""A control plane stops in time although its database accepts statements and answers none."""

from postgresql import PostgresServer
from topology.installation import ControlPlane


def test_a_control_plane_stops_while_its_database_hangs(short_path):
    with PostgresServer() as server:
        control_plane = ControlPlane(short_path, "a", server.create_database().url, {})
        try:
            control_plane.start()
            server.pause()
            control_plane.stop(within=15)
        finally:
            control_plane.rest.close()
