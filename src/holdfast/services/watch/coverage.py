"""
Whether the trust of an origin covers what its backend presents, and until when.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from holdfast.apis.watch.watched_endpoint import Coverage
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.comparison import compare, find_path
from holdfast.certificates.revocation import keep_last_to_end
from holdfast.certificates.trust import TrustSet, deduplicate
from holdfast.gateway.failures.causes import CERTIFICATE_CAUSES, Cause
from holdfast.gateway.resources.public_roots import read_public_roots
from holdfast.services.probing.verdicts import Verdict


def hash_trust(trust: TrustSet) -> str:
    """Return a hash of everything in *trust* that decides whether a chain is accepted."""
    parts = (
        trust.anchors_hash,
        trust.public_roots,
        *map(str, trust.accepted_names),
        trust.certificate_pins,
        trust.spki_pins,
        trust.server_name,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def predict(chain: Sequence[Certificate], trust: TrustSet, now: datetime) -> Coverage:
    """Return whether gateways accept *chain* (not empty), from a comparison with *trust*, without asking one."""
    with_roots, roots = _add_public_roots(trust)
    mismatches = compare(chain, with_roots, now, roots)
    if mismatches:
        # The same as of a failed request: what has expired can't be trusted by importing it.
        cause = min((Cause(mismatch.code) for mismatch in mismatches), key=CERTIFICATE_CAUSES.index)
        return Coverage(hash_trust(trust), accepted=False, cause=cause.value)
    return Coverage(hash_trust(trust), accepted=True, until=find_end(chain, trust))


def settle(chain: Sequence[Certificate], trust: TrustSet, verdict: Verdict | None, now: datetime) -> Coverage:
    """Return what a gateway's *verdict* says about *chain*; if it is about something else, what a comparison says."""
    if verdict and verdict.accepted:
        end = find_end(chain, trust)
        # The gateway knows better than a comparison that would have rejected the chain.
        until = end if end >= now else chain[0].not_after
        return Coverage(hash_trust(trust), accepted=True, until=until, by_gateway=True)
    prediction = predict(chain, trust, now)
    if verdict is None or verdict.cause not in CERTIFICATE_CAUSES:
        return prediction
    cause = prediction.cause or verdict.cause.value
    return Coverage(prediction.trust, accepted=False, cause=cause, by_gateway=True)


def find_end(chain: Sequence[Certificate], trust: TrustSet) -> datetime:
    """Return when gateways stop accepting *chain*: a certificate of its path expires, or a CRL is no longer fresh."""
    with_roots, roots = _add_public_roots(trust)
    path = find_path(chain, with_roots, roots)
    ends = [certificate.not_after for certificate in path.certificates]
    issuers = {certificate.issuer for certificate in path.certificates}
    ends += [crl.next_update for crl in keep_last_to_end(trust.revocation) if crl.next_update and crl.issuer in issuers]
    return min(ends)


def _add_public_roots(trust: TrustSet) -> tuple[TrustSet, Sequence[Certificate]]:
    """Return *trust* and the public roots as `compare` takes them, which uses either imported or public anchors."""
    if trust.anchors and trust.public_roots:
        return replace(trust, anchors=deduplicate([*trust.anchors, *read_public_roots()])), ()
    return trust, read_public_roots() if trust.public_roots else ()
