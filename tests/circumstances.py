"""Kinds of backend in which more than a certificate decides: TLS versions, trust settings, closed ports."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from ssl import TLSVersion

from backends import closed_port, resetting_backend, silent_backend
from holdfast.certificates.certificate import read_certificate
from issuing import ask_clients, ed448_key, issue, key_usage, revoke, rsa_key, server_context, speak_only
from kinds import HOST, INTERMEDIATE, ROOT, Kind, Kinds, below, itself


def configure(kind: Kind, words: str, **settings: object) -> Kind:
    """Return the same kind with trust settings."""
    return replace(kind, description=f"{kind.description}; {words}", settings=settings)


def speaking(version: TLSVersion, ciphers: str = "", **options: object) -> Kind:
    """A backend that is trusted itself and speaks one version of TLS."""
    identity = issue(HOST, **options)  # type: ignore[arg-type]
    return replace(itself(identity), tls=speak_only(server_context(identity), version, ciphers))


def asking_clients(version: TLSVersion) -> Kind:
    kind = speaking(version)
    assert kind.tls
    return replace(kind, tls=ask_clients(kind.tls, issue(ca=True, common_name="client CA")))


def pin(*, right: bool, key: bool = False) -> Kind:
    kind, other = below(ROOT), issue(HOST, by=ROOT)
    assert kind.identity
    certificate = read_certificate((kind.identity if right else other).der)
    what = "key" if key else "certificate"
    settings = {"spkiPins": [certificate.spki_fingerprint]} if key else {"certificatePins": [certificate.fingerprint]}
    return configure(kind, f"the pin of {'its' if right else 'another'} {what}", **settings)


def without_name() -> Kind:
    identity = issue(common_name="no name")
    pins = [read_certificate(identity.der).fingerprint]
    return configure(itself(identity), "its pin, any name", anyName=True, certificatePins=pins)


def with_names(name: str, *names: str) -> Kind:
    return configure(itself(issue(name, common_name="backend")), f"the name {' or '.join(names)}", names=names)


def with_crl(words: str, *crls: Callable[[Kind], bytes], kind: Kind | None = None) -> Kind:
    kind = kind or below(ROOT)
    return configure(kind, words, crls=b"".join(crl(kind) for crl in crls).decode())


def with_ending_crl() -> Kind:
    """A CRL that has ended is refused; one that is about to end isn't."""
    soon = timedelta(seconds=40)  # a loaded machine takes a while to import it
    return replace(with_crl("an expired CRL", lambda _: revoke(ROOT, end=soon)), begins=datetime.now(UTC) + soon)


def revoking(kind: Kind) -> bytes:
    assert kind.identity
    return revoke(ROOT, kind.identity)


def deep() -> Kind:
    return Kind(issue(HOST, by=INTERMEDIATE), ROOT.pem)


V1_1, V1_2, V1_3 = TLSVersion.TLSv1_1, TLSVersion.TLSv1_2, TLSVersion.TLSv1_3
NOTHING = partial(Kind, description="nothing imported")

OTHERWISE: Kinds = {
    "self-signed, nothing imported": lambda: NOTHING(issue(HOST)),
    "privately signed, nothing imported": lambda: NOTHING(issue(HOST, by=ROOT)),
    "keyUsage without digitalSignature": lambda: itself(issue(HOST, more=[key_usage()])),
    "TLS 1.3 only": lambda: speaking(V1_3),
    "TLS 1.2 only": lambda: speaking(V1_2),
    "TLS 1.2 with ECDHE-RSA-CHACHA20-POLY1305 only": lambda: speaking(
        V1_2, "ECDHE-RSA-CHACHA20-POLY1305", key=rsa_key()
    ),
    "TLS 1.2 with AES128-GCM-SHA256 only": lambda: speaking(V1_2, "AES128-GCM-SHA256", key=rsa_key()),
    "TLS 1.1 only": lambda: speaking(V1_1),
    "TLS 1.2 only, where 1.3 is required": lambda: configure(speaking(V1_2), "TLS 1.3 at least", tlsMinimum="1.3"),
    "Ed448": lambda: itself(issue(HOST, key=ed448_key())),
    "client certificate required in TLS 1.2": lambda: asking_clients(V1_2),
    "client certificate required in TLS 1.3": lambda: asking_clients(V1_3),
    "no TLS on this port": lambda: NOTHING(None),
    "nothing listens": lambda: NOTHING(None, place=closed_port),
    "listens, but sends nothing": lambda: NOTHING(None, place=silent_backend),
    "resets connections": lambda: NOTHING(None, place=resetting_backend),
    "certificate pin": lambda: pin(right=True),
    "certificate pin of another": lambda: pin(right=False),
    "key pin": lambda: pin(right=True, key=True),
    "key pin of another": lambda: pin(right=False, key=True),
    "no usable name, but a certificate pin": without_name,
    "name in the trust settings": lambda: with_names("b.internal", "a.internal", "b.internal"),
    "other name than in the trust settings": lambda: with_names(HOST, "a.internal"),
    "wildcard": lambda: with_names("*.b.internal", "a.b.internal"),
    "wildcard for a part of a label": lambda: with_names("a*.b.internal", "ab.b.internal"),
    "wildcard for two labels": lambda: with_names("*.internal", "a.b.internal"),
    "CRL that does not list it": lambda: with_crl("a CRL", lambda _: revoke(ROOT)),
    "CRL that revokes it": lambda: with_crl("a CRL", revoking),
    "CRL that has expired": with_ending_crl,
    "CRL of the root only, with an intermediate": lambda: with_crl("a CRL", lambda _: revoke(ROOT), kind=deep()),
    "intermediate that the root's CRL revokes": lambda: with_crl(
        "two CRLs", lambda _: revoke(ROOT, INTERMEDIATE), lambda _: revoke(INTERMEDIATE), kind=deep()
    ),
    "imported, but only public roots are trusted": lambda: configure(
        itself(issue(HOST)), "only public roots", anchors="public"
    ),
    "imported, and public roots, too": lambda: configure(
        itself(issue(HOST)), "public roots too", anchors="imported-and-public"
    ),
}
