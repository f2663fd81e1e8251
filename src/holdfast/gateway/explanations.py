"""
What each cause of a failed request means to those who run the API, and what they can do about it. Pure.
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from holdfast.gateway.causes import Cause, connection_ended

SHOWN_NAMES = 5
_NAMES = re.compile(r"certificate[_ ]SANs[_ ]are[_ ]\[(.*)", re.DOTALL)


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
        "The backend accepted the connection and sent a response that the gateway can't read as HTTP.",
        "Check the port and the endpoint's protocol (HTTP/1.1 or HTTP/2).",
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
    Cause.CONNECTION_AUTHENTICATION: Explanation(
        "The backend asks callers to authenticate their connection (NTLM or Negotiate). Callers share connections to "
        "the backend, so the gateway removed the challenge.",
        "Let the backend use a scheme that authenticates each request, such as Basic or Bearer, or turn on one "
        "connection per caller for this endpoint.",
        Action.CHANGE_ENDPOINT,
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


def explain(cause: Cause, reason: str, *, connection_terminated: bool = False) -> Explanation:
    """Say what *cause* means here, with what Envoy's *reason* and its flag UC add to it."""
    if cause is Cause.OTHER and (connection_terminated or connection_ended(reason)):
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
