"""
Kinds of backend, and of trust for them. The gateway's verdict on each is in docs/reference/verdicts.md.

    kind = ACCEPTED["self-signed with CA:TRUE"]()
    with kind.serve() as (url, backend):
        holdfast.import_certificate(url, kind.file)

The kinds of ACCEPTED are accepted once their file is imported, those of REJECTED are not; none is before.
Those in which more than a certificate decides are in circumstances.py.
"""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import ip_network

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from backends import Backend
from issuing import (
    CLIENTS_ONLY,
    DAY,
    MD5_WITH_RSA,
    SHA1_WITH_RSA,
    UNKNOWN_EXTENSION,
    Identity,
    alter,
    curve_key,
    ed25519_key,
    issue,
    key_usage,
    keystore,
    p521,
    rsa_key,
    secp256k1,
    truststore,
)

HOST = "127.0.0.1"
BOTH = "its root and intermediate"


@dataclass(frozen=True, slots=True)
class Kind:
    """The certificates of a backend, the file that is imported for it, its description, and the host of its URL."""

    identity: Identity | None  # None: no TLS
    file: bytes = b""  # empty: nothing
    description: str = "its root"
    host: str = HOST
    password: str = ""  # of the file
    tls: ssl.SSLContext | None = None  # if it differs from the default
    settings: Mapping[str, object] = field(default_factory=dict)  # as in REST
    place: Callable[[], AbstractContextManager[str]] | None = None  # instead of a backend with *identity*
    begins: datetime | None = None  # when it becomes this kind, if that takes time

    def backend(self) -> Backend:
        """Make the backend that presents it."""
        return Backend(self.identity, tls=self.tls)

    @contextmanager
    def serve(self) -> Iterator[tuple[str, Backend | None]]:
        """Run what is there, and give its https URL, and the backend unless there is something else."""
        if self.place:
            with self.place() as url:
                yield url, None
        else:
            with self.backend() as backend:
                yield backend.url(host=self.host).replace("http:", "https:"), backend


Kinds = dict[str, Callable[[], Kind]]


def itself(identity: Identity, host: str = HOST) -> Kind:
    return Kind(identity, identity.pem, "itself", host)


def below(issuer: Identity, **options: object) -> Kind:
    """The CA *issuer* is imported, what it issued is presented."""
    return Kind(issue(HOST, by=issuer, **options), issuer.pem)  # type: ignore[arg-type]


ROOT = issue(ca=True, common_name="root")
RSA_ROOT = issue(ca=True, common_name="root with an RSA key", key=rsa_key())
INTERMEDIATE = issue(by=ROOT, ca=True, common_name="intermediate")
EXPIRED = {"start": -9 * DAY, "end": -DAY}


def too_deep() -> tuple[Identity, Identity]:
    last = issue(by=ROOT, ca=True, path_length=0, common_name="the last CA")
    return last, issue(by=last, ca=True, common_name="one CA more")


def bundle(*parts: Identity) -> bytes:
    return b"".join(part.pem for part in parts)


def pkcs7_file() -> Kind:
    backend = issue(HOST, by=INTERMEDIATE)
    certificates = [ROOT.certificate, INTERMEDIATE.certificate]
    return Kind(backend.alone, pkcs7.serialize_certificates(certificates, Encoding.DER), f"{BOTH}, as PKCS#7")


def foreign_between() -> Kind:
    return Kind(issue(HOST, by=INTERMEDIATE).followed_by(issue("foreign.test"), INTERMEDIATE), ROOT.pem)


def second_of_two() -> Kind:
    other = issue(ca=True, common_name="another root")
    return Kind(issue(HOST, by=ROOT), bundle(other, ROOT), "two roots")


def no_ca_above() -> tuple[Identity, Identity]:
    above = issue(by=ROOT, common_name="no CA", more=[key_usage(key_cert_sign=True)])
    return above, issue(HOST, by=above)


