"""Gateways present their identities to backends that request client certificates."""

import subprocess
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2
import pytest

from backends import Backend
from issuing import CLIENTS_ONLY, Identity, answer, ed25519_key, identity_file, issue, p256, p521, rsa_key
from running import COMMAND, Holdfast, PublishedApi, refusal, wait_until
from written_files import read_files

pytestmark = pytest.mark.envoy
HOST = "127.0.0.1"
WHERE = "/endpoints/client-certificate"
CA = issue(ca=True, common_name="client CA")
SERVER = issue(HOST)


def client(name: str, **options: object) -> Identity:
    return issue(common_name=name, by=CA, purpose=CLIENTS_ONLY, **options)  # type: ignore[arg-type]


def both(identity: Identity) -> bytes:
    return identity.chain_pem + identity.key_pem


@contextmanager
def mutual(holdfast: Holdfast, *, needed: bool = True) -> Iterator[tuple[Backend, PublishedApi]]:
    """Run a backend that asks for a client certificate, and publish an API that trusts it."""
    with Backend(SERVER, client_ca=CA, client_needed=needed) as backend:
        yield backend, holdfast.publish_trusted_api(backend.url(), SERVER.pem)
        # The next backend may get the same port, and with it the same origin.
        holdfast.rest.delete(WHERE, params={"endpoint": backend.url()})


# In TLS 1.3 a backend objects to a certificate after the handshake, by ending the connection.
ENDED = "502 backend_response_invalid"


def call_and_see(holdfast: Holdfast, api: PublishedApi) -> str | None:
    response = holdfast.call(api.path)
    assert response.is_success, response.text
    return response.json()["client"]


def test_a_backend_that_asks_refuses_without_and_accepts_with_a_client_certificate(holdfast: Holdfast):
    with mutual(holdfast) as (backend, api):
        assert refusal(holdfast.call(api.path)) == ENDED
        holdfast.present(backend.url(), both(client("gateway")))
        assert call_and_see(holdfast, api) == "gateway"


def test_a_certificate_of_another_ca_is_refused_by_the_backend(holdfast: Holdfast):
    with mutual(holdfast) as (backend, api):
        holdfast.present(backend.url(), both(issue(common_name="stranger")))
        assert refusal(holdfast.call(api.path)) == ENDED


@pytest.mark.parametrize("key", [p256, p521, ed25519_key, rsa_key, lambda: rsa_key(3072)])
def test_every_supported_key_type_works(holdfast: Holdfast, key: Callable[[], object]):
    with mutual(holdfast) as (backend, api):
        holdfast.present(backend.url(), identity_file("geheim", client("kind", key=key())), "geheim")
        assert call_and_see(holdfast, api) == "kind"


def test_intermediates_are_sent(holdfast: Holdfast):
    intermediate = issue(ca=True, common_name="intermediate", by=CA)
    own = issue(common_name="deep", by=intermediate)
    with mutual(holdfast) as (backend, api):
        holdfast.present(backend.url(), own.key_pem + intermediate.pem + own.pem)
        assert call_and_see(holdfast, api) == "deep"


def test_another_certificate_is_presented_over_new_connections_at_once_and_no_request_fails(holdfast: Holdfast):
    with mutual(holdfast) as (backend, api), holdfast.caller() as caller:
        holdfast.present(backend.url(), both(client("old")))
        assert caller.get(api.path).json()["client"] == "old"
        answers: list[httpx2.Response] = []
        end = threading.Event()

        def call() -> None:
            with holdfast.caller() as busy:
                while not end.is_set():
                    answers.append(busy.get(api.path))

        thread = threading.Thread(target=call)
        thread.start()
        wait_until(lambda: len(answers) > 5)
        holdfast.present(backend.url(), both(client("new")))
        assert caller.get(api.path).json()["client"] == "new"
        count = len(answers)
        wait_until(lambda: len(answers) > count + 5)
        end.set()
        thread.join()
        assert {response.status_code for response in answers} == {200}
        assert [response.json()["client"] for response in answers[count + 1 :]] == ["new"] * len(answers[count + 1 :])


def test_a_removed_certificate_is_not_presented_on_open_connections(holdfast: Holdfast):
    with mutual(holdfast) as (backend, api), holdfast.caller() as caller:
        holdfast.present(backend.url(), both(client("gateway")))
        assert caller.get(api.path).is_success
        assert holdfast.rest.delete(WHERE, params={"endpoint": backend.url()}).is_success
        wait_until(lambda: caller.get(api.path).status_code == 502)


def test_another_origin_is_never_presented_the_certificate(holdfast: Holdfast):
    with mutual(holdfast) as (mine, api), mutual(holdfast, needed=False) as (other, other_api):
        holdfast.present(mine.url(), both(client("only for mine")))
        assert (call_and_see(holdfast, api), call_and_see(holdfast, other_api)) == ("only for mine", None)
        holdfast.present(other.url(), both(client("for the other")))
        assert (call_and_see(holdfast, api), call_and_see(holdfast, other_api)) == ("only for mine", "for the other")


