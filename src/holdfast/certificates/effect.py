"""
A trust set in words: what exactly the gateway accepts.
"""

from collections.abc import Sequence

from holdfast.certificates.revocation import keep_last_to_end
from holdfast.certificates.trust import TrustSet

_SHOWN = 5  # names and fingerprints that a sentence lists


def effect(trust: TrustSet) -> tuple[str, ...]:
    """Say in sentences what the gateway accepts from a backend that *trust* is for; the first one is the whole rule."""
    if trust.unverified_until is not None:
        until = f"{trust.unverified_until:%Y-%m-%d %H:%M} UTC"
        return (f"Until {until} the gateway accepts every certificate of the backend: nothing is verified.",)
    sentences = [f"The gateway accepts a backend that presents a certificate {_names(trust)}, {_anchors(trust)}."]
    sentences += _pins(trust)
    sentences += _revocation(trust)
    sentences.append(_connection(trust))
    return tuple(sentences)


def _names(trust: TrustSet) -> str:
    names = [name.value for name in trust.accepted_names]
    return f"for {_either(names)}" if names else "for any name"


def _anchors(trust: TrustSet) -> str:
    public = "a public certification authority" if trust.public_roots else ""
    if not trust.anchors:
        return f"signed by {public}"
    subjects = _either(list(dict.fromkeys(anchor.subject or "an empty subject" for anchor in trust.anchors)))
    if all(not anchor.is_ca for anchor in trust.anchors):
        # The key of any anchor may have signed others, unless its key usage forbids it (measured on Envoy 1.40).
        own = f"which is {subjects} or signed with its key"
        return f"{own}, or signed by {public}" if public else own
    signed = f"signed by {subjects}"
    return f"{signed} or {public}" if public else signed


def _pins(trust: TrustSet) -> list[str]:
    kinds = []
    if trust.certificate_pins:
        kinds.append(f"the certificate has the SHA-256 fingerprint {_either(_short(trust.certificate_pins))}")
    if trust.spki_pins:
        kinds.append(f"its key has the SHA-256 fingerprint {_either(_short(trust.spki_pins))}")
    return [f"Only if {' or '.join(kinds)}."] if kinds else []


def _short(pins: Sequence[str]) -> list[str]:
    return [f"{pin[:16]}…" for pin in pins]


def _revocation(trust: TrustSet) -> list[str]:
    if not trust.revocation:
        return []
    what = "it or a CA above it" if trust.revocation_of_path else "it"
    ends = min((crl.next_update for crl in keep_last_to_end(trust.revocation) if crl.next_update), default=None)
    fresh = f" From {ends:%Y-%m-%d %H:%M} UTC on, without a newer CRL, every certificate is refused." if ends else ""
    issuers = _either(list(dict.fromkeys(crl.issuer for crl in trust.revocation)))
    return [f"Not if a CRL of {issuers} has revoked {what}; a CA without a CRL here is refused.{fresh}"]


def _connection(trust: TrustSet) -> str:
    low, high = trust.tls_minimum, trust.tls_maximum
    versions = str(low) if low is high else f"{low} or {str(high).removeprefix('TLS ')}"
    wish = f"asks for {trust.server_name}" if trust.server_name else "says no server name"
    return f"It speaks {versions} and {wish}."


def _either(values: Sequence[str]) -> str:
    shown = list(values[:_SHOWN])
    if len(values) > _SHOWN:
        shown.append(f"{len(values) - _SHOWN} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"
