"""Caller certificates at a gateway with TLS."""

import hashlib
import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
import yaml

from backends import Backend
from calling import GATEWAYS, REFUSED, answer, mutual, tls_of
from cli.commanding import Command
from issuing import Identity, ed25519_key, issue, p521, rsa_key
from running import REST, Holdfast, PublishedApi, refusal, wait_until, write_identity
from written_files import complete_lines

pytestmark = [pytest.mark.envoy, pytest.mark.long]
ANNA, BERTA, CARLA = (issue(common_name=name) for name in ("anna", "berta", "carla"))
CALLER, TIME, FORWARDED = "x-holdfast-caller", "x-holdfast-time", "x-forwarded-client-cert"


@pytest.fixture(scope="module")
def holdfast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holdfast]:
    directory = tmp_path_factory.mktemp("callers")
    files = write_identity(directory, issue("127.0.0.1", by=GATEWAYS))
    with Holdfast(
        directory, gateway_identity=files, HOLDFAST_GATEWAY_ACCESS_LOG=str(directory / "access.log")
    ) as running:
        yield running


def upload_for(holdfast: Holdfast, api: PublishedApi, key_type: str, caller: Identity) -> None:
    """Let *caller* call one environment only, under the alias *key_type*."""
    fields, files = {"alias": key_type, "tier": "Gold"}, {"certificate": ("a.crt", caller.pem)}
    path = f"/apis/{api.id}/client-certs/{key_type}"
    assert holdfast.rest.post(path, data=fields, files=files).status_code == 201


def fingerprint(of: bytes) -> str:
    return hashlib.sha256(of).hexdigest()


def test_the_access_log_has_the_certificate_of_the_caller(holdfast: Holdfast):
    file = holdfast.data.parent / "access.log"
    with mutual(holdfast) as (_, api):
        holdfast.let_call(api, ANNA.pem)
        for caller in (ANNA, BERTA, None):
            assert answer(holdfast, api, caller, "/logged") == ("200" if caller is ANNA else REFUSED)

    def find_lines() -> list[dict[str, object]]:
        lines = map(json.loads, complete_lines(file))
        return [line for line in lines if line["path"] == f"{api.path}/logged"]

    lines = wait_until(lambda: len(entries := find_lines()) == 3 and entries)
    callers = [(line["status"], line.get("caller_subject"), line.get("caller_fingerprint")) for line in lines]
    assert callers == [
        (200, "CN=anna", fingerprint(ANNA.der)),
        (403, "CN=berta", fingerprint(BERTA.der)),
        (403, None, None),
    ]


@pytest.mark.parametrize("sandbox", [False, True])
def test_only_an_accepted_certificate_can_call_a_protected_api(holdfast: Holdfast, sandbox: bool):
    with mutual(holdfast) as (backend, api):
        assert answer(holdfast, api, sandbox=sandbox) == "200"
        holdfast.let_call(api, ANNA.pem)
        assert answer(holdfast, api, ANNA, sandbox=sandbox) == "200"
        count = backend.requests
        assert answer(holdfast, api, BERTA, sandbox=sandbox) == REFUSED
        assert answer(holdfast, api, sandbox=sandbox) == REFUSED
        assert refusal(holdfast.call(api.path, sandbox=sandbox)) == REFUSED
        assert backend.requests == count


def test_a_certificate_for_one_environment_is_not_accepted_by_the_other(holdfast: Holdfast):
    with mutual(holdfast) as (_, api):
        for key_type, caller in (("PRODUCTION", ANNA), ("SANDBOX", BERTA)):
            upload_for(holdfast, api, key_type, caller)
        wait_until(lambda: answer(holdfast, api, ANNA) == answer(holdfast, api, BERTA, sandbox=True) == "200")
        assert answer(holdfast, api, BERTA) == answer(holdfast, api, ANNA, sandbox=True) == REFUSED
        response = holdfast.rest.delete(f"/apis/{api.id}/client-certs/PRODUCTION/PRODUCTION")
        assert response.status_code == 200
        wait_until(lambda: answer(holdfast, api, ANNA) == REFUSED)
        assert answer(holdfast, api, BERTA, sandbox=True) == "200"


