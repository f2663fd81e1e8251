"""URLs of PostgreSQL databases: verified TLS to other machines, and no password in any text."""

import certifi
import pytest

from holdfast.store.postgresql.location import parse_location


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for name in ("PGHOST", "PGSSLMODE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://holdfast@db.example/holdfast",
        "postgres://db.example",
        "postgresql://db1.example:5433,db2.example:5434/holdfast",
        "postgresql://127.0.0.1,192.0.2.1/holdfast",
        "postgresql:///holdfast?host=db.example",
        "postgresql://localhost/holdfast?hostaddr=192.0.2.1",
        "postgresql:///?service=production",
    ],
)
def test_a_server_on_another_machine_must_prove_its_name(url):
    location = parse_location(url)
    assert location.parameters["sslmode"] == "verify-full"
    assert location.parameters["sslrootcert"]
    assert not location.weak_tls


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///holdfast",
        "postgresql://localhost/holdfast",
        "postgresql://[::1]:5433/holdfast",
        "postgresql://127.0.0.1,127.0.0.2/holdfast",
        "postgresql:///holdfast?host=/run/postgresql",
    ],
)
def test_a_server_on_this_machine_needs_no_tls(url):
    assert "sslmode" not in parse_location(url).parameters


def test_the_variables_of_libpq_cannot_turn_verification_off(monkeypatch):
    monkeypatch.setenv("PGHOST", "db.example")
    monkeypatch.setenv("PGSSLMODE", "disable")
    assert parse_location("postgresql:///holdfast").parameters["sslmode"] == "verify-full"


@pytest.mark.parametrize("mode", ["disable", "prefer", "require", "verify-ca"])
def test_weaker_tls_applies_only_if_the_url_contains_it_and_is_named(mode):
    location = parse_location(f"postgresql://db.example/holdfast?sslmode={mode}")
    assert (location.parameters["sslmode"], location.weak_tls) == (mode, mode)


def test_the_url_can_name_the_file_of_a_ca():
    location = parse_location("postgresql://db.example/holdfast?sslrootcert=/etc/ca.pem")
    assert (location.parameters["sslmode"], location.parameters["sslrootcert"]) == ("verify-full", "/etc/ca.pem")


def test_a_server_on_this_machine_is_verified_if_the_url_names_a_ca():
    location = parse_location("postgresql://localhost/holdfast?sslrootcert=/etc/ca.pem")
    assert (location.parameters["sslmode"], location.weak_tls) == ("verify-full", "")
    location = parse_location("postgresql://localhost/holdfast?sslrootcert=/etc/ca.pem&sslmode=prefer")
    assert (location.parameters["sslmode"], location.weak_tls) == ("prefer", "")


def test_a_server_on_this_machine_is_verified_with_the_same_cas_if_the_url_has_sslmode():
    parameters = parse_location("postgresql://localhost/holdfast?sslmode=verify-full").parameters
    assert parameters["sslrootcert"] == parse_location("postgresql://db.example").parameters["sslrootcert"]


def test_the_cas_are_those_of_the_system_or_of_ssl_cert_file(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    assert parse_location("postgresql://db.example").parameters["sslrootcert"] == certifi.where()


def test_a_password_is_in_no_text():
    for location in (
        parse_location("postgresql://anna:hunter2@db.example/holdfast"),
        parse_location("postgresql://anna@db.example/holdfast?password=hunter2"),
        parse_location("postgresql://anna@db.example/holdfast", password="hunter2"),
    ):
        assert location.password == "hunter2"
        assert "hunter2" not in f"{location} {location!r}"
        assert str(location) == "PostgreSQL database holdfast at db.example"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("db.example", "isn't the URL of a PostgreSQL database"),
        ("mysql://anna:hunter2@db.example/holdfast", "isn't the URL of a PostgreSQL database"),
        ("postgresql://anna:hunter2%zz@db.example/holdfast", "Percent-encode"),
        ("postgresql://anna:hunter2@db.example/holdfast?surprise=1", "check the names of parameters"),
    ],
)
def test_an_invalid_url_is_rejected_without_repeating_it(url, says):
    with pytest.raises(ValueError, match=says) as error:
        parse_location(url)
    assert "hunter2" not in str(error.value)


def test_two_passwords_are_rejected():
    with pytest.raises(ValueError, match="Remove one of them"):
        parse_location("postgresql://anna:one@db.example", password="two")
