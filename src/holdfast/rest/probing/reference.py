"""
Texts of `/openapi.json` about the members of probes.
"""

PROBE_MEMBERS = {
    "alpn": "The protocol that was agreed by ALPN; empty if there is none.",
    "answeredBy": "`gateway`, or `none` if no gateway answered in time. The verdict is then unknown.",
    "because": "The reasons why the backend is accepted without the uploaded certificates.",
    "choices": "The certificates that could be imported, most general first.",
    "cipher": "The cipher suite.",
    "clientCertificateRequested": "Whether the backend asked for a client certificate.",
    "importable": "Whether it can be imported now.",
    "AcceptanceReason.kind": "The kind of reason.",
    "leftOut": "How many certificates `presented` leaves out.",
    "pem": "The certificate in PEM.",
    "AcceptanceReason.previous": "Whether it is a previous certificate of the alias.",
    "problem": "Why there was no connection, or why it ended early; null if neither.",
    "TrustChoice.reason": "Why it can't be imported; empty if it can.",
    "replacedStillPresented": "Whether the backend still presents a certificate that the replacement would reject.",
    "sent": "How many certificates the backend presents.",
    "sentence": "What it would mean to trust this certificate.",
    "tlsVersion": "The TLS version.",
}