@pytest.mark.parametrize(
    "below", ["", "/", "/menu", "/menu?a=b", "/%2e%2e/menu", "/a%2Fb", "//", "/./menu", "/x/../menu"]
)
def test_no_spelling_of_the_path_bypasses_the_protection(holdfast: Holdfast, below: str):
    with mutual(holdfast) as (backend, api):
        holdfast.let_call(api, ANNA.pem)
        count = backend.requests
        assert answer(holdfast, api, BERTA, below) in {REFUSED, "404 not_found"}
        assert refusal(holdfast.call(api.path + below)) in {REFUSED, "404 not_found"}
        assert backend.requests == count


@pytest.mark.parametrize("identity", [issue(key=ed25519_key()), issue(key=p521()), issue(key=rsa_key(3072))])
def test_every_kind_of_key_that_tls_knows_can_call(holdfast: Holdfast, identity):
    with mutual(holdfast) as (_, api):
        holdfast.let_call(api, identity.pem)
        assert answer(holdfast, api, identity) == "200"


def test_a_caller_certificate_is_accepted_but_not_others_of_its_ca(holdfast: Holdfast):
    ca = issue(ca=True)
    mine, sister = issue(common_name="same", by=ca), issue(common_name="same", by=ca)
    with mutual(holdfast) as (_, api):
        holdfast.let_call(api, mine.pem)
        assert (answer(holdfast, api, mine), answer(holdfast, api, sister)) == ("200", REFUSED)


def test_forged_headers_grant_nothing_and_are_removed(holdfast: Holdfast):
    with mutual(holdfast) as (_, api), mutual(holdfast) as (_, open_api):
        holdfast.let_call(api, ANNA.pem)
        made_up = [
            (CALLER, fingerprint(ANNA.der)),
            (CALLER, fingerprint(ANNA.der)),
            (TIME, str(int(datetime.now(UTC).timestamp()))),
            ("X-Holdfast-Environment", "sandbox"),
        ]
        made_up += [(FORWARDED, f"Hash={fingerprint(ANNA.der)}"), ("Connection", f"{CALLER}, x-holdfast-environment")]
        clients = [holdfast.caller(), holdfast.tls_caller(tls_of()), holdfast.tls_caller(tls_of(BERTA))]
        clients.append(holdfast.tls_caller(tls_of(), http2=True))
        for client in clients:
            with client:
                headers = made_up[:-1] if client is clients[-1] else made_up
                assert refusal(client.get(api.path, headers=headers)) == REFUSED
                response = client.get(open_api.path, headers=headers)
                if response.is_success:  # without the header that names the environment, no scope is found
                    assert not {CALLER, TIME, FORWARDED, "x-holdfast-environment"} & set(response.json()["headers"])
                else:
                    assert refusal(response) == "404 not_found"


def test_backends_learn_nothing_of_what_the_gateway_knows_about_the_caller(holdfast: Holdfast):
    with mutual(holdfast) as (_, api), holdfast.tls_caller(tls_of(ANNA)) as client:
        holdfast.let_call(api, ANNA.pem)
        assert not {CALLER, TIME, FORWARDED} & set(client.get(api.path).json()["headers"])


def test_other_apis_of_the_gateway_stay_as_they_were(holdfast: Holdfast):
    with mutual(holdfast) as (_, api), mutual(holdfast) as (_, of_berta), mutual(holdfast) as (_, open_api):
        holdfast.let_call(api, ANNA.pem)
        holdfast.let_call(of_berta, BERTA.pem)
        answers = [
            (answer(holdfast, called_api, ANNA), answer(holdfast, called_api, BERTA))
            for called_api in (api, of_berta, open_api)
        ]
        assert answers == [("200", REFUSED), (REFUSED, "200"), ("200", "200")]
        assert holdfast.call(open_api.path).status_code == 200


