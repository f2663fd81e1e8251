"""
Trust over connections that were open before an import, after it and after a deletion.

test_verdicts.py has every kind of certificate, over new connections.
"""

import pytest

from kinds import ACCEPTED, REJECTED
from running import Holdfast, refusal, wait_until

pytestmark = pytest.mark.envoy
TRUSTED = ("self-signed with CA:FALSE", "privately signed, leaf only", "root, chain served", "JKS truststore")
NOT_TRUSTED = "503 backend_not_trusted"


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


@pytest.mark.parametrize("kind", TRUSTED)
def test_a_backend_is_trusted_as_long_as_its_certificate_is_imported(holdfast: Holdfast, kind: str):
    case = ACCEPTED[kind]()
    with case.backend() as backend:
        endpoint = backend.url(host=case.host)
        with Probe(holdfast, holdfast.publish_api(endpoint).path) as probe:
            wait_until(lambda: probe.new() == NOT_TRUSTED)  # the first backend of a gateway waits for the public roots
            assert probe.both() == [NOT_TRUSTED] * 4
            assert backend.requests == 0

            alias = holdfast.import_certificate(endpoint, case.file, password=case.password)
            assert probe.both() == ["200"] * 4
            assert backend.carriers < backend.requests, "no connection to the backend was used twice"

            holdfast.delete_certificate(alias)
            wait_until(lambda: probe.open() == NOT_TRUSTED)
            count = backend.requests
            assert probe.both() == [NOT_TRUSTED] * 4
            assert backend.requests == count


@pytest.mark.parametrize("kind", ["wrong root", "wrong DNS name"])
def test_a_backend_is_refused_although_a_certificate_is_imported(holdfast: Holdfast, kind: str):
    case = REJECTED[kind]()
    with case.backend() as backend:
        endpoint = backend.url(host=case.host)
        with Probe(holdfast, holdfast.publish_api(endpoint).path) as probe:
            wait_until(lambda: probe.new() == NOT_TRUSTED)
            assert probe.both() == [NOT_TRUSTED] * 4
            alias = holdfast.import_certificate(endpoint, case.file, password=case.password)
            assert probe.both() == [NOT_TRUSTED] * 4
            holdfast.delete_certificate(alias)
            assert probe.both() == [NOT_TRUSTED] * 4
            assert backend.requests == 0
