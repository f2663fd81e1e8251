"""Findings about damaged and critical extensions and explicit curves agree with Envoy."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from backends import V4, Backend
from certificates.judging import judge
from envoy_alone import cluster, statuses_of
from issuing import Identity, issue, rsa_key
from odd_certificates import (
    AUTHORITY_KEY_IDENTIFIER,
    SUBJECT_KEY_IDENTIFIER,
    add_extension,
    describe_curve,
    make_critical,
)

pytestmark = pytest.mark.envoy
ROOT = issue(ca=True, common_name="root", key=rsa_key())
DAMAGED = {  # by what is damaged in a CA, whether the gateway rejects it
    "2.5.29.14": True,  # subject key identifier
    "2.5.29.15": True,  # key usage
    "2.5.29.17": True,  # subjectAltName
    "2.5.29.18": False,  # issuerAltName
    "2.5.29.19": True,  # basic constraints
    "2.5.29.30": True,  # name constraints
    "2.5.29.31": True,  # CRL distribution points
    "2.5.29.32": False,  # certificate policies
    "2.5.29.35": True,  # authority key identifier
    "2.5.29.37": True,  # extended key usage
    "2.5.29.46": False,  # freshest CRL
    "1.3.6.1.5.5.7.1.1": False,  # authority information access
}


NAME_CONSTRAINTS = "2.5.29.30"
# By their content, whether the gateway accepts an address below: empty ones, and an address of 3 octets.
MALFORMED = {"3000": True, "3002a000": True, "3009a00730058703010203": False, "3009a10730058703010203": False}
CRITICAL = {
    oid: make_critical(issue(V4, by=ROOT), oid, by=ROOT) for oid in (SUBJECT_KEY_IDENTIFIER, AUTHORITY_KEY_IDENTIFIER)
}


def below(ca: Identity) -> tuple[Identity, list[Identity]]:
    return issue(V4, by=ca, identified=False), [ca]


CASES = {
    **{f"damaged {oid}": below(add_extension(issue(ca=True), oid, b"damaged")) for oid in DAMAGED},
    **{
        f"name constraints {value}": below(add_extension(issue(ca=True), NAME_CONSTRAINTS, bytes.fromhex(value)))
        for value in MALFORMED
    },
    **{f"critical {oid}, leaf only": (leaf, [leaf]) for oid, leaf in CRITICAL.items()},
    **{f"critical {oid}, with its issuer": (leaf, [leaf, ROOT]) for oid, leaf in CRITICAL.items()},
    "described curve": (curve_leaf := describe_curve(issue(V4)), [curve_leaf]),
}


def test_envoy_rejects_what_has_an_error_and_nothing_else(tmp_path: Path):
    errors = {name: "error" in judge(*anchors, host=V4).values() for name, (_, anchors) in CASES.items()}
    expected = {name: 503 if is_error else 200 for name, is_error in errors.items()}
    assert [expected[f"damaged {oid}"] == 503 for oid in DAMAGED] == list(DAMAGED.values())
    assert [expected[f"name constraints {value}"] == 200 for value in MALFORMED] == list(MALFORMED.values())
    with ExitStack() as stack:
        clusters: dict[str, Any] = {}
        for number, (identity, anchors) in enumerate(CASES.values()):
            port = stack.enter_context(Backend(identity)).port
            clusters[str(number)] = cluster(str(number), port, b"".join(anchor.pem for anchor in anchors))
        statuses = statuses_of(clusters, tmp_path)
    assert dict(zip(CASES, statuses.values(), strict=True)) == expected
