"""A request sees one state of the database: it reads in one transaction, and in another one after it has written."""

import re
import socket
import threading
import uuid
from contextlib import contextmanager
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12
from fastapi.routing import APIRoute
from starlette.requests import Request

from holdfast.services.access.passwords import Passwords
from holdfast.services.access.permissions import Role
from holdfast.services.identities import gateway_identities
from holdfast.store.database import Store
from holdfast.web import create_door
from holdfast.work import slow_derivation
from issuing import issue
from rest.calls import APIS, CERTIFICATES, ENDPOINTS, PREFIX, REMOVED, URL, create_api, replace, upload
from rest.operations import REQUESTS, House
from web.crawling import crawl

# These read nothing, or read for as long as they are open, which has a separate test.
FOR_NOBODY = {"/sign-in", "/sign-in/callback", "/sign-in/provider"}
FOR_NOBODY |= {"/apis/{api_id}/enforcement/live", "/apis/{api_id}/deployments/live"}
# These are for admins of the default organization, or a stream, or need a secret.
FOR_NOBODY |= {"/gateways/groups/new", "/gateways/groups/{name}/edit", "/gateways/groups/{name}/delete"}
FOR_NOBODY |= {"/gateways/enroll", "/gateways/{name}/revoke", "/gateways/live", "/calendar/{secret}.ics"}
LINKED_NOWHERE = (
    "/failures?request_id=x",
    "/unused-certificates",
    "{api}/client-certificate/request/new?endpoint=https%3A%2F%2Fpizza.test%3A8443%2Fbase",
    "{api}/enforcement",
    "{api}/deployments/restore?revision={revision}",
    "{api}/deployments/undeploy?revision={revision}&environment=Default",
    "{api}/deployments/delete?revision={revision}",
    "{api}/new-certificate/alias?alias=x",
    "{api}/lifecycle/confirm?action=Retire",
    "{api}/trust/production/exception",
)
# Before a secret is compared, which may take a while, earlier failures are read.
TWO_READS = {"PUT /account/password", "POST /gateways/join", "POST /oauth2/token", "POST /oauth2/revoke"}
EXPORTS = {"GET /audit-events/export", "GET /endpoint-certificates-export"}
NEW = issue("pizza.test")


class Transactions:
    """The transactions of `Store`, in order: r for a read, w for a write."""

    def __init__(self, monkeypatch):
        self.begun = ""
        for kind in ("read", "write"):
            monkeypatch.setattr(Store, kind, self._count_calls(kind[0], getattr(Store, kind)))

    def _count_calls(self, letter, begin):
        @contextmanager
        def count_call(store):
            self.begun += letter
            with begin(store) as session:
                yield session

        return count_call

    def of(self, call, *arguments, **options):
        """Return the transactions that *call* begins, and its result."""
        self.begun = ""
        answer = call(*arguments, **options)
        return self.begun, answer


@pytest.fixture
def transactions(monkeypatch):
    return Transactions(monkeypatch)


@pytest.fixture
def house(shared_runtime, enlist, sign_in):
    """An organization with something of everything."""
    organization = str(uuid.uuid4())
    admin, clara = (enlist(organization, f"{name} of {organization}", Role.ADMIN) for name in ("admin", "clara"))
    return House(shared_runtime, sign_in(admin), clara)


def in_order(operations):
    """Sort operations: those that only read first, those that remove what the others need last."""
    last = ("DELETE /apis/{api_id}", "DELETE /account/sessions/{session_id}", "PUT /account/password")
    return sorted(operations, key=lambda name: (name in last, name.startswith("DELETE"), not name.startswith("GET")))


