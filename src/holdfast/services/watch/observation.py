"""
The effect of one look at a backend on what is known about it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from holdfast.apis.watch.watched_endpoint import (
    BackendCertificate,
    ChangeKind,
    Changes,
    Coverage,
    Silence,
    WatchedEndpoint,
)
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.findings.finding import display
from holdfast.services.watch.schedule import retry_after
from holdfast.store.watch.presented_chains import PresentedChain


@dataclass(frozen=True, slots=True)
class Observation:
    """A watched endpoint after a look, and the chain to record if it isn't the one that was presented before."""

    endpoint: WatchedEndpoint
    chain: PresentedChain | None = None


def hash_chain(chain: Sequence[Certificate]) -> str:
    """Return the SHA-256 that identifies *chain*: its own certificate, and those above it in any order."""
    above = sorted(certificate.fingerprint for certificate in chain[1:])
    return hashlib.sha256("\n".join([chain[0].fingerprint, *above]).encode()).hexdigest()


def find_changes(before: Sequence[Certificate], after: Sequence[Certificate]) -> tuple[ChangeKind, ...]:
    """Return what is different in *after*; both begin with the backend's own certificate."""
    old, new = before[0], after[0]
    changes = []
    if old.spki_fingerprint != new.spki_fingerprint:
        changes.append(ChangeKind.KEY)
    if _name_issuer(old) != _name_issuer(new):
        changes.append(ChangeKind.ISSUER)
    if set(old.subject_alt_names) != set(new.subject_alt_names):
        changes.append(ChangeKind.NAMES)
    if not changes and old.fingerprint != new.fingerprint:
        changes.append(ChangeKind.CERTIFICATE)
    if not changes:
        changes.append(ChangeKind.CHAIN)
    return tuple(changes)


def _name_issuer(certificate: Certificate) -> tuple[str, str]:
    """Return the issuer and its key; a self-signed certificate with a new key hasn't got a new issuer."""
    key = "" if certificate.is_self_issued else certificate.authority_key_identifier
    return certificate.issuer, key


def see_nothing(endpoint: WatchedEndpoint, cause: str, now: datetime) -> Observation:
    """Return *endpoint* after an attempt to read what its backend presents failed with *cause*."""
    silence = endpoint.silence
    attempts = silence.attempts + 1 if silence else 1
    since = silence.since if silence else now
    return Observation(replace(endpoint, silence=Silence(since, cause, attempts, now + retry_after(attempts))))


def see_chain(
    endpoint: WatchedEndpoint,
    earlier: PresentedChain | None,
    before: PresentedChain | None,
    chain: Sequence[Certificate],
    coverage: Coverage,
    now: datetime,
) -> Observation:
    """
    Return *endpoint* after its backend presented *chain*.

    *before* is what it presented until now, and *earlier* the record of *chain* if it was presented earlier: backends
    behind a load balancer present several certificates in turn, which is not a change each time.
    """
    identity = hash_chain(chain)
    endpoint = replace(endpoint, coverage=coverage, silence=None)
    if endpoint.certificate and endpoint.certificate.chain == identity:
        return Observation(endpoint)
    kinds = find_changes(before.certificates, chain) if before else ()
    own = chain[0]
    since = earlier.first_at if earlier else now
    # Backends write what they like into certificates.
    certificate = BackendCertificate(identity, display(own.title), display(own.issuer_title), own.not_after, since)
    changes = endpoint.changes if earlier else _date(endpoint.changes, kinds, now)
    record = PresentedChain(identity, since, now, kinds, tuple(chain))
    return Observation(replace(endpoint, certificate=certificate, changes=changes), record)


def _date(changes: Changes, kinds: Sequence[ChangeKind], now: datetime) -> Changes:
    if not kinds:
        return changes
    return Changes(
        now,
        now if ChangeKind.KEY in kinds else changes.key,
        now if ChangeKind.ISSUER in kinds else changes.issuer,
        now if ChangeKind.NAMES in kinds else changes.names,
    )
