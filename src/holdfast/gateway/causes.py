"""
Why a connection to a backend failed: Envoy's text -> a code, and what the code means. Pure.

The texts are those of Envoy 1.40 and BoringSSL (`%UPSTREAM_TRANSPORT_FAILURE_REASON%`), measured.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """Stable codes, each documented in docs/trust.md."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    UNKNOWN_ISSUER = "unknown_issuer"
    SELF_SIGNED_NOT_TRUSTED = "self_signed_not_trusted"
    HOSTNAME_MISMATCH = "hostname_mismatch"
    NO_SUBJECT_ALT_NAME = "no_subject_alt_name"
    TLS_VERSION_MISMATCH = "tls_version_mismatch"
    CIPHER_MISMATCH = "cipher_mismatch"
    NOT_TLS = "not_tls"
    CONNECTION_REFUSED = "connection_refused"
    DNS_FAILURE = "dns_failure"
    TIMEOUT = "timeout"
    TRUST_NOT_READY = "trust_not_ready"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a cause means to those who run the API, and what they can do."""

    sentence: str
    remedy: str


EXPLANATIONS: dict[Cause, Explanation] = {
    Cause.EXPIRED: Explanation(
        "A certificate that the backend presents, or one above it, has expired.",
        "Renew the backend's certificate, then import the new one.",
    ),
    Cause.NOT_YET_VALID: Explanation(
        "A certificate that the backend presents is not valid yet.",
        "Wait until it is, or set the clock of the machine that made it.",
    ),
    Cause.UNKNOWN_ISSUER: Explanation(
        "The backend's certificate does not lead to a certificate that is trusted for this endpoint.",
        "Import the certificate, or that of the CA that issued it. If the CA is imported already, the backend does not "
        "send its intermediate certificates: import them too, or let the backend send them.",
    ),
    Cause.SELF_SIGNED_NOT_TRUSTED: Explanation(
        "The backend presents a self-signed certificate that was not imported for this endpoint.",
        "Import it, after comparing its fingerprint with the backend's operator.",
    ),
    Cause.HOSTNAME_MISMATCH: Explanation(
        "The backend's certificate is for other names than the host of this endpoint.",
        "Use one of its names in the endpoint's URL, or ask for a certificate with the right name.",
    ),
    Cause.NO_SUBJECT_ALT_NAME: Explanation(
        "The backend's certificate names no host in subjectAltName.",
        "Ask for a certificate with the endpoint's host as subjectAltName; the common name does not count.",
    ),
    Cause.TLS_VERSION_MISMATCH: Explanation(
        "The backend speaks neither TLS 1.2 nor TLS 1.3.", "Enable TLS 1.2 or 1.3 at the backend."
    ),
    Cause.CIPHER_MISMATCH: Explanation(
        "Gateway and backend found no cipher, curve or signature algorithm in common.",
        "Enable an ECDHE cipher with AES-GCM or ChaCha20 at the backend.",
    ),
    Cause.NOT_TLS: Explanation(
        "The backend does not speak TLS on this port.", "Check the port, or write http:// if that is meant."
    ),
    Cause.CONNECTION_REFUSED: Explanation(
        "The backend refuses connections.", "Check that it runs and that host and port are right."
    ),
    Cause.DNS_FAILURE: Explanation(
        "The host of this endpoint has no address.", "Check its name, and the DNS servers of the gateway's machine."
    ),
    Cause.TIMEOUT: Explanation(
        "The backend did not answer in time.", "Check that it runs, and that no firewall swallows the connection."
    ),
    Cause.TRUST_NOT_READY: Explanation(
        "The gateway has not yet been given what this endpoint trusts.", "Wait a moment; if it stays, read the logs."
    ),
    Cause.OTHER: Explanation("The connection to the backend failed.", "Read what the gateway said."),
}

_TEXTS: tuple[tuple[str, Cause], ...] = (
    (r"certificate has expired", Cause.EXPIRED),
    (r"certificate is not yet valid", Cause.NOT_YET_VALID),
    (r"sans are \[\]", Cause.NO_SUBJECT_ALT_NAME),
    (r"san matcher", Cause.HOSTNAME_MISMATCH),
    (r"depth 0: self.signed certificate", Cause.SELF_SIGNED_NOT_TRUSTED),
    (r"unable to get (local )?issuer certificate|self.signed certificate", Cause.UNKNOWN_ISSUER),
    (r"protocol version|unsupported protocol", Cause.TLS_VERSION_MISMATCH),
    (r"handshake failure|no shared cipher", Cause.CIPHER_MISMATCH),
    (r"wrong version number|http request", Cause.NOT_TLS),
    (r"connection refused", Cause.CONNECTION_REFUSED),
    (r"timeout|timed out", Cause.TIMEOUT),
    (r"secret is not supplied", Cause.TRUST_NOT_READY),
)


def cause_of(reason: str, *, timed_out: bool = False, without_host: bool = False) -> Cause:
    """
    Find the code for Envoy's *reason*.

    *timed_out* and *without_host* are its response flags (UT, SI; UH, DF), for when it gives no reason.
    """
    text = reason.replace("_", " ").lower()
    for pattern, cause in _TEXTS:
        if re.search(pattern, text):
            return cause
    if without_host:
        return Cause.DNS_FAILURE
    return Cause.TIMEOUT if timed_out else Cause.OTHER


def presented_names(reason: str) -> str:
    """Give the names that the backend's certificate has, when Envoy's *reason* says them; empty otherwise."""
    found = re.search(r"SANs_are_\[([^\]]*)\]|SANs are \[([^\]]*)\]", reason)
    return (found[1] or found[2] or "").replace(",_", ", ") if found else ""