@pytest.mark.long
def test_every_page_reads_in_one_transaction(house, transactions):
    api = f"/apis/{house.ids['api_id']}"
    other_api = create_api(house.owner, "Gone", "https://gone.test")
    upload(house.owner, NEW.pem, "left", "https://gone.test")
    assert house.owner.delete(f"{APIS}/{other_api['id']}").status_code == 200
    page = f"{api}/endpoints?certificates"
    linked_nowhere = (path.format(api=api, revision=house.ids["revision_id"]) for path in LINKED_NOWHERE)
    pages, others = crawl(house.owner, "/apis", page, "/account", *linked_nowhere)
    transactions_by_path = {path: transactions.of(house.owner.get, path)[0] for path in pages | others}
    paths = {path.partition("?")[0] for path in transactions_by_path}
    routes = [route for route in create_door(house.runtime).routes if isinstance(route, APIRoute)]
    routes = [route for route in routes if "GET" in route.methods]
    missing = {route.path for route in routes if not any(route.path_regex.match(path) for path in paths)}
    assert missing == FOR_NOBODY, missing ^ FOR_NOBODY
    files = (f"{PREFIX}/audit-events/export", "/certificates-export")
    exports = {path for path in transactions_by_path if path.startswith(files)}
    beyond = {
        path: kinds for path, kinds in transactions_by_path.items() if kinds not in {"", "r"} and path not in exports
    }
    beyond = {path.partition("?")[0]: kinds for path, kinds in beyond.items()}
    assert beyond == {f"{api}/trust/production/test": "rr"}, "it asks the backend between the two"


@pytest.mark.long
def test_every_operation_reads_in_one_transaction_and_in_one_more_after_it_has_written(house, transactions):
    transactions_by_operation, statuses = {}, {}
    for operation in in_order(REQUESTS):
        transactions_by_operation[operation], answer = transactions.of(house.ask, house.owner, operation)
        statuses[operation] = answer.status_code
    reads = {operation: kinds for operation, kinds in transactions_by_operation.items() if operation.startswith("GET")}
    # An export reads its batches after the transaction of the request, which would otherwise last as long.
    assert all(set(reads.pop(operation)) == {"r"} for operation in EXPORTS)
    assert set(reads.values()) == {"r"}
    beyond = {
        operation: kinds
        for operation, kinds in transactions_by_operation.items()
        if not re.fullmatch("r?(wr?)?", kinds)
    }
    assert beyond.keys() == TWO_READS | EXPORTS
    failures = {operation: status for operation, status in statuses.items() if status >= 300}
    assert len(failures) < len(statuses) * 0.3, failures  # such as those of operators only


def test_an_upload_writes_once_and_reads_afterwards_only_what_a_page_shows(client, api, transactions):
    page = f"/apis/{api['id']}"
    fields = {"alias": "a", "endpoint": URL, "pem": NEW.pem}
    part = {"HX-Request": "true"}
    uploads = (
        ("rw", 201, upload, (client, NEW.pem, "rest"), {}),
        ("rw", 200, replace, (client, NEW.pem, "rest"), {}),
        ("rwr", 200, client.post, (f"{page}/new-certificate",), {"data": fields, "headers": part}),
        ("rwr", 200, client.post, (f"{page}/certificates/a/replace",), {"data": fields, "headers": part}),
    )
    for expected, status, call, arguments, options in uploads:
        kinds, answer = transactions.of(call, *arguments, **options)
        assert (kinds, answer.status_code) == (expected, status), arguments
    kinds, answer = transactions.of(client.post, f"{page}/certificates/a/replace", data=fields)
    assert (kinds, answer.status_code) == ("rw", 303)
    kinds, answer = transactions.of(client.post, f"{page}/new-certificate", data=fields)
    assert (kinds, answer.status_code) == ("rwr", 422)


def test_a_script_reads_in_one_transaction_whatever_its_credentials(
    shared_runtime, connect, berta, client, password, transactions
):
    expires = (shared_runtime.now() + timedelta(days=1)).isoformat()
    body = {"name": "script", "scopes": ["apim:api_view"], "expiresTime": expires}
    token = client.post(f"{PREFIX}/tokens", json=body).json()["token"]
    # From another address than that of other tests, whose failed sign-ins slow down all from there.
    script = connect(shared_runtime, client=("127.0.0.9", 50000))
    for options in ({"auth": (berta.name, password)}, {"headers": {"Authorization": f"Bearer {token}"}}):
        # Only the first request checks the password, or records that the token is used.
        assert script.get(APIS, **options).status_code == 200
        kinds, answer = transactions.of(script.get, APIS, **options)
        assert (kinds, answer.status_code) == ("r", 200)


