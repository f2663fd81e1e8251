"""
The Content-Security-Policy of all responses.
"""

from collections.abc import Iterable


def write_policy(script_hashes: Iterable[str] = ()) -> str:
    """Return the policy; *script_hashes* allow inline scripts, each by its hash, such as `sha256-...` (CSP3, 2.3.1)."""
    scripts = " ".join(["'self'", *(f"'{script_hash}'" for script_hash in script_hashes)])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
