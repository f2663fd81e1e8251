"""`holdfast doctor` reports problems, says what to do, and changes nothing."""

import os
import resource
import socket
import sqlite3
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from backends import Backend
from holdfast.apis.gateways.gateway import Gateway, IssuedCertificate, Placement
from holdfast.apis.identities.gateway_identity import GatewayIdentity
from holdfast.apis.trust.trust_settings import TrustException, TrustSettings
from holdfast.doctor import examine
from holdfast.files.locks import shared_lock
from holdfast.files.sealing_keys import KeyFile
from holdfast.gateway.process.directory import ENVOY_LOCK
from holdfast.server.access.admin_password import PASSWORD_FILE
from holdfast.server.clock import utc_now
from holdfast.server.machine.directories import DATABASE_FILE, GATEWAY, lock_data_directory
from holdfast.server.sealing.keys import KEY_FILE
from holdfast.server.settings import Settings
from holdfast.services.gateways.authority import get_authority
from holdfast.store.catalog import apis
from holdfast.store.database import Store
from holdfast.store.gateways import certificates, gateways
from holdfast.store.identities import caller_certificates, gateway_identities
from holdfast.store.sealing import Sealing
from holdfast.store.trust import endpoint_certificates, trust_settings
from issuing import DAY, issue
from ports import free_addresses
from running import write_identity
from scripted_provider import ScriptedProvider
from store.values import make_api, make_caller, make_entry, read

NOW = datetime.now(UTC)  # for stored objects; files are newer, by minutes if many tests run
ORIGIN = "https://pizza.test"


def snapshot(directory):
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in directory.iterdir()}


def test_a_healthy_installation_passes_and_nothing_is_changed(data, unwell):
    before = snapshot(data)
    assert unwell() == {}
    assert snapshot(data) == before


def test_a_database_in_use_is_read_in_its_current_state(data, unwell, change_database):
    store = Store(data / DATABASE_FILE, utc_now())
    change_database(
        lambda session: endpoint_certificates.insert(session, make_entry("old", issue("a.test", end=5 * DAY)))
    )
    assert (data / f"{DATABASE_FILE}-wal").exists()
    assert unwell()["endpoint certificates"][0] == "warning"
    store.close()


def test_a_low_limit_on_files_is_a_warning_with_the_connections_it_allows(unwell):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        with pytest.MonkeyPatch.context() as context:
            context.setattr("holdfast.server.machine.limits.resource.getrlimit", lambda _which: (256, 1024))
            outcome, text, advice = unwell()["connections"]
    finally:
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)  # unchanged
    assert (outcome, text) == (
        "warning",
        "1024 open files allow 512 connections to the publisher (128 from one address) and 384 to the gateway.",
    )
    assert "LimitNOFILE" in advice


def test_a_missing_data_directory_is_not_a_failure(settings, tmp_path):
    checks = {check.name: check for check in examine(settings(data=tmp_path / "none"), NOW)}
    assert {check.outcome for check in checks.values()} == {"ok", "warning"}
    assert checks["data directory"].advice.startswith("`holdfast up` creates it.")
    assert not (tmp_path / "none").exists()


def test_files_that_others_can_read_are_named_with_a_command_as_fix(data, unwell, tmp_path):
    key = write_identity(tmp_path, issue("127.0.0.1"))[1]
    (data / PASSWORD_FILE).write_text("secret\n")
    for path in (data / PASSWORD_FILE, data / KEY_FILE, key):
        path.chmod(0o644)
    data.chmod(0o755)
    (data / DATABASE_FILE).chmod(0o644)
    problems = unwell(tls_cert=tmp_path / "publisher.pem", tls_key=key)
    assert {name for name, (outcome, *_) in problems.items() if outcome == "failed"} == {
        "data directory",
        PASSWORD_FILE,
        KEY_FILE,
        DATABASE_FILE,
        key.name,
    }
    assert problems[KEY_FILE][2] == f"chmod 600 {data / KEY_FILE}"
    assert problems["data directory"][2] == f"chmod 700 {data}"


def test_every_file_that_others_can_read_is_named(data, unwell):
    log = data / "gateway" / "envoy.log"
    log.parent.mkdir()
    log.touch(0o640)
    (data / DATABASE_FILE).chmod(0o644)
    assert {name: advice for name, (_, _, advice) in unwell().items()} == {
        DATABASE_FILE: f"chmod 600 {data / DATABASE_FILE}",
        "envoy.log": f"chmod 600 {log}",
    }
    with lock_data_directory(data):
        pass
    assert unwell() == {}


