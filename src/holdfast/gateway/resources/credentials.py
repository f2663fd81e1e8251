"""
Credentials that gateways add to requests to a backend: filters of its cluster, and the secrets that they refer to.

As filters of the cluster, they run for each attempt (retries included), for websockets too, and after all others, so
what the caller sent never wins. The secret's name is random for each content, so that a changed credential is a changed
cluster, and neither name nor version lets anyone verify a guess.
"""

import hashlib
from dataclasses import dataclass

from envoy.extensions.filters.http.credential_injector.v3.credential_injector_pb2 import CredentialInjector
from envoy.extensions.filters.http.upstream_codec.v3.upstream_codec_pb2 import UpstreamCodec
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.extensions.http.injected_credentials.generic.v3.generic_pb2 import Generic
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import GenericSecret, SdsSecretConfig, Secret

from holdfast.apis.catalog.endpoint_security import Credential
from holdfast.gateway.resources.header_names import list_spellings
from holdfast.gateway.resources.resource import SECRET, Resource
from holdfast.gateway.resources.tls import fetch_by_ads, write_inline
from holdfast.gateway.resources.token_requests import TOKEN_PREFIX, name_request

_AUTHORIZATION = "authorization"
_LOCKED = "locked"
_FORMAT = "1"  # of the secrets; another one is another version


@dataclass(frozen=True, slots=True)
class Injection:
    """The header that gateways set, and the name and value of its secret; an empty value rejects all requests."""

    header: str
    secret: str
    value: str


def choose_injection(
    credential: Credential, origins: frozenset[str], *, verified: bool, backend: str = ""
) -> Injection:
    """
    Return what gateways add to requests to *origins*; *verified*: they verify the certificates there.

    *backend* is the name of the cluster that tokens are for.

    A credential that may not be sent there locks the endpoint: requests without it would be someone else's.
    """
    header = credential.security.header
    if credential.value is None or not credential.can_be_sent_to(origins, verified=verified):
        return Injection(header, f"credential/{_LOCKED}", "")
    if credential.security.token:  # the agent has the token
        return Injection(header, TOKEN_PREFIX + name_request(backend, credential.security), "")
    return Injection(header, f"credential/{credential.security.version}", credential.value)


def build_credential_secret(injection: Injection) -> Resource:
    """Build the SDS secret with the value of *injection*; only this function writes it."""
    secret = Secret(name=injection.secret, generic_secret=GenericSecret(secret=write_inline(injection.value)))
    # Not the hash of the content, with which anyone who sees it could verify a guess.
    version = hashlib.sha256(f"{_FORMAT} {injection.secret}".encode()).hexdigest()[:16]
    return Resource(SECRET, injection.secret, version, secret.SerializeToString(deterministic=True))


def build_injector(injection: Injection) -> list[HttpFilter]:
    """
    Build the filters of a cluster that set the header; without the credential, they answer instead of the backend.

    Source: `envoy.extensions.filters.http.credential_injector.v3.CredentialInjector`.
    """
    generic = Generic(
        credential=SdsSecretConfig(name=injection.secret, sds_config=fetch_by_ads()), header=injection.header.lower()
    )
    injector = CredentialInjector(overwrite=True)
    injector.credential.name = "envoy.http.injected_credentials.generic"
    injector.credential.typed_config.Pack(generic, deterministic=True)
    inject = HttpFilter(name="envoy.filters.http.credential_injector")
    inject.typed_config.Pack(injector, deterministic=True)
    codec = HttpFilter(name="envoy.filters.http.upstream_codec")
    codec.typed_config.Pack(UpstreamCodec(), deterministic=True)
    return [inject, codec]


def list_removed_headers(header: str) -> list[str]:
    """
    Return the headers that are removed from callers' requests to a backend that gateways sign in to with *header*.

    The caller's Authorization is among them, because it is for the gateway's API, and backends might prefer it. CGI,
    WSGI and PHP treat underscores like hyphens, so a caller could otherwise send a second value of the header.
    """
    return list(dict.fromkeys([_AUTHORIZATION, *list_spellings(header.lower())]))