def test_a_deleted_certificate_stops_an_open_connection_at_its_next_request(holdfast: Holdfast):
    with mutual(holdfast) as (_, api), holdfast.tls_caller(tls_of(ANNA)) as client:
        alias = holdfast.let_call(api, ANNA.pem)
        holdfast.let_call(api, BERTA.pem)
        assert client.get(api.path).is_success
        holdfast.let_call_no_more(api, alias)
        wait_until(lambda: not client.get(api.path).is_success)
        assert [refusal(client.get(api.path)) for _ in range(5)] == [REFUSED] * 5
        assert answer(holdfast, api, BERTA) == "200"


def test_after_the_last_certificate_nobody_can_call(holdfast: Holdfast):
    with mutual(holdfast) as (_, api):
        alias = holdfast.let_call(api, ANNA.pem)
        holdfast.let_call_no_more(api, alias)
        wait_until(lambda: answer(holdfast, api, ANNA) == REFUSED)
        assert refusal(holdfast.call(api.path)) == REFUSED
        assert holdfast.rest.get(f"/apis/{api.id}").json()["securityScheme"] == ["mutualssl"]
        response = holdfast.rest.put(f"/apis/{api.id}", json={"securityScheme": ["oauth2"]})
        assert response.is_success
        wait_until(lambda: holdfast.call(api.path).is_success)


def test_a_replaced_certificate_is_another(holdfast: Holdfast):
    with mutual(holdfast) as (_, api), holdfast.tls_caller(tls_of(ANNA)) as client:
        alias = holdfast.let_call(api, ANNA.pem)
        assert client.get(api.path).is_success
        path = f"/apis/{api.id}/client-certificates/{alias}"
        assert holdfast.rest.put(path, files={"certificate": ("new.crt", BERTA.pem)}).is_success
        holdfast.wait_until_callers_are_enforced(api, alias)
        assert (refusal(client.get(api.path)), answer(holdfast, api, BERTA)) == (REFUSED, "200")


BRIEF = [timedelta(seconds=seconds) for seconds in (4, 16, 64)]  # until a certificate is valid, and while it is


def is_called_throughout(client: httpx2.Client, api: PublishedApi, caller: Identity) -> bool:
    """
    Call over one connection until *caller*'s certificate has ended, and check each response.

    Return whether calls were fast enough to have one before and one while it was valid.
    """
    begin, last = caller.certificate.not_valid_before_utc, caller.certificate.not_valid_after_utc
    end = last + timedelta(seconds=1)  # the last second counts, too
    statuses: dict[str, set[int]] = {"before": set(), "valid": set(), "after": set()}

    def has_ended() -> bool:
        start = datetime.now(UTC)
        status = client.get(api.path).status_code
        received = datetime.now(UTC)
        periods = {"before": received < begin, "valid": begin <= start and received < end, "after": end <= start}
        for period, applies in periods.items():
            statuses[period] |= {status} if applies else set()
        return periods["after"]

    wait_until(has_ended, (end - datetime.now(UTC)).total_seconds() + 60)
    expected = {"before": {403}, "valid": {200}, "after": {403}}
    assert all(statuses[period] <= expected[period] for period in expected), statuses
    return statuses == expected


def test_the_validity_of_a_certificate_begins_and_ends_automatically(holdfast: Holdfast):
    with mutual(holdfast) as (_, api):
        for seconds in BRIEF:
            brief = issue(common_name="brief", start=seconds, end=2 * seconds)
            holdfast.let_call(api, brief.pem)
            with holdfast.tls_caller(tls_of(brief)) as client:
                if is_called_throughout(client, api, brief):
                    return
    pytest.fail("this machine is too slow")


