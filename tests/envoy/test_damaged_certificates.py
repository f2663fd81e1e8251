"""The gateway rejects every chain with an unreadable certificate, and a test reports which one it is."""

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backends import V4, ListeningBackend
from damaged import damaged_backend
from issuing import alter_der, issue, tlv
from running import Holdfast

pytestmark = pytest.mark.envoy
ROOT = issue(ca=True, common_name="root")
LEAF = issue(V4, by=ROOT)
VERSION_4 = tlv(0xA0, tlv(2, b"\3"))
WRONG_TIMES = tlv(0x30, tlv(0x17, b"991332000000Z"), tlv(0x17, b"301332000000Z"))
# What OpenSSL reads, a whole backend presents: only Holdfast and gateways can't read it.
READ_BY_OPENSSL = {
    "version 4, own": ((alter_der(LEAF, ROOT, version=VERSION_4),), 1),
    "version 4, above": ((LEAF.der, alter_der(ROOT, version=VERSION_4)), 2),
    "no dates, own": ((alter_der(LEAF, ROOT, validity=WRONG_TIMES),), 1),
    "no dates, above": ((LEAF.der, alter_der(ROOT, validity=WRONG_TIMES)), 2),
}
READ_BY_NOBODY = {
    "damaged, own": ((b"\x31" + LEAF.der[1:], ROOT.der), 1),
    "damaged, above": ((LEAF.der, b"\x31" + ROOT.der[1:]), 2),
    "no key, own": ((alter_der(LEAF, ROOT, spki=tlv(0x30)), ROOT.der), 1),
    "cut off, last": ((LEAF.der, ROOT.der, ROOT.der[:-1]), 3),
    "followed by something": ((LEAF.der, ROOT.der + b"\0"), 2),
}


def probe(holdfast: Holdfast, url: str) -> dict[str, Any]:
    parts = {"endpoint": (None, url), "certificate": ("root.pem", ROOT.pem)}
    answer: dict[str, Any] = holdfast.rest.post("/endpoints/probe", files=parts).json()
    return answer


@contextmanager
def presenting(chain: Sequence[bytes], tmp_path: Path) -> Iterator[str]:
    """Run a backend with the key of LEAF and give its URL."""
    file = tmp_path / "chain.pem"
    file.write_bytes(b"".join(ssl.DER_cert_to_PEM_cert(der).encode() for der in chain) + LEAF.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with ListeningBackend(context) as backend:
        yield backend.url()


@pytest.mark.parametrize("kind", [*READ_BY_OPENSSL, *READ_BY_NOBODY])
def test_a_chain_that_cannot_be_read_is_rejected_and_the_certificate_is_named(
    holdfast: Holdfast, tmp_path: Path, kind: str
):
    chain, position = (READ_BY_OPENSSL | READ_BY_NOBODY)[kind]
    backend = presenting(chain, tmp_path) if kind in READ_BY_OPENSSL else damaged_backend(chain)
    with backend as url:
        result = probe(holdfast, url)
    verdict = result["verdict"]
    assert (verdict["accepted"], verdict["result"], verdict["code"]) == (False, "rejected", "unreadable_certificate")
    (unreadable,) = result["unreadable"]
    assert (unreadable["position"], result["sent"], result["leftOut"]) == (position, len(chain), 1)
    assert unreadable["size"] == len(chain[position - 1])
    assert unreadable["reason"]
    assert verdict["remedy"] == "Ask the backend's operator to send a correct chain."
    assert len(result["presented"]) == len(chain) - 1