def test_a_clock_that_was_set_back_is_reported(unwell):
    assert unwell(NOW - timedelta(days=30))["clock"][0] == "warning"
    assert unwell(datetime(1970, 1, 1, tzinfo=UTC))["clock"][0] == "failed"


def test_a_port_in_use_fails_unless_holdfast_is_running(data, unwell):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        address = f"127.0.0.1:{busy.getsockname()[1]}"
        assert unwell(gateway=address)["gateway"] == (
            "failed",
            f"Can't listen on {address}: address already in use.",
            "Stop the program that uses it, or choose another with --gateway HOST:PORT.",
        )
        with lock_data_directory(data):
            problems = unwell(gateway=address)
    assert "gateway" not in problems
    assert problems["publisher"][1].startswith("Holdfast is running, but nothing listens on ")
    assert problems["health"][1].startswith("Holdfast is running, but http://127.0.0.1:")


def test_ports_of_a_gateway_that_outlived_its_publisher_are_in_order(data, unwell):
    gateway = data / GATEWAY
    gateway.mkdir(mode=0o700)
    with socket.create_server(("127.0.0.1", 0)) as busy, shared_lock(gateway / ENVOY_LOCK):
        assert unwell(gateway=f"127.0.0.1:{busy.getsockname()[1]}") == {}


def test_ports_of_a_gateway_that_was_stopped_are_reported_with_the_command_that_starts_it(data, unwell):
    (address,) = free_addresses(1)
    with lock_data_directory(data):
        problem = unwell(gateway=address)["gateway"]
        assert problem == (
            "warning",
            f"Nothing listens on {address}, because no gateway is running in {data / GATEWAY}.",
            f"Unless all gateways are on other machines, run `holdfast gateway run --data {data / GATEWAY}`.",
        )
        (data / GATEWAY).mkdir(mode=0o700)
        with shared_lock(data / GATEWAY / ENVOY_LOCK):
            assert "It was started with other settings." in unwell(gateway=address)["gateway"][2]


def test_addresses_that_overlap_or_do_not_exist_fail(unwell):
    (address,) = free_addresses(1)
    both = f"--publisher and --gateway both listen on {address}. Choose another port."
    assert unwell(publisher=address, gateway=address)["addresses"][1] == both
    problem = unwell(gateway="gateway.invalid:8280")["addresses"][1]
    assert problem.startswith("--gateway gateway.invalid:8280: gateway.invalid has no address (")


def test_another_envoy_is_named(unwell, tmp_path):
    other = tmp_path / "envoy"
    other.write_text("#!/bin/sh\necho 'envoy  version: 0/1.31.2/Clean/RELEASE/BoringSSL'\n")
    other.chmod(0o755)
    assert unwell(envoy=other)["Envoy"][1] == f"{other} is Envoy 1.31; Holdfast is tested with 1.40."
    other.write_text("#!/bin/sh\nexit 1\n")
    assert unwell(envoy=other)["Envoy"][0] == "failed"
    assert unwell(envoy=tmp_path / "none")["Envoy"][1].startswith("No Envoy at ")


def test_the_certificate_of_the_publisher_is_checked(unwell, tmp_path):
    certificate, key = write_identity(tmp_path, issue("127.0.0.1", end=10 * DAY))
    assert unwell(tls_cert=certificate, tls_key=key)["TLS"][0] == "warning"
    key.write_bytes(issue("127.0.0.1").key_pem)
    assert unwell(tls_cert=certificate, tls_key=key)["TLS"][0] == "failed"
    write_identity(tmp_path, issue("127.0.0.1", start=-2 * DAY, end=-DAY))
    outcome, text, advice = unwell(tls_cert=certificate, tls_key=key)["TLS"]
    assert (outcome, text.startswith(f"The certificate in {certificate} expired on ")) == ("failed", True)
    assert "SIGHUP" in advice
    assert unwell(tls_key=key)["TLS"][1].startswith("--tls-cert and --tls-key belong together.")


def test_the_certificate_of_the_gateway_is_checked(unwell, tmp_path):
    certificate, key = write_identity(tmp_path, issue("127.0.0.1", end=10 * DAY))
    (address,) = free_addresses(1)
    options = {"gateway_tls": address, "gateway_tls_cert": certificate, "gateway_tls_key": key}
    assert unwell(**options)["gateway TLS"][0] == "warning"
    key.chmod(0o644)
    assert unwell(**options)[key.name][0] == "failed"
    key.chmod(0o600)
    key.write_bytes(issue("127.0.0.1").key_pem)
    assert unwell(**options)["gateway TLS"][0] == "failed"
    assert "belong together" in unwell(gateway_tls=address)["gateway TLS"][1]
    host, port = address.split(":")
    with socket.create_server((host, int(port))):
        assert "--gateway-tls HOST:PORT" in unwell(**options)["gateway-tls"][2]


