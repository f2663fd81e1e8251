"""TLS to a PostgreSQL server: its certificate must be issued by a trusted CA, for its name."""

import socket
import ssl
import threading
from contextlib import closing, contextmanager, suppress

import pytest

from holdfast.server.clock import utc_now
from holdfast.store.database import Store
from holdfast.store.errors import StoreRefused
from holdfast.store.postgresql.location import parse_location
from issuing import issue, server_context
from postgresql import shared_server

CA, OTHER_CA = issue("ca", ca=True), issue("another-ca", ca=True)


@contextmanager
def tls_in_front_of(port):
    """Yield a port that takes TLS, as PostgreSQL does; the package for tests is built without it."""
    context, versions = server_context(issue("localhost", by=CA)), []

    def serve(listener):
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=connect, args=[client], daemon=True).start()

    def connect(client):
        with suppress(OSError, ssl.SSLError), client:
            client.recv(8)  # SSLRequest, which is answered before the handshake
            client.sendall(b"S")
            with (
                context.wrap_socket(client, server_side=True) as inside,
                socket.create_connection(("127.0.0.1", port)) as server,
            ):
                versions.append(inside.version())
                threading.Thread(target=copy, args=[server, inside], daemon=True).start()
                copy(inside, server)

    def copy(source, target):
        with suppress(OSError, ssl.SSLError):
            while content := source.recv(65536):
                target.sendall(content)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=[listener], daemon=True).start()
        yield listener.getsockname()[1], versions


@pytest.fixture(scope="module")
def database():
    return shared_server().create_database()


def make_location(database, port, host, ca, directory):
    file = directory / "ca.pem"
    file.write_bytes(ca.pem)
    url = f"postgresql://holdfast@{host}:{port}/{database.name}?sslmode=verify-full&sslrootcert={file}"
    return parse_location(url, password=database.password)


@pytest.mark.long
def test_a_verified_server_is_used(database, tmp_path):
    with tls_in_front_of(database.port) as (port, versions):
        with closing(Store(make_location(database, port, "localhost", CA, tmp_path), utc_now())) as store, store.read():
            pass
        assert set(versions) == {"TLSv1.3"}


@pytest.mark.parametrize(
    ("host", "ca", "says"),
    [
        ("localhost", OTHER_CA, r"certificate verify failed.*Set sslrootcert in the URL"),
        ("127.0.0.1", CA, r"does not match host name.*Use a name from the server's certificate"),
    ],
)
def test_a_server_that_cannot_be_verified_is_refused(database, tmp_path, host, ca, says):
    with tls_in_front_of(database.port) as (port, _), pytest.raises(StoreRefused, match=says):
        Store(make_location(database, port, host, ca, tmp_path), utc_now())
