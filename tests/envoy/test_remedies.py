"""Each offered remedy for a rejection works: afterwards, the gateway no longer rejects for that cause."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from kinds import REJECTED, Kind
from presented import SEVERAL, chain_of
from running import Holdfast

pytestmark = pytest.mark.envoy
# Of those with one fault, one for each remedy.
ONE_FAULT = (
    "wrong self-signed",
    "another root of the same name",
    "expired leaf together with a good one",
    "expired root together with another",
    "wrong IP address",
    "DNS name where an address is required",
    "name only in CN",
    "name that the root may not issue for",
    "a CA more than the path length allows",
    "issuer with CA:FALSE that is served",
    "signed with MD5 below a trusted root",
)
KINDS = SEVERAL | {name: REJECTED[name] for name in ONE_FAULT}
MOST_STEPS = 4


def ask(holdfast: Holdfast, url: str) -> dict[str, Any]:
    answer = holdfast.rest.post("/endpoints/probe", files={"endpoint": (None, url)})
    assert answer.status_code == 200, answer.text
    verdict: dict[str, Any] = answer.json()["verdict"]
    assert verdict["answeredBy"] == "gateway"
    return verdict


def codes(verdict: dict[str, Any]) -> list[str]:
    return [str(cause["code"]) for cause in verdict["causes"]]


def index_chain(kind: Kind) -> dict[str, bytes]:
    """The certificates that the backend sends, by fingerprint."""
    assert kind.identity
    return {certificate.fingerprint: certificate.pem.encode() for certificate in chain_of(kind.identity)}


@contextmanager
def publish(holdfast: Holdfast, url: str) -> Iterator[list[object]]:
    """Publish an API, and take back at the end what was decided: another backend may get the same port."""
    api = holdfast.publish_api(url)
    decisions: list[object] = []
    yield decisions
    if decisions:
        holdfast.decide(url)
    holdfast.delete_api(api)


def follow(
    holdfast: Holdfast, url: str, kind: Kind, verdict: dict[str, Any], aliases: list[str], decisions: list[object]
) -> None:
    """Do what is offered; nothing of it may be refused."""
    if verdict["action"] == "change_trust_settings":
        decisions.append(settings(kind, verdict))
        holdfast.decide(url, **settings(kind, verdict))
        return
    suggestion = verdict["suggestedCertificate"]
    file = index_chain(kind)[suggestion["fingerprint"]]
    if suggestion["instead"]:
        assert verdict["action"] == "replace_certificate"
        (alias,) = aliases
        holdfast.replace_certificate(alias, file)
    else:
        assert verdict["action"] == "import_certificate"
        aliases.append(holdfast.import_certificate(url, file))


def settings(kind: Kind, verdict: dict[str, Any]) -> dict[str, object]:
    """Return the trust settings that the remedy asks for: a name, a pin, or imported certificates."""
    if names := re.search(r"Accept .*?\((.*?)\)", verdict["remedy"]):
        return {"names": names[1].split(", ")[:1]} | ({"anchors": "public"} if kind.settings else {})
    if verdict["remedy"].startswith("Pin this certificate"):
        return {"anyName": True, "certificatePins": [next(iter(index_chain(kind)))]}
    assert "only public CAs" in verdict["remedy"], verdict
    return {"anchors": "imported-and-public", "names": ["other.test"]}


@pytest.mark.parametrize("name", KINDS)
def test_every_remedy_that_is_offered_helps(holdfast: Holdfast, name: str):
    kind = KINDS[name]()
    with kind.serve() as (url, _), publish(holdfast, url) as decisions:
        aliases = [holdfast.import_certificate(url, kind.file)] if kind.file else []
        if kind.settings:
            decisions.append(kind.settings)
            holdfast.decide(url, **kind.settings)
        verdict = ask(holdfast, url)
        for _ in range(MOST_STEPS):
            if verdict["accepted"] or verdict["action"] is None:
                break
            follow(holdfast, url, kind, verdict, aliases, decisions)
            after = ask(holdfast, url)
            assert verdict["code"] not in codes(after), (verdict, after)
            assert set(codes(after)) < set(codes(verdict)), (verdict, after)
            verdict = after
        for alias in aliases:
            holdfast.delete_certificate(alias)
    assert verdict["accepted"] or verdict["action"] is None, verdict
    assert not verdict["remedy"].startswith(("Import", "Replace", "Accept", "Pin")), verdict["remedy"]
