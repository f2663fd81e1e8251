"""
Requests for access tokens, as agents receive them, and the secrets in which they give tokens to their Envoy.

A token request is a resource for agents: Envoy never asks for it, so the client's secret stays out of Envoy. The agent
replaces the secret for Envoy, which the control plane sends empty, so that a new token changes no cluster. Doesn't load
Envoy's messages, to keep agents small.
"""

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass, field
from datetime import datetime

from holdfast.apis.catalog.endpoint_security import EndpointSecurity
from holdfast.apis.catalog.token_settings import Grant
from holdfast.gateway.resources.resource import SECRET, Resource

REQUEST_PREFIX, TOKEN_PREFIX, ENDPOINT_PREFIX = "token-request/", "token/", "token-endpoint/"
_FORMAT = "1"  # of requests; another one is another version
_OF_PASSWORD_GRANT = ("grant_type", "username", "password")


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """
    A request for tokens: through which *cluster*, from where, as which client, and (password grant) for which user.

    *backend* is the name of the cluster that they are for, without its revision: failures are reported with it.
    """

    name: str  # part of the names of its resources, see `name_request`
    backend: str
    authority: str  # of the token endpoint, for `Host`
    target: str  # its path and query
    client_id: str
    secret_id: str  # another one for each secret
    secret: str = field(repr=False)
    parameters: tuple[tuple[str, str], ...] = ()
    grant_type: str = Grant.CLIENT_CREDENTIALS.lower()  # RFC 6749
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def has_password(self) -> bool:
        """Whether it is for a user, with the password grant."""
        return self.grant_type == Grant.PASSWORD.lower()

    @property
    def cluster(self) -> str:
        """The name of the token endpoint's cluster."""
        return ENDPOINT_PREFIX + self.name

    @property
    def token(self) -> str:
        """The name of the secret with the token."""
        return TOKEN_PREFIX + self.name


def name_request(backend: str, security: EndpointSecurity) -> str:
    """
    Return the name of the request for tokens for *backend*, the same for each secret of a client.

    Another secret then changes no cluster, and the last token is used until there is a new one. It is never sent to
    other origins than those that its secret was entered for, nor for another user: they are part of the name.
    """
    origins = sorted(security.secret.origins) if security.secret else []
    token = [security.token.url, security.token.client_id, security.token.parameters] if security.token else []
    if security.has_password:
        token += [security.username, sorted(security.password.origins) if security.password else []]
    return hashlib.sha256(json.dumps([backend, origins, token]).encode()).hexdigest()


def build_token_request(request: TokenRequest) -> Resource:
    """
    Return *request* as a resource. Its version isn't the hash of its content, which has a secret.

    Agents of earlier versions can't read one with the password grant, so their Envoy keeps its empty secret.
    """
    name = REQUEST_PREFIX + request.name
    public = json.dumps([_FORMAT, name, request.authority, request.target, request.client_id, request.secret_id])
    left_out = () if request.has_password else _OF_PASSWORD_GRANT
    body = json.dumps({key: value for key, value in asdict(request).items() if key not in left_out}).encode()
    return Resource(SECRET, name, hashlib.sha256(public.encode()).hexdigest()[:16], body)


def read_token_request(resource: Resource) -> TokenRequest:
    """Return the request in a resource. Raises ValueError, KeyError or TypeError if another version wrote it."""
    values = json.loads(resource.body)
    parameters = tuple((str(name), str(value)) for name, value in values.pop("parameters"))
    return TokenRequest(**values, parameters=parameters)


def build_token(name: str, token: str, expires_at: datetime | None = None) -> Resource:
    """Return the secret *name* with a *token*; an empty one lets Envoy reject all requests."""
    from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret  # loads Envoy's messages

    secret = Secret(name=name)
    secret.generic_secret.secret.inline_string = f"Bearer {token}" if token else ""
    # Not the hash of the content, with which anyone who sees it could verify a guess.
    version = secrets.token_hex(8) if token else "locked"
    return Resource(SECRET, name, version, secret.SerializeToString(deterministic=True), expires_at)