def test_the_validity_of_a_certificate_begins_and_ends_without_a_publisher(tmp_path: Path):
    files = write_identity(tmp_path, issue("127.0.0.1", by=GATEWAYS))
    with Holdfast(tmp_path, gateway_identity=files) as own, mutual(own) as (backend, api):
        for seconds in BRIEF:
            if not own.is_started:
                own.start()
            brief = issue(common_name="brief", start=seconds, end=2 * seconds)
            own.let_call(api, brief.pem)
            own.kill_publisher()
            with own.tls_caller(tls_of(brief)) as client:
                if is_called_throughout(client, api, brief):
                    count = backend.requests
                    assert refusal(client.get(api.path)) == answer(own, api, brief) == REFUSED
                    assert backend.requests == count
                    return
    pytest.fail("this machine is too slow")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_resumed_session_is_checked_at_each_request(holdfast: Holdfast, version: ssl.TLSVersion):
    context = tls_of(ANNA, version)

    def call(api: PublishedApi, session: ssl.SSLSession | None = None) -> tuple[int, bool, ssl.SSLSession | None]:
        with (
            socket.create_connection(holdfast.tls_address()) as connection,
            context.wrap_socket(connection, server_hostname="127.0.0.1", session=session) as tls,
        ):
            tls.sendall(f"GET {api.path} HTTP/1.1\r\nhost: gateway\r\n\r\n".encode())
            status = int(tls.recv(1000).split()[1])
            return status, bool(tls.session_reused), tls.session

    with mutual(holdfast) as (_, api):
        alias = holdfast.let_call(api, ANNA.pem)
        status, _, session = call(api)
        assert status == 200
        status, is_resumed, session = call(api, session)
        assert (status, is_resumed) == (200, True)
        holdfast.let_call_no_more(api, alias)
        wait_until(lambda: answer(holdfast, api, ANNA) == REFUSED)
        status, is_resumed, _ = call(api, session)
        assert (status, is_resumed) == (403, True)


def test_an_api_that_requires_a_certificate_is_closed_from_its_first_moment(holdfast: Holdfast):
    with Backend(None) as backend:
        body = {"name": "Closed", "context": "/closed", "version": "1", "securityScheme": ["oauth2", "mutualssl"]}
        body["endpointConfig"] = {"endpoint_type": "http", "production_endpoints": {"url": backend.url()}}
        body_of_api = holdfast.rest.post("/apis", json=body).json()
        api = PublishedApi(body_of_api["id"], "Closed", "/closed/1")
        holdfast.change_lifecycle(api, "Publish")
        wait_until(lambda: holdfast.answers(api))
        assert (refusal(holdfast.call(api.path)), backend.requests) == (REFUSED, 0)
        holdfast.let_call(api, ANNA.pem)
        assert answer(holdfast, api, ANNA) == "200"


def test_organizations_are_apart(holdfast: Holdfast):
    admin = ("otto@acme", "correct horse battery staple")
    body = {"organization": "acme", "admin": "otto", "password": admin[1]}
    assert holdfast.rest.post("/installation/organizations", json=body).is_success
    with mutual(holdfast) as (backend, api), holdfast.browser(REST, auth=admin) as acme:
        holdfast.let_call(api, ANNA.pem)
        endpoints = {"endpoint_type": "http", "production_endpoints": {"url": backend.url()}}
        of_acme = {"name": api.name, "context": f"/{api.name}", "version": "1.0", "endpointConfig": endpoints}
        body_of_api = acme.post("/apis", json=of_acme | {"securityScheme": ["mutualssl"]}).json()
        other = PublishedApi(body_of_api["id"], api.name, f"/t/acme{api.path}")
        params = {"action": "Publish", "apiId": other.id}
        assert acme.post("/apis/change-lifecycle", params=params).is_success
        wait_until(lambda: holdfast.answers(other))
        assert (answer(holdfast, api, ANNA), answer(holdfast, other, ANNA)) == ("200", REFUSED)
        path = f"/apis/{api.id}/client-certificates"
        assert [acme.get(path).status_code, holdfast.rest.get(path).status_code] == [404, 200]