def test_while_a_backend_is_asked_no_transaction_is_open(client, shared_runtime):
    connections = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            for _ in range(2):
                backend, _ = server.accept()
                connections.append(shared_runtime.store.connections)
                backend.close()

        answering = threading.Thread(target=accept)
        answering.start()
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        mine = create_api(client, "Local", url)
        assert client.post(f"{ENDPOINTS}/fetch", data={"endpoint": url}).status_code == 200
        assert client.post(f"/apis/{mine['id']}/certificates/fetch", data={"endpoint": url}).status_code == 200
        answering.join(60)
    assert connections == [0, 0]


@pytest.fixture
def open_during(shared_runtime, monkeypatch):
    """Make a function note how many transactions are open whenever it begins."""

    def open_during(owner, name):
        work, counts = getattr(owner, name), []

        def noting(*arguments, **options):
            counts.append(shared_runtime.store.connections)
            return work(*arguments, **options)

        monkeypatch.setattr(owner, name, noting)
        return counts

    return open_during


def test_while_passwords_are_hashed_or_compared_no_transaction_is_open(client, berta, password, open_during):
    at_hash, at_match = open_during(Passwords, "hash"), open_during(Passwords, "matches")
    new, other = "a whole new sentence", "another whole sentence"
    user = client.post(f"{PREFIX}/users", json={"name": "dora", "password": new, "roles": ["viewer"]}).json()["name"]
    answers = [
        client.put(f"{PREFIX}/users/{user}/password", json={"password": other}).status_code,
        client.post(f"/users/{user}/password", data={"password": new}).status_code,
        client.post("/new-user", data={"name": "emil", "password": new, "roles": ["viewer"]}).status_code,
        client.post("/account/password", data={"current": password, "new": new}).status_code,
        client.put(f"{PREFIX}/account/password", json={"current": new, "new": other}).status_code,
        client.get(APIS, auth=(berta.name, other)).status_code,
    ]
    assert answers == [204, 303, 303, 303, 204, 200]
    assert (len(at_hash), len(at_match)) == (6, 3)
    assert set(at_hash + at_match) == {0}


def test_while_a_file_is_opened_slowly_no_transaction_is_open(client, api, open_during):
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(100_001)
    builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC).build(b"secret")
    slow = pkcs12.serialize_java_truststore([pkcs12.PKCS12Certificate(NEW.certificate, None)], builder)
    counts = open_during(slow_derivation.subprocess, "run")
    page = f"/apis/{api['id']}/new-certificate"
    fields = {"alias": "b", "endpoint": URL, "password": "secret"}
    answers = [
        client.post(CERTIFICATES, data=fields | {"alias": "a"}, files={"certificate": ("slow.p12", slow)}),
        client.post(f"{CERTIFICATES}/inspect", data=fields, files={"certificate": ("slow.p12", slow)}),
        client.post(page, data=fields, files={"certificate": ("slow.p12", slow)}),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 303], [answer.text for answer in answers]
    assert len(counts) >= len(answers)
    assert set(counts) == {0}


def test_while_a_key_is_made_no_transaction_is_open(client, open_during):
    create_api(client)
    counts = open_during(gateway_identities, "make_key")
    body = {"subject": "me", "keyType": "ec-p256"}
    path = f"{ENDPOINTS}/client-certificate/request"
    assert client.post(path, params={"endpoint": URL}, json=body).is_success
    assert counts == [0]


def test_while_a_body_is_read_no_transaction_is_open(client, open_during):
    counts = open_during(Request, "body")
    restore = f"{REMOVED}/x/restore"
    answers = [
        client.request("GET", APIS, data={"unknown": "x"}),
        client.post(restore, data={"alias": "a"}),
        client.post(restore, content="a", headers={"Content-Type": "text/plain"}),
    ]
    assert [answer.status_code for answer in answers] == [400, 404, 415]
    assert len(counts) >= len(answers)
    assert set(counts) == {0}
