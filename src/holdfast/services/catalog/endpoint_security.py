"""
The endpoint security of an API: which secret stays, and where it may be sent.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint, Environment, parse_token_endpoint
from holdfast.apis.catalog.endpoint_security import EndpointSecurity, SealedSecret, are_https
from holdfast.apis.catalog.security_members import PASSWORD, SECRETS
from holdfast.apis.check import Check

# By environment; None removes it, and an environment that isn't named keeps what it has. Without a secret, it keeps the
# stored one.
Securities = Mapping[Environment, EndpointSecurity | None]
NO_SECURITIES: Securities = MappingProxyType({})
# The origins of each revision, by environment.
Uses = Mapping[Environment, Collection[frozenset[str]]]
NO_USES: Uses = MappingProxyType({})
SECURITY_FIELD = "endpointConfig.endpoint_security."


def set_security(api: Api, before: Api | None, securities: Securities) -> Api:
    """Return *api* with the endpoint security in *securities*, or else what its environments had *before*."""
    return replace(
        api,
        production=_secure(api.production, before, securities, "production"),
        sandbox=_secure(api.sandbox, before, securities, "sandbox"),
    )


def _secure(
    endpoint: Endpoint | None, before: Api | None, securities: Securities, environment: Environment
) -> Endpoint | None:
    if endpoint is None:
        return None
    old = before.find_endpoint(environment) if before else None
    return replace(endpoint, security=securities.get(environment, old.security if old else None))


def bind_secrets(api: Api, before: Api | None, uses: Uses = NO_USES) -> Api:
    """
    Return *api* with all secrets: new ones are bound to the origins of its endpoints, and others are kept.

    A stored secret is only kept for origins that it was entered for, in the same header, and encrypted unless it was
    entered to be sent unencrypted, so that nobody without the secret can have it revealed. *uses* are the origins of
    its revisions.

    Raises InvalidFields: a secret is missing, must be entered again, or would be sent over http.
    """
    check, endpoints = Check(), {}
    for environment in ENVIRONMENTS:
        endpoint = api.find_endpoint(environment)
        earlier = _list_earlier(before, environment)
        token = api.find_token_endpoint(environment)
        origins = api.list_origins(environment) | ({str(token.origin)} if token else set())
        endpoints[environment] = _bind(check, endpoint, earlier, environment, origins) if endpoint else None
    check.finish()
    after = replace(api, production=endpoints["production"], sandbox=endpoints["sandbox"])
    return keep_for_revisions(after, before, uses)


def _bind(
    check: Check,
    endpoint: Endpoint,
    earlier: Sequence[EndpointSecurity],
    environment: Environment,
    origins: frozenset[str],
) -> Endpoint:
    security = endpoint.security
    if security is None:
        return endpoint
    field = f"{SECURITY_FIELD}{environment}."
    same = [variant for variant in earlier if variant.kind is security.kind]
    candidates: list[_Candidate] = [(variant, variant.secret) for variant in same]
    secret = _bind_secret(check, field + SECRETS[security.kind], security, security.secret, candidates, origins)
    password = None
    if security.has_password:
        candidates = [(variant, variant.password) for variant in same if variant.password]
        password = _bind_secret(check, field + PASSWORD, security, security.password, candidates, origins)
    if not (are_https(origins) or security.allow_unencrypted):
        message = "The secret would be sent unencrypted. Use an https endpoint, or set allowUnencrypted."
        check.add(f"{field}allowUnencrypted", message)
    return replace(endpoint, security=replace(security, secret=secret, password=password))


# A stored secret, and the endpoint security that it is part of.
_Candidate = tuple[EndpointSecurity, SealedSecret | None]


def _bind_secret(
    check: Check,
    field: str,
    security: EndpointSecurity,
    new: SealedSecret | None,
    candidates: Sequence[_Candidate],
    origins: frozenset[str],
) -> SealedSecret | None:
    """Return one secret of *security*, the *new* one or that of a candidate; a problem is about *field*."""
    first = candidates[0] if candidates else None
    best = next((candidate for candidate in candidates if _explain_need(security, origins, candidate) is None), first)
    old = best[1] if best else None
    if new is None:
        if why := _explain_need(security, origins, best):
            check.add(field, why)
        return old
    if old and old.digest == new.digest and old.origins.issuperset(origins):
        return old
    if not new.origins:
        return replace(new, origins=origins)
    if why := _explain_origins(new, origins):
        check.add(field, why)
    return new


def _explain_need(security: EndpointSecurity, origins: frozenset[str], candidate: _Candidate | None) -> str | None:
    """Return why a secret must be entered for *security* despite a stored *candidate*; None: that may be kept."""
    earlier, secret = candidate or (None, None)
    if earlier is None or secret is None:
        return "Enter the secret."
    if why := _explain_origins(secret, origins):
        return why
    before, after = (
        parse_token_endpoint(variant.token.url).origin if variant.token else None for variant in (earlier, security)
    )
    if before != after:
        return f"Enter the secret again to send it to {after}. It was entered for the token endpoint at {before}."
    if security.header.lower() != earlier.header.lower():
        return f"Enter the secret again to send it in {security.header}. It was entered for {earlier.header}."
    if security.allow_unencrypted and not earlier.allow_unencrypted:
        return "Enter the secret again to allow that it is sent unencrypted."
    return None


def _explain_origins(secret: SealedSecret, origins: frozenset[str]) -> str | None:
    if origins <= secret.origins:
        return None
    after, before = (", ".join(sorted(names)) for names in (origins, secret.origins))
    return f"Enter the secret again to send it to {after}. It was entered for {before}."


def keep_for_revisions(api: Api, before: Api | None, uses: Uses) -> Api:
    """
    Return *api* with the endpoint security of *before* that revisions at the origins in *uses* need.

    The current one applies to revisions without other origins than those of *api*, even if it is none.
    """
    securities = {
        (environment, security): None
        for environment in ENVIRONMENTS
        for origins in uses.get(environment, ())
        if not origins <= api.list_origins(environment) and not _is_for(api.find_endpoint(environment), origins)
        for security in [candidate for candidate in _list_earlier(before, environment) if candidate.is_for(origins)][:1]
    }
    return replace(api, kept_security=tuple(securities))


def restore_security(api: Api) -> Api:
    """Return *api* with the endpoint security that was kept for its origins, where the current one is for others."""
    return replace(
        api, production=_restore(api, api.production, "production"), sandbox=_restore(api, api.sandbox, "sandbox")
    )


def _restore(api: Api, endpoint: Endpoint | None, environment: Environment) -> Endpoint | None:
    origins = api.list_origins(environment)
    if endpoint is None or _is_for(endpoint, origins):
        return endpoint
    securities = (security for name, security in api.kept_security if name == environment and security.is_for(origins))
    return replace(endpoint, security=next(securities, endpoint.security))


def _is_for(endpoint: Endpoint | None, origins: frozenset[str]) -> bool:
    return bool(endpoint and endpoint.security and endpoint.security.is_for(origins))


def _list_earlier(api: Api | None, environment: Environment) -> list[EndpointSecurity]:
    """Return the endpoint security that *api* has or keeps in *environment*, the current one first."""
    if api is None:
        return []
    endpoint = api.find_endpoint(environment)
    current = [endpoint.security] if endpoint and endpoint.security else []
    return current + [security for name, security in api.kept_security if name == environment]
