"""Each kind of certificate: before it is imported, after, and after its deletion, also over open connections."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from backends import Backend
from issuing import CLIENTS_ONLY, DAY, Issued, ed25519_key, issue, p521, rsa_key
from running import Holdfast, refusal, wait_until

pytestmark = pytest.mark.envoy
NOT_TRUSTED = "503 backend_not_trusted"
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a backend presents, what is imported for it, and the host of its URL."""

    presented: Issued
    imported: bytes
    host: str = HOST


def itself(presented: Issued, host: str = HOST) -> Kind:
    return Kind(presented, presented.pem, host)


ROOT = issue(ca=True, common_name="root")
INTERMEDIATE = issue(by=ROOT, ca=True, common_name="intermediate")
EXPIRED = {"start": -9 * DAY, "end": -DAY}

BELIEVED: dict[str, Callable[[], Kind]] = {
    "self-signed with CA:TRUE": lambda: itself(issue(HOST, ca=True)),
    "self-signed with CA:FALSE": lambda: itself(issue(HOST, ca=False)),
    "self-signed without basicConstraints": lambda: itself(issue(HOST, ca=None)),
    "self-signed, uploaded as DER": lambda: Kind(backend := issue(HOST), backend.der),
    "privately signed, leaf alone": lambda: itself(issue(HOST, by=ROOT)),
    "below an intermediate, leaf alone": lambda: itself(issue(HOST, by=INTERMEDIATE)),
    "leaf alone, its root expired": lambda: itself(issue(HOST, by=issue(ca=True, **EXPIRED))),
    "root, leaf below it": lambda: Kind(issue(HOST, by=ROOT), ROOT.pem),
    "root, chain served": lambda: Kind(issue(HOST, by=INTERMEDIATE), ROOT.pem),
    "root, chain served with the root": lambda: Kind(
        issue(HOST, by=INTERMEDIATE).followed_by(INTERMEDIATE, ROOT), ROOT.pem
    ),
    "root and intermediate, leaf served": lambda: Kind(issue(HOST, by=INTERMEDIATE).alone, ROOT.pem + INTERMEDIATE.pem),
    "intermediate alone, chain served": lambda: Kind(issue(HOST, by=INTERMEDIATE), INTERMEDIATE.pem),
    "intermediate alone, leaf served": lambda: Kind(issue(HOST, by=INTERMEDIATE).alone, INTERMEDIATE.pem),
    "beside an expired one in one file": lambda: Kind(backend := issue(HOST), issue(HOST, **EXPIRED).pem + backend.pem),
    "beside another of its name in one file": lambda: Kind(backend := issue(HOST), issue(HOST).pem + backend.pem),
    "DNS name": lambda: itself(issue("localhost"), "localhost"),
    "IP address among other names": lambda: itself(issue("other.test", HOST)),
    "Ed25519": lambda: itself(issue(HOST, key=ed25519_key())),
    "P-521": lambda: itself(issue(HOST, key=p521())),
    "P-521 below an Ed25519 root": lambda: Kind(
        issue(HOST, by=(root := issue(ca=True, key=ed25519_key())), key=p521()), root.pem
    ),
    "RSA-2048": lambda: itself(issue(HOST, key=rsa_key())),
    "RSA-1024": lambda: itself(issue(HOST, key=rsa_key(1024))),
    "for clients only, leaf alone": lambda: itself(issue(HOST, by=ROOT, purpose=CLIENTS_ONLY)),
}

