"""
Provider metadata (OpenID Connect Discovery 1.0) and signing keys. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from holdfast.apis.url import parse_url
from holdfast.openid.errors import ProviderUnusable

MAX_KEYS = 100
MAX_ISSUER = 200  # characters, in errors
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_REQUIRED_MEMBERS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True)
class Metadata:
    """The provider's endpoints (section 3), and whether clients may authenticate with HTTP Basic."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    takes_basic: bool


def get_metadata_url(issuer: str) -> str:
    """Return the URL of the provider's metadata (section 4)."""
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def read_metadata(document: Mapping[str, Any], issuer: str) -> Metadata:
    """Read the metadata of *issuer*. Raises ProviderUnusable."""
    if document.get("issuer") != issuer:
        # Section 4.3: without this check, one provider could impersonate another.
        actual = str(document.get("issuer"))[:MAX_ISSUER]
        raise ProviderUnusable(
            f"{get_metadata_url(issuer)} has the issuer {actual!r}. HOLDFAST_OIDC_ISSUER is {issuer!r}, "
            "which must be exactly the same."
        )
    for name in _REQUIRED_MEMBERS:
        if not is_private(document.get(name)):
            raise ProviderUnusable(f"{get_metadata_url(issuer)} has no {name} that uses https.")
    userinfo = document.get("userinfo_endpoint")
    methods = document.get("token_endpoint_auth_methods_supported")
    return Metadata(
        authorization_endpoint=document["authorization_endpoint"],
        token_endpoint=document["token_endpoint"],
        jwks_uri=document["jwks_uri"],
        userinfo_endpoint=userinfo if is_private(userinfo) else None,
        # Section 3: without this member, the provider accepts Basic.
        takes_basic=not isinstance(methods, list) or "client_secret_basic" in methods,
    )


def read_keys(document: Mapping[str, Any]) -> KeySet:
    """Return the public keys of a JWK set (RFC 7517), leaving out unsupported types."""
    keys = document.get("keys")
    public_keys = [_import_key(key) for key in keys[:MAX_KEYS]] if isinstance(keys, list) else []
    return KeySet([key for key in public_keys if key])


def is_private(url: object) -> bool:
    """Return whether requests to *url* can't be intercepted: it uses https or stays on this machine."""
    try:
        parts = parse_url(url) if isinstance(url, str) else None
    except ValueError:
        return False
    return parts is not None and (parts.scheme == "https" or parts.host in _LOOPBACK)


def _import_key(key: Any) -> RSAKey | ECKey | OKPKey | None:
    try:
        match key:
            case {"kty": "RSA"}:
                return RSAKey.import_key(key)
            case {"kty": "EC"}:
                return ECKey.import_key(key)
            case {"kty": "OKP"}:
                return OKPKey.import_key(key)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return None
