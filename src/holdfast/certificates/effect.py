"""
Sentences that explain exactly what the gateway accepts for a trust set.
"""

from collections import Counter
from collections.abc import Sequence

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.revocation import keep_last_to_end
from holdfast.certificates.trust import TrustSet

_MAX_SHOWN = 5  # names and fingerprints listed in one sentence


def describe_effect(trust: TrustSet) -> tuple[str, ...]:
    """Return sentences that say which backends the gateway accepts under *trust*; the first is the main rule."""
    if trust.unverified_until is not None:
        until = f"{trust.unverified_until:%Y-%m-%d %H:%M} UTC"
        return (f"Until {until}, the gateway accepts any certificate from the backend: verification is off.",)
    sentences = [
        f"The gateway accepts a backend only if its certificate{_describe_names(trust)} {_describe_anchors(trust)}."
    ]
    sentences += _describe_pins(trust)
    sentences += _describe_revocation(trust)
    sentences.append(_describe_connection(trust))
    return tuple(sentences)


def _describe_names(trust: TrustSet) -> str:
    names = [name.value for name in trust.accepted_names]
    return f" is valid for {_enumerate(names)} and" if names else ", whatever its names,"


def _describe_anchors(trust: TrustSet) -> str:
    public = "a public CA" if trust.public_roots else ""
    if not trust.anchors:
        return f"was issued by {public}"
    subjects = _enumerate(_name_anchors(trust.anchors))
    if all(not anchor.is_ca for anchor in trust.anchors):
        # The key of any anchor may have signed others, unless its key usage forbids it (measured on Envoy 1.40).
        own = f"is, or was issued by, {subjects}"
        return f"{own}, or was issued by {public}" if public else own
    by_issuers = f"was issued by {subjects}"
    return f"{by_issuers} or {public}" if public else by_issuers


def _name_anchors(anchors: Sequence[Certificate]) -> list[str]:
    """Return the title of each different subject in order, or the whole subject if others have the same title."""
    titles = {anchor.subject: anchor.title or "an empty subject" for anchor in anchors}
    shared_titles = {title for title, number in Counter(titles.values()).items() if number > 1}
    return sorted(subject if title in shared_titles else title for subject, title in titles.items())


def _describe_pins(trust: TrustSet) -> list[str]:
    conditions = []
    if trust.certificate_pins:
        conditions.append(
            f"the certificate's SHA-256 fingerprint must be {_enumerate(_shorten(trust.certificate_pins))}"
        )
    if trust.spki_pins:
        conditions.append(f"its key's SHA-256 fingerprint must be {_enumerate(_shorten(trust.spki_pins))}")
    sentence = ", or ".join(conditions)
    return [f"{sentence[0].upper()}{sentence[1:]}."] if sentence else []


def _shorten(pins: Sequence[str]) -> list[str]:
    return [f"{pin[:16]}…" for pin in pins]


def _describe_revocation(trust: TrustSet) -> list[str]:
    if not trust.revocation:
        return []
    what = "the certificate or a CA above it" if trust.revocation_of_path else "the certificate"
    ends = min((crl.next_update for crl in keep_last_to_end(trust.revocation) if crl.next_update), default=None)
    fresh = f" Without a newer CRL, it rejects every certificate from {ends:%Y-%m-%d %H:%M} UTC on." if ends else ""
    issuers = _enumerate(list(dict.fromkeys(crl.issuer for crl in trust.revocation)))
    return [f"It rejects the backend if a CRL of {issuers} revokes {what}, or if a CA has no CRL here.{fresh}"]


def _describe_connection(trust: TrustSet) -> str:
    low, high = trust.tls_minimum, trust.tls_maximum
    versions = str(low) if low is high else f"{low} or {str(high).removeprefix('TLS ')}"
    sni = f"SNI {trust.server_name}" if trust.server_name else "no SNI"
    return f"It uses {versions} and sends {sni}."


def _enumerate(values: Sequence[str]) -> str:
    texts = list(values[:_MAX_SHOWN])
    if len(values) > _MAX_SHOWN:
        texts.append(f"{len(values) - _MAX_SHOWN} more")
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"
