"""Envoy trusts both of two anchors with the same name exactly if Holdfast says that they are distinguishable."""

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from backends import V4, Backend
from envoy_alone import cluster, statuses_of
from holdfast.certificates.certificate import read_certificate
from holdfast.certificates.trust import find_indistinguishable
from issuing import Extension, Identity, PrivateKey, issue, p256

pytestmark = pytest.mark.envoy
IDENTIFIERS = ("neither", "subject", "both")  # which key identifiers a certificate has


@dataclass(frozen=True, slots=True)
class Anchor:
    """A trust anchor, and what a backend presents that leads to it."""

    certificate: Identity
    leaf: Identity


def identifiers(kind: str, key: PrivateKey, issuer_key: PrivateKey) -> list[Extension]:
    subject = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return [(extension, False) for extension in (subject, authority)][: IDENTIFIERS.index(kind)]


def self_signed(kind: str, *names: str, ca: bool) -> Identity:
    key = p256()
    return issue(*names, ca=ca, common_name="same", key=key, identified=False, more=identifiers(kind, key, key))


def root(kind: str) -> Anchor:
    certificate = self_signed(kind, ca=True)
    return Anchor(certificate, leaf_below(certificate, kind))


def intermediate(kind: str) -> Anchor:
    above, key = issue(ca=True, common_name="above"), p256()
    more = identifiers(kind, key, above.key)
    certificate = issue(by=above, ca=True, common_name="same", key=key, identified=False, more=more)
    return Anchor(certificate, leaf_below(certificate, kind))


def own(kind: str) -> Anchor:
    return Anchor(certificate := self_signed(kind, V4, ca=False), certificate)


def own_that_is_a_ca(kind: str) -> Anchor:
    return Anchor(certificate := self_signed(kind, V4, ca=True), certificate)


def leaf_below(ca: Identity, kind: str) -> Identity:
    """Issue a certificate that names the key identifier of its issuer, if that has one."""
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key())
    return issue(V4, by=ca, identified=False, more=[] if kind == "neither" else [(authority, False)]).alone


KINDS = {kind.__name__: kind for kind in (root, intermediate, own, own_that_is_a_ca)}
PAIRS = [
    (f"{one} with {first}, {other} with {second}", (KINDS[one](first), KINDS[other](second)))
    for one, other in combinations_with_replacement(KINDS, 2)
    for first, second in product(IDENTIFIERS, repeat=2)
    if one != other or first <= second
]


def test_envoy_trusts_both_certificates_of_exactly_the_accepted_pairs(tmp_path: Path):
    expected = {
        name: not find_indistinguishable([read_certificate(anchor.certificate.der) for anchor in pair])
        for name, pair in PAIRS
    }
    assert True in expected.values()
    assert False in expected.values()
    assert believed_by_envoy(tmp_path) == expected


def believed_by_envoy(directory: Path) -> dict[str, bool]:
    """Return for each pair whether Envoy accepts both backends, with the anchors in either order."""
    with ExitStack() as stack:
        clusters: dict[str, Any] = {}
        for number, (_, pair) in enumerate(PAIRS):
            ports = [stack.enter_context(Backend(anchor.leaf)).port for anchor in pair]
            for order, port in product((1, -1), ports):
                trust = b"".join(anchor.certificate.pem for anchor in pair[::order])
                name = f"{number}.{order}.{port}"
                clusters[name] = cluster(name, port, trust)
        statuses = statuses_of(clusters, directory)
    return {
        name: {status for cluster, status in statuses.items() if cluster.startswith(f"{number}.")} == {200}
        for number, (name, _) in enumerate(PAIRS)
    }
