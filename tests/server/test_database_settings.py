"""Where the database is, as the settings say, and starts before its server runs."""

import asyncio
import subprocess
import sys

import pytest
from pydantic import SecretStr
from structlog.testing import CapturingLogger
from typer import BadParameter

from holdfast.cli.server.database import parse_database
from holdfast.network.sockets import CannotStart
from holdfast.server.database import opening
from holdfast.server.database.opening import open_store, read_location
from holdfast.server.settings import Settings
from holdfast.store.errors import StoreRefused, StoreUnreachable
from holdfast.store.postgresql.location import parse_location
from ports import free_addresses
from postgresql import shared_server
from running import Holdfast, wait_until

URL = SecretStr("postgresql://holdfast@db.example/holdfast")


def test_without_a_url_the_database_is_in_the_data_directory(tmp_path):
    assert read_location(Settings(), tmp_path) == tmp_path / "holdfast.sqlite"


def test_the_password_can_be_in_a_variable_or_a_file(tmp_path):
    file = tmp_path / "password"
    file.write_text("hunter2\n")
    for settings in (
        Settings(database=URL, database_password=SecretStr("hunter2")),
        Settings(database=URL, database_password_file=file),
    ):
        location = read_location(settings, tmp_path)
        assert (location.password, location.connections) == ("hunter2", 20)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"database_password": "one", "database_password_file": "two"}, "are both set"),
        ({"database_password_file": "missing"}, "HOLDFAST_DATABASE_PASSWORD_FILE: can't read"),
        ({"database_password_file": "/dev/null"}, "HOLDFAST_DATABASE_PASSWORD_FILE: /dev/null is empty"),
        ({"database": "postgresql://a:secret@h", "database_password": "two"}, "HOLDFAST_DATABASE: it contains a pass"),
        ({"database": "sqlite:///secret"}, "HOLDFAST_DATABASE: it isn't the URL of a PostgreSQL database"),
    ],
)
def test_settings_that_contradict_each_other_or_cannot_be_read_are_explained(tmp_path, options, says):
    with pytest.raises(CannotStart, match=says) as error:
        read_location(Settings(**{"database": URL, **options}), tmp_path)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("url", ["postgresql://a:hunter2@db.example/b", "postgresql://a@db.example/b?password=hunter2"])
def test_an_option_with_a_password_is_refused_without_repeating_it(url):
    with pytest.raises(BadParameter, match="Set HOLDFAST_DATABASE_PASSWORD") as error:
        parse_database(url)
    assert "hunter2" not in str(error.value)
    assert parse_database(URL.get_secret_value()) == URL.get_secret_value()


def test_a_start_waits_for_a_server_that_accepts_no_connections_yet(monkeypatch):
    monkeypatch.setattr(opening, "log", log := CapturingLogger())
    monkeypatch.setattr(opening, "PAUSE", 0.05)
    server = shared_server()
    database = server.create_database()
    server.execute(f"ALTER DATABASE {database.name} CONNECTION LIMIT 0")

    async def start():
        task = asyncio.create_task(open_store(parse_location(database.url)))
        await asyncio.to_thread(wait_until, lambda: log.calls)
        assert not task.done()
        server.execute(f"ALTER DATABASE {database.name} CONNECTION LIMIT -1")
        return await task

    asyncio.run(start()).close()
    (call,) = log.calls
    assert "too many connections" in call.kwargs["reason"]


def test_a_start_gives_up_after_a_while_and_at_once_if_waiting_is_useless(monkeypatch):
    monkeypatch.setattr(opening, "PAUSE", 0.05)
    monkeypatch.setattr(opening, "PATIENCE", 0.2)
    with pytest.raises(StoreUnreachable, match="Connection refused"):
        asyncio.run(open_store(parse_location(f"postgresql://holdfast@{free_addresses(1)[0]}/holdfast")))
    monkeypatch.setattr(opening, "PATIENCE", 60)
    with pytest.raises(StoreRefused, match='database "nothing" does not exist'):
        asyncio.run(open_store(parse_location(shared_server().database("nothing").url)))


def test_the_command_says_why_it_cannot_use_the_database(tmp_path):
    database = shared_server().database("nothing")
    assert Holdfast(tmp_path).refuse_to_start(database=database.url) == (
        f"holdfast: Can't connect to the PostgreSQL database nothing at {database.socket}:{database.port} "
        '(database "nothing" does not exist). Create the database, or correct the URL.'
    )


def test_the_driver_of_postgresql_is_not_loaded_with_sqlite(tmp_path):
    code = (
        "import sys; from pathlib import Path; import holdfast.server.app; from holdfast.store.database import Store; "
        "from holdfast.server.clock import utc_now; "
        "store = Store(Path(sys.argv[1]), utc_now());\n"
        "with store.write() as session: session.connection()\n"
        "assert not {name for name in sys.modules if name.startswith(('psycopg', 'holdfast.store.postgresql.'))}"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "holdfast.sqlite"], check=True)
