"""
An identity provider, over HTTP: where it is sent people to, and what it says of those who come back.

Authlib knows the protocol; what is asked of the provider is bounded here, in time, in size and in how much at once.
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

WITHIN = 10.0  # seconds for each thing that is asked
MAX_ANSWER = 1024 * 1024  # bytes
AT_ONCE = 4  # conversations with the provider
METADATA_LASTS = timedelta(hours=1)
KEYS_LAST = timedelta(minutes=1)  # at least, also when a token names a key that is not among them


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """What is agreed with the provider, and what in its words means what to us."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: str = "openid profile"
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"


@dataclass(frozen=True, slots=True)
class SignIn:
    """What one sign-in is known by: to the provider by *state* and *nonce*, to prove later who began it *verifier*."""

    redirect_uri: str
    state: str
    nonce: str
    verifier: str = field(repr=False)


class Provider:
    """The provider that these settings name. Its methods block, and may be called from several threads."""

    def __init__(self, settings: ProviderSettings, tls: ssl.SSLContext | None = None) -> None:
        """*tls* verifies its certificate; None: by the public certification authorities."""
        self.issuer = settings.issuer
        self._settings = settings
        self._http = _open_client(tls)
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._metadata: tuple[datetime, Metadata] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    def close(self) -> None:
        """End all connections."""
        self._http.close()

    @property
    def client_secret(self) -> str:
        """What this Holdfast proves with that it is the client."""
        return self._settings.client_secret

    def change(self, client_secret: str, tls: ssl.SSLContext | None) -> None:
        """Use this secret, and *tls* for new connections; what is being asked at this moment goes on."""
        self._settings = replace(self._settings, client_secret=client_secret)
        self._http = _open_client(tls)

    def get_authorization_url(self, sign_in: SignIn, now: datetime) -> str:
        """Return the URL at which a person signs in. Raises ProviderUnusable."""
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
        Say who came back with *code*, which is worth nothing afterwards.

        Raises:
            IdentityRefused: The provider does not take the code, or what it gives for it is no proof.
            ProviderUnusable: It cannot be asked, or its answers cannot be read.
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
        wanted = (self._settings.name_claim, self._settings.groups_claim)
        if metadata.userinfo_endpoint and any(find_claim(claims, name) is None for name in wanted):
            claims = self._read_user_info(metadata.userinfo_endpoint, access_token, claims) | claims
        return read_identity(claims, *wanted)

    def get_metadata(self, now: datetime) -> Metadata:
        """Return what the provider publishes about itself, at most an hour old. Raises ProviderUnusable."""
        kept = self._metadata
        if kept is None or now - kept[0] > METADATA_LASTS:
            kept = self._metadata = (now, self._discover())
        return kept[1]

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
        kept = self._keys
        if kept is None or now - kept[0] > lasts:
            kept = self._keys = (now, read_keys(self._ask("GET", metadata.jwks_uri)))
        return kept[1]

    def _read_user_info(self, url: str, access_token: str, claims: Mapping[str, Any]) -> dict[str, Any]:
        user_info = self._ask("GET", url, {"authorization": f"Bearer {access_token}"})
        if user_info.get("sub") != claims["sub"]:
            # OpenID Connect Core 1.0, section 5.3.2: it may be about somebody else.
            raise IdentityRefused("the provider's user info is about somebody else")
        return dict(user_info)

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: str | None = None
    ) -> Mapping[str, Any]:
        if not self._turns.acquire(timeout=WITHIN):
            raise ProviderUnusable("Too many people are signing in at this moment.")
        try:
            with self._http.stream(method, url, headers=headers, content=body) as answer:
                if method == "POST" and answer.status_code in {400, 401}:
                    raise IdentityRefused(f"the provider does not take the code (status {answer.status_code})")
                if answer.status_code != 200:
                    raise ProviderUnusable(f"{url} answers with status {answer.status_code}.")
                document = _read_json(answer)
        except httpx2.HTTPError as error:
            raise ProviderUnusable(f"{url} cannot be reached ({error}).") from error
        finally:
            self._turns.release()
        if not isinstance(document, dict):
            raise ProviderUnusable(f"{url} does not answer with JSON that can be read.")
        return document


def _open_client(tls: ssl.SSLContext | None) -> httpx2.Client:
    return httpx2.Client(verify=tls or make_public_context(), timeout=WITHIN, follow_redirects=False)


def _read_json(answer: httpx2.Response) -> Any:
    """Read a body that is not too large; None where it is, or is no JSON."""
    body = b""
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > MAX_ANSWER:
            return None
    try:
        return json.loads(body)
    except ValueError:
        return None
