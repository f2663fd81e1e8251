"""
Why a connection to a backend failed: Envoy's text -> a code, and what the code means. Pure.

The texts are those of Envoy 1.40 and BoringSSL (`%UPSTREAM_TRANSPORT_FAILURE_REASON%`), measured.
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

SHOWN_NAMES = 5


class Cause(StrEnum):
    """Stable codes, each documented in docs/trust.md."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    UNKNOWN_ISSUER = "unknown_issuer"
    SELF_SIGNED_NOT_TRUSTED = "self_signed_not_trusted"
    CHAIN_INCOMPLETE = "chain_incomplete"
    HOSTNAME_MISMATCH = "hostname_mismatch"
    NO_SUBJECT_ALT_NAME = "no_subject_alt_name"
    PIN_MISMATCH = "pin_mismatch"
    REVOKED = "revoked"
    CRL_STALE = "crl_stale"
    WEAK_SIGNATURE = "weak_signature"
    WEAK_KEY = "weak_key"
    KEY_USAGE_WRONG = "key_usage_wrong"
    ISSUER_NOT_A_CA = "issuer_not_a_ca"
    PATH_LENGTH_EXCEEDED = "path_length_exceeded"
    NAME_CONSTRAINT_VIOLATION = "name_constraint_violation"
    UNKNOWN_CRITICAL_EXTENSION = "unknown_critical_extension"
    TLS_VERSION_MISMATCH = "tls_version_mismatch"
    CIPHER_MISMATCH = "cipher_mismatch"
    CLIENT_CERTIFICATE_REQUIRED = "client_certificate_required"
    CLIENT_CERTIFICATE_REJECTED = "client_certificate_rejected"
    NOT_TLS = "not_tls"
    NOT_HTTP = "not_http"  # told by a check of an endpoint alone: the gateway has no words of its own for it
    CONNECTION_REFUSED = "connection_refused"
    DNS_FAILURE = "dns_failure"
    TIMEOUT = "timeout"
    TRUST_NOT_READY = "trust_not_ready"
    OTHER = "other"


