"""
Texts of `/openapi.json` about the members of caller certificates and gateway identities.
"""

_KEY_TYPE = "`PRODUCTION` or `SANDBOX`, where gateways accept it; null if in both."

IDENTITY_MEMBERS = {
    "CallerCertificates.certificates": "The caller certificates of this page.",
    "GatewayIdentity.certificates": "The chain that gateways present, leaf first.",
    "ImportedIdentity.certificates": "The chain that gateways present, leaf first.",
    "csr": "The certificate signing request, in PEM (PKCS#10).",
    "dnsNames": "The DNS names in the subject alternative names.",
    "Body_put_gateway_identity.key": "The private key, if it isn't in `certificate`.",
    "request": "The signing request that waits for its certificate; null if there is none.",
    "SigningRequest.subject": "The requested subject.",
    "tier": "Stored and returned; gateways don't use it.",
    "CallerCertificateSummary.keyType": _KEY_TYPE,
    "CallerCertificate.keyType": _KEY_TYPE,
    "EnforcedCallerCertificate.keyType": _KEY_TYPE,
}
