"""
Why Python rejected a server's certificate, from the text of its error.
"""

_MARK = "certificate verify failed"


def find_verification_problem(error: str) -> str:
    """
    Return OpenSSL's reason in *error*, such as "self-signed certificate"; empty if it isn't about verification.

    Other libraries pass on only the text of `ssl.SSLCertVerificationError`: "[SSL: CERTIFICATE_VERIFY_FAILED]
    certificate verify failed: self-signed certificate (_ssl.c:1000)".
    """
    if _MARK not in error:
        return ""
    reason = error.partition(f"{_MARK}: ")[2].partition(" (_ssl")[0].strip()
    return reason or "verification failed"