def test_https_ports_without_a_certificate_are_reported(data, unwell, tmp_path):
    certificate, key = tmp_path / "missing.pem", tmp_path / "missing.key"
    (address,) = free_addresses(1)
    of_gateway = {"gateway_tls": address, "gateway_tls_cert": certificate, "gateway_tls_key": key}
    with lock_data_directory(data):
        problems = unwell(tls_cert=certificate, tls_key=key, **of_gateway)
    assert problems["gateway-tls"] == (
        "warning",
        f"Nothing listens on {address}, because the gateway doesn't have a certificate.",
        "Fix its files. The port then opens automatically.",
    )
    assert f"can't read {certificate} to verify it: No such file or directory" in problems["health"][1]


def test_a_publisher_without_tls_that_other_machines_can_reach_is_reported(unwell):
    (port,) = (address.partition(":")[2] for address in free_addresses(1))
    assert unwell(publisher=f"0.0.0.0:{port}")["TLS"][0] == "failed"
    assert unwell(publisher=f"0.0.0.0:{port}", insecure_http=True)["TLS"][0] == "warning"


def test_a_damaged_database_is_reported(data, unwell):
    path = data / DATABASE_FILE
    content = bytearray(path.read_bytes())
    content[4096:12288] = bytes(8192)
    path.write_bytes(content)
    assert unwell()["database"][0] == "failed"
    path.write_bytes(b"no database at all" * 1000)
    assert "file is not a database" in unwell()["database"][1]


def test_tables_of_another_version_are_reported(data, unwell):
    for revision, outcome in (("9999", "failed"), ("0003", "warning")):
        with sqlite3.connect(data / DATABASE_FILE) as connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.close()
        problems = unwell()
        assert problems.keys() == {"tables"}  # this version may not be able to read the rows
        assert (problems["tables"][0], revision in problems["tables"][1]) == (outcome, True)


def test_a_wrong_sealing_key_is_reported(data, change_database, unwell):
    row = str(uuid.uuid4())
    secret = Sealing(KeyFile(data / KEY_FILE).read).seal(b"key", "default", row)
    chain = (read(issue("gateway", end=5 * DAY)),)
    entry = GatewayIdentity(
        id=row,
        organization="default",
        origin=ORIGIN,
        endpoint=ORIGIN,
        chain=chain,
        sealed_key=secret,
        pending=None,
        created_at=NOW,
        updated_at=NOW,
    )
    change_database(lambda session: gateway_identities.save(session, entry))
    assert unwell().keys() == {"client certificates"}  # it expires soon
    (data / KEY_FILE).unlink()
    assert unwell()["sealing key"][:2] == ("failed", f"It can't decrypt the secrets for {ORIGIN} of default.")
    (data / KEY_FILE).write_text("nonsense")
    (data / KEY_FILE).chmod(0o600)
    assert unwell()["sealing key"][1].startswith(f"{data / KEY_FILE} is not a sealing key")


def test_expired_and_expiring_certificates_are_named(change_database, unwell):
    old, soon = issue("a.test", start=-3 * DAY, end=-DAY), issue("b.test", end=10 * DAY)

    def write(session):
        endpoint_certificates.insert(session, make_entry("old", old))
        endpoint_certificates.insert(session, make_entry("soon", soon))
        endpoint_certificates.insert(session, make_entry("rotated", old, issue("c.test")))
        for number in range(10):
            endpoint_certificates.insert(session, make_entry(f"x{number}", old))

    change_database(write)
    outcome, text, advice = unwell()["endpoint certificates"]
    assert (outcome, "holdfast certificate replace" in advice) == ("warning", True)
    assert text.startswith("Expired (11): old of default, x0 of default, ")
    assert " and 6 more. Expiring within 30 days (1): soon of default." in text
    assert "rotated" not in text