ACCEPTED: Kinds = {
    "self-signed with CA:TRUE": lambda: itself(issue(HOST, ca=True)),
    "self-signed with CA:FALSE": lambda: itself(issue(HOST, ca=False)),
    "self-signed without basicConstraints": lambda: itself(issue(HOST, ca=None)),
    "self-signed, uploaded as DER": lambda: Kind(backend := issue(HOST), backend.der, "itself, as DER"),
    "self-signed, twice in the file": lambda: Kind(backend := issue(HOST), backend.pem * 2, "itself"),
    "privately signed, leaf only": lambda: itself(issue(HOST, by=ROOT)),
    "below an intermediate, leaf only": lambda: itself(issue(HOST, by=INTERMEDIATE)),
    "leaf only, its root expired": lambda: itself(issue(HOST, by=issue(ca=True, **EXPIRED))),
    "root, leaf below it": lambda: below(ROOT),
    "root of version 1, leaf below it": lambda: below(alter(issue(ca=True), version=b"", extensions=b"")),
    "root, chain served": lambda: Kind(issue(HOST, by=INTERMEDIATE), ROOT.pem),
    "root, chain served with the root": lambda: Kind(
        issue(HOST, by=INTERMEDIATE).followed_by(INTERMEDIATE, ROOT), ROOT.pem
    ),
    "root, chain served in the wrong order": lambda: Kind(
        issue(HOST, by=INTERMEDIATE).followed_by(ROOT, INTERMEDIATE), ROOT.pem
    ),
    "root, chain served with a foreign certificate in between": foreign_between,
    "root and intermediate, leaf served": lambda: Kind(
        issue(HOST, by=INTERMEDIATE).alone, bundle(INTERMEDIATE, ROOT), BOTH
    ),
    "root before intermediate, leaf served": lambda: Kind(
        issue(HOST, by=INTERMEDIATE).alone, bundle(ROOT, INTERMEDIATE), BOTH
    ),
    "intermediate only, chain served": lambda: Kind(issue(HOST, by=INTERMEDIATE), INTERMEDIATE.pem, "its intermediate"),
    "intermediate only, leaf served": lambda: Kind(
        issue(HOST, by=INTERMEDIATE).alone, INTERMEDIATE.pem, "its intermediate"
    ),
    "two roots, leaf below the second": second_of_two,
    "a CA more than the path length allows, all imported": lambda: Kind(
        issue(HOST, by=(cas := too_deep())[1]).alone, bundle(*cas, ROOT), "all CAs above it"
    ),
    "issuer with CA:FALSE that is imported": lambda: Kind((pair := no_ca_above())[1].alone, pair[0].pem, "its issuer"),
    "CA with an unknown critical extension": lambda: below(issue(ca=True, more=[(UNKNOWN_EXTENSION, True)])),
    "together with an expired one in one file": lambda: Kind(
        backend := issue(HOST), issue(HOST, **EXPIRED).pem + backend.pem, "itself and an expired one"
    ),
    "together with another of its name in one file": lambda: Kind(
        backend := issue(HOST), issue(HOST).pem + backend.pem, "itself and another"
    ),
    "PKCS#7 file": pkcs7_file,
    "PKCS#12 truststore with a password": lambda: replace(
        Kind(issue(HOST, by=ROOT), truststore("geheim", ROOT), "its root, as PKCS#12"), password="geheim"
    ),
    "JKS truststore": lambda: Kind(issue(HOST, by=ROOT), keystore([("root", ROOT.der)]), "its root, as JKS"),
    "DNS name": lambda: itself(issue("localhost"), "localhost"),
    "IP address among other names": lambda: itself(issue("other.test", HOST)),
    "Ed25519": lambda: itself(issue(HOST, key=ed25519_key())),
    "P-521": lambda: itself(issue(HOST, key=p521())),
    "P-521 below an Ed25519 root": lambda: below(issue(ca=True, key=ed25519_key()), key=p521()),
    "P-224 in the CA": lambda: below(issue(ca=True, key=curve_key(ec.SECP224R1()))),
    "RSA-2048": lambda: itself(issue(HOST, key=rsa_key())),
    "RSA-1024": lambda: itself(issue(HOST, key=rsa_key(1024))),
    "signed with SHA-1": lambda: Kind(alter(issue(HOST, by=RSA_ROOT), RSA_ROOT, SHA1_WITH_RSA), RSA_ROOT.pem),
    "signed with MD5, leaf only": lambda: itself(alter(issue(HOST, by=RSA_ROOT), RSA_ROOT, MD5_WITH_RSA)),
    "for clients only, without its issuer": lambda: itself(issue(HOST, by=ROOT, purpose=CLIENTS_ONLY)),
}

