"""
Explanations of TLS handshakes with backends that failed.
"""

from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.failures.explanation import Explanation, SuggestedAction

TLS_EXPLANATIONS: dict[Cause, Explanation] = {
    Cause.EXPIRED: Explanation(
        "The backend's certificate, or a CA certificate in its chain, has expired.",
        "Renew it at the backend. If you imported the expired certificate, import its replacement as well.",
    ),
    Cause.NOT_YET_VALID: Explanation(
        "The backend's certificate, or a CA certificate in its chain, is not valid yet.",
        "Wait until it becomes valid. If its start date is wrong, correct the clock of the machine that issued it and "
        "issue it again.",
    ),
    Cause.UNKNOWN_ISSUER: Explanation(
        "The backend's certificate doesn't chain to a certificate that is trusted for this endpoint.",
        "Import the certificate, or the certificate of the CA that issued it. If that CA is already imported, the "
        "backend is not sending its intermediate certificates: configure it to send them, or import them too.",
        SuggestedAction.IMPORT_CERTIFICATE,
    ),
    Cause.SELF_SIGNED_NOT_TRUSTED: Explanation(
        "The backend presents a self-signed certificate that isn't trusted for this endpoint.",
        "Verify its fingerprint with the backend's operator, then import it.",
        SuggestedAction.IMPORT_CERTIFICATE,
    ),
    Cause.CHAIN_INCOMPLETE: Explanation(
        "The backend's certificate chain ends before it reaches a certificate that is trusted for this endpoint.",
        "Configure the backend to send its intermediate certificates, or import the certificate of the CA that issued "
        "the last certificate in the chain.",
        SuggestedAction.IMPORT_CERTIFICATE,
    ),
    Cause.HOSTNAME_MISMATCH: Explanation(
        "The backend's certificate is not valid for the host of this endpoint.",
        "Get a certificate with the right name, or accept one of this certificate's names in the trust settings.",
        SuggestedAction.CHANGE_TRUST_SETTINGS,
    ),
    Cause.NO_SUBJECT_ALT_NAME: Explanation(
        "The backend's certificate has no host name in subjectAltName.",
        "Get a certificate with the endpoint's host in subjectAltName; gateways ignore the common name. Or pin this "
        "certificate in the trust settings and skip the host-name check there.",
        SuggestedAction.CHANGE_TRUST_SETTINGS,
    ),
    Cause.PIN_MISMATCH: Explanation(
        "The backend's certificate or key matches none of the pins for this endpoint.",
        "Ask the backend's operator whether it was renewed. If so, pin the new one. If not, something else may be "
        "answering in the backend's place.",
        SuggestedAction.CHANGE_TRUST_SETTINGS,
    ),
    Cause.REVOKED: Explanation(
        "The backend's certificate, or a CA certificate in its chain, has been revoked.",
        "Ask the backend's operator for a new certificate, and why this one was revoked.",
    ),
    Cause.CRL_STALE: Explanation(
        "A certificate revocation list (CRL) that the gateway needs is missing, expired, incomplete, or not signed by "
        "its CA.",
        "Upload a current, complete CRL for each CA between the backend's certificate and the trusted one.",
        SuggestedAction.CHANGE_TRUST_SETTINGS,
    ),
    Cause.WEAK_SIGNATURE: Explanation(
        "A certificate in the backend's chain is signed with an algorithm that gateways reject, such as MD5.",
        "Ask the CA for a certificate that is signed with SHA-256.",
    ),
    Cause.WEAK_KEY: Explanation(
        "A CA certificate in the backend's chain has a type of key that gateways reject.",
        "Get certificates from a CA with an RSA key of 2048 bits or more, or a P-256, P-384 or P-521 key.",
    ),
    Cause.KEY_USAGE_WRONG: Explanation(
        "The backend's certificate, or a CA certificate in its chain, wasn't issued for server authentication.",
        "Get a certificate with key usage digitalSignature and extended key usage serverAuth.",
    ),
    Cause.ISSUER_NOT_A_CA: Explanation(
        "A certificate in the backend's chain was issued by a certificate that is not a CA.",
        "Get a certificate from a CA, or replace the imported certificates with the backend's own certificate.",
        SuggestedAction.REPLACE_CERTIFICATE,
    ),
    Cause.UNREADABLE_CERTIFICATE: Explanation(
        "The backend presents a certificate that can't be read.",
        "Ask the backend's operator to replace it.",
    ),
    Cause.PATH_LENGTH_EXCEEDED: Explanation(
        "The backend's certificate chain is longer than one of its CAs allows.",
        "Get a certificate from a CA that is allowed to issue it, or replace the imported certificates with the "
        "backend's own certificate.",
        SuggestedAction.REPLACE_CERTIFICATE,
    ),
    Cause.NAME_CONSTRAINT_VIOLATION: Explanation(
        "The backend's certificate has a name that a CA in its chain is not allowed to issue for, or the gateway can't "
        "check that CA's name constraints.",
        "Get a certificate from a CA that is allowed to issue for this host, or replace the imported certificates with "
        "the backend's own certificate.",
        SuggestedAction.REPLACE_CERTIFICATE,
    ),
    Cause.UNKNOWN_CRITICAL_EXTENSION: Explanation(
        "A certificate in the backend's chain has a critical extension that gateways don't support.",
        "Get a certificate without that extension.",
    ),
    Cause.TLS_VERSION_MISMATCH: Explanation(
        "The backend supports neither TLS 1.2 nor TLS 1.3.", "Enable TLS 1.2 or 1.3 on the backend."
    ),
    Cause.CIPHER_MISMATCH: Explanation(
        "The gateway and the backend have no cipher, curve or signature algorithm in common.",
        "Enable an ECDHE cipher with AES-GCM or ChaCha20 on the backend, and use an RSA key of 2048 bits or more, or a "
        "P-256, P-384, P-521 or Ed25519 key.",
    ),
    Cause.CLIENT_CERTIFICATE_REQUIRED: Explanation(
        "The backend requires a client certificate, and the gateway has none for this endpoint.",
        "Add the client certificate that you got from the backend's operator.",
        SuggestedAction.ADD_GATEWAY_IDENTITY,
    ),
    Cause.CLIENT_CERTIFICATE_REJECTED: Explanation(
        "The backend rejected the gateway's client certificate.",
        "Ask the backend's operator which client certificates it accepts, and add one of them.",
        SuggestedAction.ADD_GATEWAY_IDENTITY,
    ),
    Cause.NOT_TLS: Explanation(
        "The backend does not use TLS on this port.",
        "Check the port. If the backend really uses HTTP without TLS, change the endpoint's URL to http://.",
        SuggestedAction.CHANGE_ENDPOINT,
    ),
}