def test_a_hundred_callers_are_distinguished_and_more_are_refused(holdfast: Holdfast):
    many = [issue(common_name=f"caller {n}") for n in range(100)]
    with Backend(None) as backend:
        api = holdfast.create_api(backend.url())
        for identity in many:  # before the API is published, so that the gateway follows them all at once
            form, files = (
                {"alias": fingerprint(identity.der)[:40], "tier": "Gold"},
                {"certificate": ("a.crt", identity.pem)},
            )
            assert holdfast.rest.post(f"/apis/{api.id}/client-certificates", data=form, files=files).is_success
        holdfast.change_lifecycle(api, "Publish")
        wait_until(lambda: holdfast.answers(api))
        assert [answer(holdfast, api, identity) for identity in (many[0], many[50], many[-1])] == ["200"] * 3
        assert answer(holdfast, api, ANNA) == REFUSED
        form, files = {"alias": "one-more", "tier": "Gold"}, {"certificate": ("a.crt", ANNA.pem)}
        response = holdfast.rest.post(f"/apis/{api.id}/client-certificates", data=form, files=files)
        assert (response.status_code, "100" in response.json()["description"]) == (409, True)


def test_a_restart_keeps_who_may_call_and_which_revision_is_deployed(tmp_path: Path):
    """Callers of a revision are always the current ones, including those that are added after its deployment."""
    files = write_identity(tmp_path, issue("127.0.0.1", by=GATEWAYS))
    with Holdfast(tmp_path, gateway_identity=files) as own, mutual(own) as (backend, api):
        own.let_call(api, ANNA.pem)
        revision = own.rest.post(f"/apis/{api.id}/revisions", json={}).json()["id"]
        where = {"params": {"revisionId": revision}, "json": [{"name": "Default"}]}
        own.rest.post(f"/apis/{api.id}/deploy-revision", **where).raise_for_status()
        own.change_endpoints(api, backend.url("/edited"))
        assert [answer(own, api, caller) for caller in (ANNA, BERTA)] == ["200", REFUSED]
        own.let_call(api, CARLA.pem)
        own.kill()
        own.start()
        assert [answer(own, api, caller) for caller in (ANNA, CARLA, BERTA, None)] == ["200", "200", REFUSED, REFUSED]
        assert refusal(own.call(api.path)) == REFUSED
        assert "/edited" not in backend.paths


def test_errors_for_callers_are_json_without_certificate_details(holdfast: Holdfast):
    with mutual(holdfast) as (_, api):
        holdfast.let_call(api, ANNA.pem)
        response = holdfast.call(api.path)
        body = response.json()
        assert body["request_id"]
        text = json.dumps(body) + str(response.headers)
        assert not [
            word for word in ("anna", "SHA", "CN=", "fingerprint", ANNA.certificate.subject) if str(word) in text
        ]