REJECTED: Kinds = {
    "root, intermediate not served": lambda: Kind(issue(HOST, by=INTERMEDIATE).alone, ROOT.pem),
    "wrong self-signed": lambda: Kind(issue(HOST), issue(HOST).pem, "another self-signed one"),
    "wrong root": lambda: Kind(issue(HOST, by=ROOT), issue(ca=True, common_name="other").pem, "another root"),
    "another root of the same name": lambda: Kind(
        issue(HOST, by=ROOT), issue(ca=True, common_name="root").pem, "another root"
    ),
    "another leaf of the same root": lambda: Kind(issue(HOST, by=ROOT), issue(HOST, by=ROOT).pem, "another leaf"),
    "expired leaf below a trusted root": lambda: below(ROOT, **EXPIRED),
    "expired leaf together with a good one": lambda: Kind(
        backend := issue(HOST, **EXPIRED), backend.pem + issue("other.test").pem, "itself and another"
    ),
    "expired intermediate": lambda: Kind(issue(HOST, by=issue(by=ROOT, ca=True, **EXPIRED)), ROOT.pem),
    "expired root together with another": lambda: Kind(
        issue(HOST, by=(old := issue(ca=True, common_name="old", **EXPIRED))), bundle(old, ROOT), "two roots"
    ),
    "not yet valid": lambda: itself(issue(HOST, start=DAY)),
    "wrong DNS name": lambda: itself(issue("other.test"), "localhost"),
    "wrong IP address": lambda: itself(issue("127.0.0.2")),
    "DNS name where an address is required": lambda: itself(issue("localhost")),
    "address where a DNS name is required": lambda: itself(issue(HOST), "localhost"),
    "name only in CN": lambda: itself(issue(common_name="localhost"), "localhost"),
    "address only in CN": lambda: itself(issue(common_name=HOST)),
    "name that the root may not issue for": lambda: Kind(
        issue("localhost", by=(root := issue(ca=True, permitted="other.test"))), root.pem, host="localhost"
    ),
    "name constraints about addresses": lambda: below(
        issue(ca=True, more=[(x509.NameConstraints([x509.IPAddress(ip_network("127.0.0.0/8"))], None), True)])
    ),
    "for clients only, below a trusted root": lambda: below(ROOT, purpose=CLIENTS_ONLY),
    "CA without keyCertSign": lambda: below(
        issue(ca=True, common_name="no signer", more=[key_usage(digital_signature=True)])
    ),
    "a CA more than the path length allows": lambda: Kind(issue(HOST, by=too_deep()[1]), ROOT.pem),
    "issuer with CA:FALSE that is served": lambda: Kind(no_ca_above()[1], ROOT.pem),
    "unknown critical extension below a trusted root": lambda: below(ROOT, more=[(UNKNOWN_EXTENSION, True)]),
    "signed with MD5 below a trusted root": lambda: Kind(
        alter(issue(HOST, by=RSA_ROOT), RSA_ROOT, MD5_WITH_RSA), RSA_ROOT.pem
    ),
    "secp256k1 in the CA": lambda: below(issue(ca=True, key=secp256k1())),
}
