"""
Verify ID tokens and read the user's identity from their claims. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import ClaimError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from holdfast.openid.errors import IdentityRefused

# Signatures with keys that only the provider has. "none" proves nothing, nor does the shared client secret.
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
)  # fmt: skip
LEEWAY = timedelta(minutes=2)  # between Holdfast's clock and the provider's
MAX_GROUPS = 10_000
MAX_SUBJECT = 255  # characters (OpenID Connect Core 1.0, section 2)


class UnknownKey(IdentityRefused):
    """The ID token is signed with a key that isn't among those given; the provider may have a new one."""


@dataclass(frozen=True, slots=True)
class ExpectedIdentity:
    """The values that an ID token must have been issued for."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str


@dataclass(frozen=True, slots=True)
class Identity:
    """
    A user at the provider *issuer*: *subject* never changes, *name* is the current name.

    *groups* is None if the provider sent no groups.
    """

    issuer: str
    subject: str
    name: str | None
    groups: frozenset[str] | None


def verify_claims(id_token: str, keys: KeySet, expected: ExpectedIdentity, now: datetime) -> dict[str, Any]:
    """
    Verify an ID token and return its claims (OpenID Connect Core 1.0, section 3.1.3.7).

    Raises:
        UnknownKey: It names a key that isn't in *keys*.
        IdentityRefused: It isn't signed with one of *keys*, isn't for this client or sign-in, or isn't valid now.
    """
    try:
        registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        token = jwt.decode(id_token, keys, registry=registry)
    except InvalidKeyIdError as error:
        raise UnknownKey("the ID token is signed with a key that the provider doesn't publish") from error
    except (JoseError, ValueError) as error:
        raise IdentityRefused(f"the ID token's signature is invalid ({_describe(error)})") from error
    options = {
        "iss": {"essential": True, "values": [expected.issuer]},
        "aud": {"essential": True, "values": [expected.client_id]},
    }
    params = {
        "nonce": expected.nonce,
        "client_id": expected.client_id,
        "access_token": expected.access_token,
    }
    claims = CodeIDToken(token.claims, token.header, options, params)
    try:
        claims.validate(int(now.timestamp()), int(LEEWAY.total_seconds()))
    except (JoseError, ValueError, TypeError) as error:
        raise IdentityRefused(f"the ID token's claims are invalid ({_describe(error)})") from error
    if not 0 < len(claims["sub"]) <= MAX_SUBJECT:
        raise IdentityRefused("the ID token has no valid subject")
    return dict(claims)


def read_identity(claims: Mapping[str, Any], name_claim: str, groups_claim: str) -> Identity:
    """Return the user's identity from verified claims."""
    name = find_claim(claims, name_claim)
    return Identity(
        issuer=claims["iss"],
        subject=claims["sub"],
        name=name if isinstance(name, str) and name else None,
        groups=_read_groups(find_claim(claims, groups_claim)),
    )


def find_claim(claims: Mapping[str, Any], path: str) -> Any:
    """Return a claim by its name, or a nested one by names joined with dots; None if it is missing."""
    if path in claims:  # names may be URLs, which contain dots
        return claims[path]
    value: Any = claims
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _read_groups(value: Any) -> frozenset[str] | None:
    if isinstance(value, str):
        return frozenset({value})
    if not isinstance(value, list):
        return None
    return frozenset(group for group in value[:MAX_GROUPS] if isinstance(group, str))


def _describe(error: Exception) -> str:
    """Return the kind of error; its text may contain data from the provider."""
    code = getattr(error, "error", "") or type(error).__name__
    return f"{code} {error.claim}" if isinstance(error, ClaimError) else code