def test_all_apis_of_an_origin_present_it(holdfast: Holdfast):
    with mutual(holdfast) as (backend, api):
        holdfast.present(backend.url(), both(client("shared")))
        second = holdfast.publish_api(backend.url("/second"))
        assert (call_and_see(holdfast, api), call_and_see(holdfast, second)) == ("shared", "shared")


@pytest.mark.parametrize("kind", ["ec-p256", "rsa-2048"])
def test_a_pending_request_keeps_the_current_certificate_until_the_new_one_is_imported(holdfast: Holdfast, kind: str):
    with mutual(holdfast) as (backend, api):
        where = {"endpoint": backend.url()}
        holdfast.present(backend.url(), both(client("before")))
        body = {"subject": "holdfast gateway", "dnsNames": ["gateway.test"], "keyType": kind}
        response = holdfast.rest.post(f"{WHERE}/request", params=where, json=body)
        assert response.status_code == 201, response.text
        assert call_and_see(holdfast, api) == "before"
        identity = answer(response.json()["csr"], CA)
        files = {"certificate": ("answer.pem", identity.chain_pem + CA.pem)}
        assert holdfast.rest.put(f"{WHERE}/answer", params=where, files=files).is_success
        holdfast.wait_until_client_is_enforced(backend.url())
        assert call_and_see(holdfast, api) == "holdfast gateway"
        assert holdfast.rest.get(WHERE, params=where).json()["request"] is None


def test_the_key_is_only_at_the_gateway(holdfast: Holdfast):
    own = client("secret keeper")
    with mutual(holdfast) as (backend, api):
        holdfast.present(backend.url(), both(own))
        assert call_and_see(holdfast, api) == "secret keeper"
        pem = own.key_pem.decode().splitlines()[1:-1]
        secrets = [own.key_pem, "".join(pem).encode()[:48], own_bytes(own)]
        files = read_files(holdfast.data.parent)
        assert {holdfast.data / "holdfast.sqlite", holdfast.output} <= files.keys()
        assert {file for file, content in files.items() for secret in secrets if secret in content} == set()


def test_the_gateways_admin_interface_does_not_show_the_key(holdfast: Holdfast):
    own = client("shown without its key")
    with mutual(holdfast) as (backend, api):
        holdfast.present(backend.url(), both(own))
        assert call_and_see(holdfast, api) == "shown without its key"
        (admin,) = holdfast.data.parent.glob("holdfast-*/admin")
        with httpx2.Client(
            transport=httpx2.HTTPTransport(uds=str(admin)), base_url="http://admin", timeout=30
        ) as asking:
            dump = "".join(asking.get(path).text for path in ("/config_dump", "/certs", "/clusters", "/init_dump"))
        assert own.pem.decode().replace("\n", "\\n") in dump
        assert "PRIVATE KEY" not in dump
        assert own.key_pem.decode().splitlines()[1] not in dump


def own_bytes(identity: Identity) -> bytes:
    """Return the private number of the key."""
    return identity.key.private_numbers().private_value.to_bytes(32, "big")  # type: ignore[union-attr]


def test_a_new_sealing_key_keeps_the_presented_certificate_and_a_lost_one_refuses_the_backend(tmp_path):
    with Holdfast(tmp_path) as holdfast, mutual(holdfast) as (backend, api):
        holdfast.present(backend.url(), both(client("kept")))
        key = (holdfast.data / "sealing-key").read_bytes()
        assert (holdfast.data / "sealing-key").stat().st_mode & 0o777 == 0o600
        command = [str(COMMAND), "rotate-sealing-key", "--data", str(holdfast.data)]
        running = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (running.returncode, "Holdfast is already running" in running.stderr) == (1, True)
        holdfast.stop()
        process = subprocess.run(command, capture_output=True, text=True, check=True)
        assert process.stdout == "Encrypted 1 secret with the new sealing key.\n"
        assert (holdfast.data / "sealing-key").read_bytes() not in (b"", key)
        holdfast.start()
        wait_until(lambda: holdfast.answers(api))
        wait_until(lambda: holdfast.call(api.path).is_success)
        assert call_and_see(holdfast, api) == "kept"
        holdfast.stop()
        (holdfast.data / "sealing-key").write_bytes(b64encode(bytes(range(32))))
        holdfast.start()
        wait_until(lambda: holdfast.answers(api))
        wait_until(lambda: refusal(holdfast.call(api.path)) == "503 backend_not_trusted")
        wait_until(lambda: causes(holdfast) == ["stored_data_unreadable"])
        assert "unusable-backends" in attention(holdfast)
        enforcement = holdfast.rest.get(WHERE, params={"endpoint": backend.url()}).json()["enforcement"]
        assert enforcement["progress"] == "unusable"
        assert "The gateway identity can't be used" in enforcement["reason"]
        holdfast.present(backend.url(), both(client("again")))
        assert call_and_see(holdfast, api) == "again"
        assert "unusable-backends" not in attention(holdfast)


def causes(holdfast: Holdfast) -> list[str]:
    return [failure["code"] for failure in holdfast.rest.get("/failures").json()["list"]]


def attention(holdfast: Holdfast) -> list[str]:
    return [item["kind"] for item in holdfast.rest.get("/attention").json()["list"]]