def test_an_export_of_a_protected_api_makes_one_elsewhere_with_the_same_callers(holdfast: Holdfast, tmp_path: Path):
    who = {"HOLDFAST_USER": "admin", "HOLDFAST_PASSWORD": holdfast.admin_password}
    command = Command(tmp_path, HOLDFAST_URL=holdfast.publisher_url, **who)
    file = tmp_path / "a.yaml"
    with mutual(holdfast) as (_, api):
        alias = holdfast.let_call(api, ANNA.pem)
        upload_for(holdfast, api, "SANDBOX", CARLA)
        command.run("export", "-o", file)
        document = yaml.safe_load(file.read_text())
        document["apis"] = [entry for entry in document["apis"] if entry["name"] == api.name]
        file.write_text(yaml.safe_dump({"holdfast": 1, "apis": document["apis"]}))
        command.run("diff", "-f", file)
        (entry,) = document["apis"]
        entry = {name: value for name, value in entry.items() if name != "callerCertificates"}
        open_to_all = tmp_path / "open.yaml"
        open_to_all.write_text(yaml.safe_dump({"holdfast": 1, "apis": [entry | {"requireCallerCertificate": False}]}))
        assert "has caller certificates (2)" in command.fail("diff", "-f", open_to_all)
        holdfast.let_call_no_more(api, alias)
        holdfast.let_call_no_more(api, "SANDBOX")
        command.run("apply", "-f", open_to_all, "--yes")
        wait_until(lambda: answer(holdfast, api, BERTA) == "200")
        holdfast.delete_api(api)
        command.run("apply", "-f", file, "--yes", "--wait")
        wait_until(lambda: answer(holdfast, api, ANNA) == "200")
        assert answer(holdfast, api, BERTA) == REFUSED
        wait_until(lambda: answer(holdfast, api, CARLA, sandbox=True) == "200")
        assert answer(holdfast, api, CARLA) == REFUSED
        assert command("diff", "-f", file).code == 0
        certificates = {certificate["alias"]: certificate for certificate in document["apis"][0]["callerCertificates"]}
        certificates[alias]["environment"] = "production"
        del certificates["SANDBOX"]["environment"]  # stays as it is
        file.write_text(yaml.safe_dump({"holdfast": 1, "apis": document["apis"]}))
        command.run("apply", "-f", file, "--yes", "--wait")
        wait_until(lambda: answer(holdfast, api, ANNA, sandbox=True) == REFUSED)
        assert (answer(holdfast, api, ANNA), answer(holdfast, api, CARLA)) == ("200", REFUSED)
        assert command("diff", "-f", file).code == 0


def test_unlisted_operations_are_only_told_to_accepted_callers(holdfast: Holdfast):
    with mutual(holdfast) as (_, api):
        rules = {"onlyListedOperations": True, "operations": [{"verb": "GET", "target": "/listed"}]}
        cors = {"corsConfigurationEnabled": True, "accessControlAllowOrigins": ["https://shop.test"]}
        body = {"corsConfiguration": cors, "securityScheme": ["mutualssl"], "isDefaultVersion": True, **rules}
        assert holdfast.rest.put(f"/apis/{api.id}", json=body).status_code == 200
        short = PublishedApi(api.id, api.name, api.path.rpartition("/")[0])
        wait_until(lambda: answer(holdfast, short, ANNA, "/listed") == REFUSED)
        for path in (api, short):
            for below in ("", "/listed", "/unlisted"):
                assert answer(holdfast, path, ANNA, below) == REFUSED
                assert refusal(holdfast.call(path.path + below)) == REFUSED
        alias = holdfast.let_call(api, ANNA.pem)
        short_lived = issue(common_name="late", end=timedelta(seconds=8))
        holdfast.let_call(api, short_lived.pem)
        for path in (api, short):
            wait_until(lambda path=path: answer(holdfast, path, short_lived, "/listed") == REFUSED)
            for below, expected in (("", "404 resource_not_found"), ("/listed", "200")):
                assert answer(holdfast, path, ANNA, below) == expected
                assert answer(holdfast, path, BERTA, below) == REFUSED
                assert answer(holdfast, path, None, below) == REFUSED
                assert answer(holdfast, path, short_lived, below) == REFUSED
                assert refusal(holdfast.call(path.path + below)) == REFUSED
        preflight = {"origin": "https://shop.test", "access-control-request-method": "GET"}
        with holdfast.tls_caller(tls_of()) as client:
            response = client.options(f"{api.path}/listed", headers=preflight)
            assert (response.status_code, response.headers["access-control-allow-origin"]) == (200, "https://shop.test")
        holdfast.let_call_no_more(api, alias)
        wait_until(lambda: answer(holdfast, api, ANNA, "/listed") == REFUSED)