STILL_REFUSED: dict[str, Callable[[], Kind]] = {
    "root, intermediate not served": lambda: Kind(issue(HOST, by=INTERMEDIATE).alone, ROOT.pem),
    "wrong self-signed": lambda: Kind(issue(HOST), issue(HOST).pem),
    "wrong root": lambda: Kind(issue(HOST, by=ROOT), issue(ca=True, common_name="other").pem),
    "another root of the same name": lambda: Kind(issue(HOST, by=ROOT), issue(ca=True, common_name="root").pem),
    "another leaf of the same root": lambda: Kind(issue(HOST, by=ROOT), issue(HOST, by=ROOT).pem),
    "expired leaf below a trusted root": lambda: Kind(issue(HOST, by=ROOT, **EXPIRED), ROOT.pem),
    "expired leaf beside a good one": lambda: Kind(
        backend := issue(HOST, **EXPIRED), backend.pem + issue("other.test").pem
    ),
    "expired intermediate": lambda: Kind(issue(HOST, by=issue(by=ROOT, ca=True, **EXPIRED)), ROOT.pem),
    "not yet valid": lambda: itself(issue(HOST, start=DAY)),
    "wrong DNS name": lambda: itself(issue("other.test"), "localhost"),
    "wrong IP address": lambda: itself(issue("127.0.0.2")),
    "DNS name where an address is asked for": lambda: itself(issue("localhost")),
    "address where a DNS name is asked for": lambda: itself(issue(HOST), "localhost"),
    "name only in CN": lambda: itself(issue(common_name="localhost"), "localhost"),
    "address only in CN": lambda: itself(issue(common_name=HOST)),
    "name that the root may not issue for": lambda: Kind(
        issue("localhost", by=(root := issue(ca=True, permitted="other.test"))), root.pem, "localhost"
    ),
    "for clients only, below a trusted root": lambda: Kind(issue(HOST, by=ROOT, purpose=CLIENTS_ONLY), ROOT.pem),
}


class Probe:
    """Calls an API over one connection that stays open and over new ones."""

    def __init__(self, holdfast: Holdfast, path: str) -> None:
        self._holdfast, self._path = holdfast, path
        self._open = holdfast.caller()
        self._ports: set[int] = set()

    def __enter__(self) -> "Probe":
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()
        assert len(self._ports) == 1, "the open connection was another one in between"

    def open(self) -> str:
        """Call over the connection that was open all the time."""
        answer = self._open.get(self._path)
        self._ports.add(answer.extensions["network_stream"].get_extra_info("client_addr")[1])
        return "200" if answer.is_success else refusal(answer)

    def both(self) -> list[str]:
        """Call over both connections, twice, so that backend connections are used again."""
        return [self.open(), self.new(), self.open(), self.new()]

    def new(self) -> str:
        """Call over a new connection."""
        answer = self._holdfast.call(self._path)
        return "200" if answer.is_success else refusal(answer)


@pytest.mark.parametrize("kind", BELIEVED)
def test_a_backend_is_believed_as_long_as_its_certificate_is_imported(holdfast: Holdfast, kind: str):
    case = BELIEVED[kind]()
    with Backend(case.presented) as backend:
        endpoint = backend.url(host=case.host)
        with Probe(holdfast, holdfast.publish_api(endpoint).path) as probe:
            assert probe.both() == [NOT_TRUSTED] * 4
            assert backend.requests == 0

            alias = holdfast.import_certificate(endpoint, case.imported)
            assert probe.both() == ["200"] * 4
            assert backend.connections < backend.requests, "no connection to the backend was used twice"

            holdfast.delete_certificate(alias)
            wait_until(lambda: probe.open() == NOT_TRUSTED)
            answered = backend.requests
            assert probe.both() == [NOT_TRUSTED] * 4
            assert backend.requests == answered


@pytest.mark.parametrize("kind", STILL_REFUSED)
def test_a_backend_is_refused_although_a_certificate_is_imported(holdfast: Holdfast, kind: str):
    case = STILL_REFUSED[kind]()
    with Backend(case.presented) as backend:
        endpoint = backend.url(host=case.host)
        with Probe(holdfast, holdfast.publish_api(endpoint).path) as probe:
            assert probe.both() == [NOT_TRUSTED] * 4
            alias = holdfast.import_certificate(endpoint, case.imported)
            assert probe.both() == [NOT_TRUSTED] * 4
            holdfast.delete_certificate(alias)
            assert probe.both() == [NOT_TRUSTED] * 4
            assert backend.requests == 0
