"""
HTTP client of an identity provider.

Authlib implements the protocol; this module limits the time, size and concurrency of requests to the provider.
"""

import json
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import httpx2
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc.jwk import KeySet

from holdfast.network.public_trust import make_public_context
from holdfast.network.tls_verification import find_verification_problem
from holdfast.openid.errors import IdentityRefused, ProviderUnusable
from holdfast.openid.identity import (
    ExpectedIdentity,
    Identity,
    UnknownKey,
    find_claim,
    read_identity,
    verify_claims,
)
from holdfast.openid.metadata import Metadata, get_metadata_url, read_keys, read_metadata

WITHIN = 10.0  # seconds per request
MAX_ANSWER = 1024 * 1024  # bytes
AT_ONCE = 4  # concurrent requests to the provider
METADATA_LASTS = timedelta(hours=1)
KEYS_LAST = timedelta(minutes=1)  # minimum, even if a token names an unknown key


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """The client registration at the provider, and the claims that Holdfast reads."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: str = "openid profile"
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"


@dataclass(frozen=True, slots=True)
class SignIn:
    """One sign-in: *state* and *nonce* identify it to the provider, *verifier* proves who started it (PKCE)."""

    redirect_uri: str
    state: str
    nonce: str
    verifier: str = field(repr=False)


class Provider:
    """The provider in *settings*. Its methods block, and are thread-safe."""

    def __init__(self, settings: ProviderSettings, tls: ssl.SSLContext | None = None) -> None:
        """Verify the provider's certificate with *tls*, or with the public CAs if None."""
        self.issuer = settings.issuer
        self._settings = settings
        self._http = _open_client(tls)
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._metadata: tuple[datetime, Metadata] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    @property
    def client_secret(self) -> str:
        """The secret that authenticates Holdfast to the provider."""
        return self._settings.client_secret

    def change(self, client_secret: str, tls: ssl.SSLContext | None) -> None:
        """Use a new secret, and *tls* for new connections; requests in progress continue."""
        self._settings = replace(self._settings, client_secret=client_secret)
        self._http = _open_client(tls)

    def get_authorization_url(self, sign_in: SignIn, now: datetime) -> str:
        """Return the URL where the user signs in. Raises ProviderUnusable."""
        url: str = prepare_grant_uri(
            self.get_metadata(now).authorization_endpoint,
            self._settings.client_id,
            "code",
            redirect_uri=sign_in.redirect_uri,
            scope=self._settings.scopes,
            state=sign_in.state,
            nonce=sign_in.nonce,
            code_challenge=create_s256_code_challenge(sign_in.verifier),
            code_challenge_method="S256",
        )
        return url

    def identify(self, sign_in: SignIn, code: str, now: datetime) -> Identity:
        """
        Return the identity of the user who came back with *code*, which can be used only once.

        Raises:
            IdentityRefused: The provider rejects the code, or its tokens don't prove an identity.
            ProviderUnusable: The provider can't be reached, or its answers can't be read.
        """
        metadata = self.get_metadata(now)
        tokens = self._redeem(metadata, sign_in, code)
        access_token = str(tokens.get("access_token") or "")
        expected = ExpectedIdentity(self.issuer, self._settings.client_id, sign_in.nonce, access_token)
        id_token = str(tokens.get("id_token") or "")
        try:
            claims = verify_claims(id_token, self._get_keys(metadata, now), expected, now)
        except UnknownKey:
            claims = verify_claims(id_token, self._get_keys(metadata, now, KEYS_LAST), expected, now)
        claim_names = (self._settings.name_claim, self._settings.groups_claim)
        if metadata.userinfo_endpoint and any(find_claim(claims, name) is None for name in claim_names):
            claims = self._read_user_info(metadata.userinfo_endpoint, access_token, claims) | claims
        return read_identity(claims, *claim_names)

    def get_metadata(self, now: datetime) -> Metadata:
        """Return the provider's metadata, at most one hour old. Raises ProviderUnusable."""
        cached = self._metadata
        if cached is None or now - cached[0] > METADATA_LASTS:
            cached = self._metadata = (now, self._discover())
        return cached[1]

    def _discover(self) -> Metadata:
        return read_metadata(self._ask("GET", get_metadata_url(self.issuer)), self.issuer)

    def _redeem(self, metadata: Metadata, sign_in: SignIn, code: str) -> Mapping[str, Any]:
        body = prepare_token_request(
            "authorization_code", code=code, redirect_uri=sign_in.redirect_uri, code_verifier=sign_in.verifier
        )
        method = "client_secret_basic" if metadata.takes_basic else "client_secret_post"
        client = ClientAuth(self._settings.client_id, self.client_secret, method)
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        uri, headers, body = client.prepare("POST", metadata.token_endpoint, headers, body)
        return self._ask("POST", uri, headers, body)

    def _get_keys(self, metadata: Metadata, now: datetime, lasts: timedelta = METADATA_LASTS) -> KeySet:
        cached = self._keys
        if cached is None or now - cached[0] > lasts:
            cached = self._keys = (now, read_keys(self._ask("GET", metadata.jwks_uri)))
        return cached[1]

    def _read_user_info(self, url: str, access_token: str, claims: Mapping[str, Any]) -> dict[str, Any]:
        user_info = self._ask("GET", url, {"authorization": f"Bearer {access_token}"})
        if user_info.get("sub") != claims["sub"]:
            # OpenID Connect Core 1.0, section 5.3.2: it may be about another user.
            raise IdentityRefused("the provider's user info is about another user")
        return dict(user_info)

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: str | None = None
    ) -> Mapping[str, Any]:
        if not self._turns.acquire(timeout=WITHIN):
            raise ProviderUnusable("Too many users are signing in at the moment.")
        try:
            with self._http.stream(method, url, headers=headers, content=body) as answer:
                if method == "POST" and answer.status_code in {400, 401}:
                    raise _read_refusal(url, answer)
                if answer.status_code != 200:
                    raise ProviderUnusable(f"{url} returned status {answer.status_code}.")
                document = _read_json(answer)
        except httpx2.HTTPError as error:
            problem = find_verification_problem(str(error))
            raise ProviderUnusable(
                f"{url} has a certificate that isn't trusted ({problem}). If a private CA issued it, set "
                "HOLDFAST_OIDC_CA_FILE."
                if problem
                else f"{url} can't be reached ({error})."
            ) from error
        finally:
            self._turns.release()
        if not isinstance(document, dict):
            raise ProviderUnusable(f"{url} didn't return a valid JSON object.")
        return document


def _open_client(tls: ssl.SSLContext | None) -> httpx2.Client:
    return httpx2.Client(verify=tls or make_public_context(), timeout=WITHIN, follow_redirects=False)


def _read_refusal(url: str, answer: httpx2.Response) -> IdentityRefused | ProviderUnusable:
    """Return whether the provider rejects this code, or Holdfast as a client (RFC 6749, section 5.2)."""
    document = _read_json(answer)
    code = document.get("error") if isinstance(document, dict) else None
    if answer.status_code == 401 or code in {"invalid_client", "unauthorized_client"}:
        return ProviderUnusable(
            f"{url} rejects Holdfast's client ID or secret (status {answer.status_code}). Compare them with the client "
            "that is registered there."
        )
    return IdentityRefused(f"the provider rejected the code (status {answer.status_code})")


def _read_json(answer: httpx2.Response) -> Any:
    """Return the JSON body, or None if it is too large or not JSON."""
    body = b""
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > MAX_ANSWER:
            return None
    try:
        return json.loads(body)
    except ValueError:
        return None