class Action(StrEnum):
    """What one button can do about a cause."""

    IMPORT_CERTIFICATE = "import_certificate"  # fetched from the endpoint
    REPLACE_CERTIFICATE = "replace_certificate"
    CHANGE_ENDPOINT = "change_endpoint"
    ADD_CLIENT_CERTIFICATE = "add_client_certificate"
    CHANGE_TRUST_SETTINGS = "change_trust_settings"
    TEST_ENDPOINT = "test_endpoint"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a cause means to those who run the API, what they can do, and by which button, if one can do it."""

    sentence: str
    remedy: str
    action: Action | None = None


EXPLANATIONS: dict[Cause, Explanation] = {
    Cause.EXPIRED: Explanation(
        "A certificate that the backend presents, or one above it, has expired.",
        "Renew the backend's certificate, then import the new one.",
        Action.REPLACE_CERTIFICATE,
    ),
    Cause.NOT_YET_VALID: Explanation(
        "A certificate that the backend presents is not valid yet.",
        "Wait until it is, or set the clock of the machine that made it.",
    ),
    Cause.UNKNOWN_ISSUER: Explanation(
        "The backend's certificate does not lead to a certificate that is trusted for this endpoint.",
        "Import the certificate, or that of the CA that issued it. If the CA is imported already, the backend does not "
        "send its intermediate certificates: import them too, or let the backend send them.",
        Action.IMPORT_CERTIFICATE,
    ),
    Cause.SELF_SIGNED_NOT_TRUSTED: Explanation(
        "The backend presents a self-signed certificate that was not imported for this endpoint.",
        "Import it, after comparing its fingerprint with the backend's operator.",
        Action.IMPORT_CERTIFICATE,
    ),
    Cause.CHAIN_INCOMPLETE: Explanation(
        "The chain that the backend sends ends before it reaches a certificate that is trusted for this endpoint.",
        "Let the backend send its intermediate certificates, or import that of the CA that issued the last one sent.",
        Action.IMPORT_CERTIFICATE,
    ),
    Cause.HOSTNAME_MISMATCH: Explanation(
        "The backend's certificate is for other names than the host of this endpoint.",
        "Use one of its names in the endpoint's URL, or ask for a certificate with the right name.",
        Action.CHANGE_ENDPOINT,
    ),
    Cause.NO_SUBJECT_ALT_NAME: Explanation(
        "The backend's certificate names no host in subjectAltName.",
        "Ask for a certificate with the endpoint's host as subjectAltName; the common name does not count.",
    ),
    Cause.PIN_MISMATCH: Explanation(
        "The backend presents another certificate or key than the one that is pinned for this endpoint.",
        "Ask the backend's operator whether it was renewed. If it was, pin the new one; if not, somebody else answers.",
        Action.CHANGE_TRUST_SETTINGS,
    ),
    Cause.REVOKED: Explanation(
        "A certificate that the backend presents, or one above it, was revoked by its CA.",
        "Ask the backend's operator for a new certificate, and why this one was revoked.",
    ),
    Cause.CRL_STALE: Explanation(
        "A list of revoked certificates (CRL) that must be looked at is missing, out of date, or not signed by its CA.",
        "Upload the current CRL of each CA between the backend's certificate and the trusted one.",
        Action.CHANGE_TRUST_SETTINGS,
    ),
    Cause.WEAK_SIGNATURE: Explanation(
        "A certificate that the backend presents is signed by a method that gateways refuse, like MD5.",
        "Ask the CA for a certificate that is signed with SHA-256.",
    ),
    Cause.WEAK_KEY: Explanation(
        "A certificate above the backend's has a key of a kind that gateways refuse.",
        "Ask for certificates of a CA with an RSA key of 2048 bits or more, or a P-256, P-384 or P-521 key.",
    ),
    Cause.KEY_USAGE_WRONG: Explanation(
        "The backend's certificate, or one above it, was not issued to identify a server.",
        "Ask for a certificate with key usage digitalSignature and extended key usage serverAuth.",
    ),
    Cause.ISSUER_NOT_A_CA: Explanation(
        "A certificate in the backend's chain was issued by one that is not a CA.",
        "Ask for a certificate of a CA. If the issuer is meant, import it as it is, or import the backend's own.",
        Action.IMPORT_CERTIFICATE,
    ),
    Cause.PATH_LENGTH_EXCEEDED: Explanation(
        "There are more CAs between the backend's certificate and a trusted one than one of them allows.",
        "Ask for a certificate of a CA that may issue it, or import the backend's own certificate.",
        Action.IMPORT_CERTIFICATE,
    ),
    Cause.NAME_CONSTRAINT_VIOLATION: Explanation(
        "The backend's certificate has a name that a CA above it must not issue for, or its limits cannot be checked.",
        "Ask for a certificate of a CA that may issue for this host, or import the backend's own certificate.",
        Action.IMPORT_CERTIFICATE,
    ),
    Cause.UNKNOWN_CRITICAL_EXTENSION: Explanation(
        "A certificate that the backend presents holds a critical extension that gateways do not know.",
        "Ask for a certificate without it.",
    ),
    Cause.TLS_VERSION_MISMATCH: Explanation(
        "The backend speaks neither TLS 1.2 nor TLS 1.3.", "Enable TLS 1.2 or 1.3 at the backend."
    ),
    Cause.CIPHER_MISMATCH: Explanation(
        "Gateway and backend found no cipher, curve or signature algorithm in common.",
        "Enable an ECDHE cipher with AES-GCM or ChaCha20 at the backend, and give it an RSA key of 2048 bits or more, "
        "or a P-256, P-384, P-521 or Ed25519 key.",
    ),
    Cause.CLIENT_CERTIFICATE_REQUIRED: Explanation(
        "The backend asks the gateway for a client certificate, and the gateway has none for this endpoint.",
        "Add the client certificate that the backend's operator gave you.",
        Action.ADD_CLIENT_CERTIFICATE,
    ),
    Cause.CLIENT_CERTIFICATE_REJECTED: Explanation(
        "The backend does not accept the gateway's client certificate.",
        "Ask the backend's operator which client certificates are accepted, and add one of them.",
        Action.ADD_CLIENT_CERTIFICATE,
    ),
    Cause.NOT_TLS: Explanation(
        "The backend does not speak TLS on this port.",
        "Check the port, or write http:// if that is meant.",
        Action.CHANGE_ENDPOINT,
    ),
    Cause.NOT_HTTP: Explanation(
        "The backend took the connection and answered something that is no HTTP/1.1.",
        "Check the port. A backend that speaks HTTP/2 alone cannot be checked, but is called by HTTP/2 in traffic.",
        Action.CHANGE_ENDPOINT,
    ),
    Cause.CONNECTION_REFUSED: Explanation(
        "The backend refuses connections.",
        "Check that it runs and that host and port are right.",
        Action.CHANGE_ENDPOINT,
    ),
    Cause.DNS_FAILURE: Explanation(
        "The host of this endpoint has no address.",
        "Check its name, and the DNS servers of the gateway's machine.",
        Action.CHANGE_ENDPOINT,
    ),
    Cause.TIMEOUT: Explanation(
        "The backend did not answer in time.",
        "Check that it runs, and that no firewall swallows the connection.",
        Action.TEST_ENDPOINT,
    ),
    Cause.TRUST_NOT_READY: Explanation(
        "The gateway has not yet been given what this endpoint trusts.", "Wait a moment; if it stays, read the logs."
    ),
    Cause.OTHER: Explanation(
        "The connection to the backend failed.", "Read what the gateway said.", Action.TEST_ENDPOINT
    ),
}
# A client certificate that is missing or not accepted looks like this in TLS 1.3, and so does a backend that restarts.
_CONNECTION_ENDED = Explanation(
    "The backend ended the connection before it answered.",
    "Read its log. A backend that asks for a client certificate does this too.",
    Action.TEST_ENDPOINT,
)

_TEXTS: tuple[tuple[re.Pattern[str], Cause], ...] = tuple(
    (re.compile(pattern), cause)
    for pattern, cause in (
        # First, because what follows it are words of the backend's certificate.
        (r"certificate sans are \[\]", Cause.NO_SUBJECT_ALT_NAME),
        (r"san matcher", Cause.HOSTNAME_MISMATCH),
        (r"cert hash and spki", Cause.PIN_MISMATCH),
        (r"provided crls failed: ?certificate revoked", Cause.REVOKED),
        (r"provided crls failed|crl signature failure", Cause.CRL_STALE),
        (r"certificate has expired", Cause.EXPIRED),
        (r"certificate is not yet valid", Cause.NOT_YET_VALID),
        (r"depth 0: self.signed certificate", Cause.SELF_SIGNED_NOT_TRUSTED),
        (r"unable to get (local )?issuer certificate|self.signed certificate", Cause.UNKNOWN_ISSUER),
        (r"digest and key type not supported|unknown signature algorithm", Cause.WEAK_SIGNATURE),
        (r"unable to decode issuer public key|public key routines.*unsupported algorithm", Cause.WEAK_KEY),
        # An issuer of the same name that has another key.
        (r"certificate signature failure", Cause.UNKNOWN_ISSUER),
        (r"key usage bit incorrect|unsupported certificate purpose", Cause.KEY_USAGE_WRONG),
        (r"invalid ca certificate", Cause.ISSUER_NOT_A_CA),
        (r"path length constraint exceeded", Cause.PATH_LENGTH_EXCEEDED),
        (r"(permitted|excluded) subtree violation|name constraint", Cause.NAME_CONSTRAINT_VIOLATION),
        (r"unhandled critical extension", Cause.UNKNOWN_CRITICAL_EXTENSION),
        (r"protocol version|unsupported protocol", Cause.TLS_VERSION_MISMATCH),
        (r"handshake failure on client hello|insufficient security|no shared cipher", Cause.CIPHER_MISMATCH),
        # Alerts of the backend about a certificate can only mean the gateway's.
        (r"alert certificate required", Cause.CLIENT_CERTIFICATE_REQUIRED),
        (
            r"alert (unknown ca|access denied|unsupported certificate|certificate (revoked|expired|unknown))",
            Cause.CLIENT_CERTIFICATE_REJECTED,
        ),
        (r"wrong version number|http request", Cause.NOT_TLS),
        (r"connection refused", Cause.CONNECTION_REFUSED),
        (r"timeout|timed out", Cause.TIMEOUT),
        (r"secret is not supplied", Cause.TRUST_NOT_READY),
    )
)
# Said by backends to a client certificate that is missing as well as to one that they do not like.
_ABOUT_CLIENT_CERTIFICATE = re.compile(r"alert (handshake failure|bad certificate)")
_ENDED = re.compile(r"connection (reset by peer|closed)")
_NAMES = re.compile(r"certificate[_ ]SANs[_ ]are[_ ]\[(.*)", re.DOTALL)


@lru_cache(maxsize=1024)
def cause_of(
    reason: str, *, timed_out: bool = False, without_host: bool = False, client_certificate: bool = False
) -> Cause:
    """
    Find the code for Envoy's *reason*.

    *timed_out* and *without_host* are what else it says (flags UT, SI; UH, DF), for when it gives no reason;
    *client_certificate* says whether the gateway has one for this backend.
    """
    text = _plain(reason)
    for pattern, cause in _TEXTS:
        if pattern.search(text):
            return cause
    if _ABOUT_CLIENT_CERTIFICATE.search(text):
        return Cause.CLIENT_CERTIFICATE_REJECTED if client_certificate else Cause.CLIENT_CERTIFICATE_REQUIRED
    if without_host:
        return Cause.DNS_FAILURE
    return Cause.TIMEOUT if timed_out else Cause.OTHER


def explain(cause: Cause, reason: str, *, connection_terminated: bool = False) -> Explanation:
    """Say what *cause* means here, with what Envoy's *reason* and its flag UC add to it."""
    if cause is Cause.OTHER and (connection_terminated or _ENDED.search(_plain(reason))):
        return _CONNECTION_ENDED
    found = EXPLANATIONS[cause]
    names = presented_names(reason) if cause is Cause.HOSTNAME_MISMATCH else ""
    return replace(found, sentence=f"{found.sentence} It is for {names}.") if names else found


def presented_names(reason: str) -> str:
    """Give the first names that the backend's certificate has, when Envoy's *reason* says them; empty otherwise."""
    found = _NAMES.search(reason)
    listed = found[1].removesuffix(":TLS_error_end").removesuffix("]") if found else ""
    names = [name for name in re.split(r",[_ ]", listed) if name]
    others = " and others" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + others


def _plain(reason: str) -> str:
    return reason.replace("_", " ").lower()