def test_expiring_caller_certificates_and_apis_without_any_are_named(change_database, unwell):
    closed, open_end = (make_api(name, requires_certificate=True) for name in ("Closed", "Left"))

    def write(session):
        for api in (closed, open_end, make_api("Open")):
            apis.insert(session, api)
        caller_certificates.insert(session, make_caller(closed, "old", issue(start=-3 * DAY, end=-DAY)))
        caller_certificates.insert(session, make_caller(open_end, "soon", issue(end=DAY)))

    change_database(write)
    problems = unwell()
    assert problems["certificates of callers"][1] == (
        "Expired (1): old for Closed 1.0.0 of default. Expiring within 30 days (1): soon for Left 1.0.0 of default."
    )
    assert problems["callers"][1] == "Nobody can call Closed 1.0.0 of default: it has no caller certificates."


def test_gateways_that_do_not_renew_their_certificates_are_named(change_database, unwell):
    def join(session, name, remaining):
        gateway = Gateway(name, "default", name, Placement("Default", {}), NOW)
        gateways.insert(session, gateway)
        for end in (remaining - 20 * DAY, remaining):  # the older one doesn't count
            certificate = IssuedCertificate(f"{name} {end}", NOW, NOW + end, NOW)
            certificates.insert(session, gateway, certificate)

    change_database(
        lambda session: [
            join(session, *arguments) for arguments in (("eu-1", -DAY), ("eu-2", 6 * DAY), ("eu-3", 9 * DAY))
        ]
    )
    outcome, text, _ = unwell()["gateways"]
    assert outcome == "warning"
    assert text == "Their certificates have expired: eu-1. They should have renewed their certificates: eu-2."


def test_a_lost_key_of_the_gateway_ca_is_reported(data, change_database, unwell):
    store = Store(data / DATABASE_FILE, utc_now())
    change_database(lambda _: None)
    get_authority(store, Sealing(lambda: (bytes(32),)), NOW)
    store.close()
    outcome, text, advice = unwell()["sealing key"]
    assert (outcome, "the gateway CA of default" in text) == ("failed", True)
    assert "revoke all gateways" in advice


def test_exceptions_are_named(change_database, unwell):
    on = TrustSettings("default", ORIGIN, exception=TrustException("because", "anna", NOW + DAY))
    off = TrustSettings("default", "https://over.test", exception=TrustException("because", "anna", NOW - DAY))
    for settings_of_one in (on, off):
        change_database(lambda session, settings_of_one=settings_of_one: trust_settings.save(session, settings_of_one))
    assert unwell()["exceptions"][1] == f"Verification is turned off for {ORIGIN} of default."


def test_the_identity_provider_is_checked(data):
    options = {"oidc_client_id": "holdfast", "oidc_client_secret": "s", "oidc_roles": "platform=admin"}
    with ScriptedProvider().serving() as provider:
        settings = Settings(data=data, oidc_issuer=provider.issuer, **options)
        assert [check.outcome for check in find_checks("identity provider", settings)] == ["ok"]
        provider.metadata["issuer"] = "https://elsewhere.test"
        (wrong,) = find_checks("identity provider", settings)
        assert (wrong.outcome, "has the issuer 'https://elsewhere.test'" in wrong.text) == ("failed", True)
    (absence,) = find_checks("identity provider", settings)
    assert (absence.outcome, "can't be reached" in absence.text) == ("failed", True)
    with Backend(issue("id.example")) as backend:
        (untrusted,) = find_checks("identity provider", Settings(data=data, oidc_issuer=backend.url(), **options))
        assert (untrusted.outcome, "set HOLDFAST_OIDC_CA_FILE" in untrusted.text) == ("failed", True)
    (lacking,) = find_checks("identity provider", Settings(data=data, oidc_issuer=provider.issuer))
    assert lacking.outcome == "failed"
    assert find_checks("identity provider", Settings(data=data)) == []


def find_checks(name, settings):
    return [check for check in examine(settings, NOW) if check.name == name]


def test_an_unusable_log_of_envoy_is_reported_as_at_startup(data, unwell):
    log = data / "gateway" / "envoy.log"
    log.mkdir(parents=True)
    assert unwell()["envoy.log"] == (
        "failed",
        f"Can't open Envoy's log {log} (Is a directory).",
        "Move it; Holdfast creates a new one.",
    )
    log.rmdir()
    os.mkfifo(log, 0o600)
    assert unwell()["envoy.log"][1].startswith(f"Can't open Envoy's log {log} (")
    log.unlink()
    assert "envoy.log" not in unwell()


def test_a_temporary_directory_with_a_path_too_long_for_sockets_is_named(unwell, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("x" * 100)))
    outcome, text, advice = unwell()["sockets"]
    assert (outcome, advice) == ("failed", "Set TMPDIR to a shorter path.")
    assert text.endswith("its path is longer than 95 bytes.")
