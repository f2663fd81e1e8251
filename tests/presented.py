"""Kinds of backend in which the presented chain decides: several faults at once, cross-signed and odd CAs."""

from dataclasses import replace
from functools import partial

from cryptography import x509

from circumstances import NOTHING
from holdfast.certificates.certificate import Certificate, read_certificate
from issuing import (
    CLIENTS_ONLY,
    DAY,
    MD5_WITH_RSA,
    UNKNOWN_EXTENSION,
    Identity,
    alter,
    issue,
    key_usage,
    p256,
)
from kinds import EXPIRED, HOST, INTERMEDIATE, ROOT, RSA_ROOT, Kind, Kinds

OLD_ROOT = issue(ca=True, common_name="expired root", **EXPIRED)
CROSS_KEY = p256()
FIRST, SECOND = (issue(ca=True, common_name=f"{name} root") for name in ("first", "second"))
BY_FIRST, BY_SECOND = (
    issue(by=issuer, ca=True, common_name="cross-signed", key=CROSS_KEY) for issuer in (FIRST, SECOND)
)


def chain_of(identity: Identity) -> list[Certificate]:
    """The certificates that a server sends, its own first."""
    certificates = (identity.certificate, *identity.issuers)
    return [read_certificate(Identity(certificate, identity.key, ()).der) for certificate in certificates]


def through(**options: object) -> Kind:
    """The root is imported; the backend sends an intermediate with *options*."""
    intermediate = issue(by=ROOT, **({"ca": True, "common_name": "odd intermediate"} | options))  # type: ignore[arg-type]
    return Kind(issue(HOST, by=intermediate), ROOT.pem)


def unknown(identity: Identity, *above: Identity) -> Kind:
    """Nothing is imported; the backend sends *above* after its own certificate."""
    return NOTHING(identity.followed_by(*above))


def of(issuer: Identity, *names: str, **options: object) -> Identity:
    return issue(*(names or (HOST,)), by=issuer, **options)  # type: ignore[arg-type]


SEVERAL: Kinds = {
    "expired self-signed, nothing imported": lambda: NOTHING(issue(HOST, **EXPIRED)),
    "expired self-signed for another name, nothing imported": lambda: NOTHING(issue("other.test", **EXPIRED)),
    "not yet valid, nothing imported": lambda: NOTHING(issue(HOST, start=DAY)),
    "self-signed for another name, nothing imported": lambda: NOTHING(issue("other.test")),
    "self-signed without a name, nothing imported": lambda: NOTHING(issue(common_name=HOST)),
    "self-signed without digitalSignature, nothing imported": lambda: NOTHING(issue(HOST, more=[key_usage()])),
    "self-signed with the address as dNSName": lambda: NOTHING(with_dns_name()),
    "expired leaf, root sent, nothing imported": lambda: unknown(of(ROOT, **EXPIRED), ROOT),
    "expired root sent, nothing imported": lambda: unknown(of(OLD_ROOT), OLD_ROOT),
    "expired root sent, and imported together with another": lambda: Kind(
        of(OLD_ROOT).followed_by(OLD_ROOT), OLD_ROOT.pem + ROOT.pem, "two roots"
    ),
    "chain and root sent, nothing imported": lambda: unknown(of(INTERMEDIATE), INTERMEDIATE, ROOT),
    "chain and root sent, for another name, nothing imported": lambda: unknown(
        of(INTERMEDIATE, "other.test"), INTERMEDIATE, ROOT
    ),
    "chain and root sent, another imported": lambda: Kind(
        of(INTERMEDIATE).followed_by(INTERMEDIATE, ROOT), FIRST.pem, "another root"
    ),
    "for clients only, root sent, nothing imported": lambda: unknown(of(ROOT, purpose=CLIENTS_ONLY), ROOT),
    "signed with MD5, root sent, nothing imported": lambda: unknown(
        alter(of(RSA_ROOT), RSA_ROOT, MD5_WITH_RSA), RSA_ROOT
    ),
    "expired and for another name, root imported": lambda: Kind(of(ROOT, "other.test", **EXPIRED), ROOT.pem),
    "imported, but only public roots are trusted, for another name": lambda: replace(
        Kind(identity := issue("other.test"), identity.pem, "itself; only public roots"), settings={"anchors": "public"}
    ),
    "cross-signed, the other CA's certificate first": lambda: Kind(
        of(BY_FIRST).followed_by(BY_FIRST, BY_SECOND), SECOND.pem, "the second root"
    ),
    "cross-signed, the trusted CA's certificate first": lambda: Kind(
        of(BY_SECOND).followed_by(BY_SECOND, BY_FIRST), SECOND.pem, "the second root"
    ),
    "cross-signed, the trusted CA's certificate not sent": lambda: Kind(of(BY_FIRST), SECOND.pem, "the second root"),
    "intermediate for clients only": partial(through, purpose=CLIENTS_ONLY),
    "intermediate without basicConstraints": partial(through, ca=None),
    "intermediate with an unknown critical extension": partial(through, more=[(UNKNOWN_EXTENSION, True)]),
    "intermediate without keyCertSign": partial(through, more=[key_usage(digital_signature=True)]),
}


def with_dns_name() -> Identity:
    return issue(common_name="backend", more=[(x509.SubjectAlternativeName([x509.DNSName(HOST)]), False)])
