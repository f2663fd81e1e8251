"""
The endpoint security of an API: which secret stays, and where it may be sent.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint, Environment, token_endpoint
from holdfast.apis.catalog.endpoint_security import EndpointSecurity, SealedSecret, are_https
from holdfast.apis.catalog.security_members import SECRETS
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
        production=_set(api.production, before, securities, "production"),
        sandbox=_set(api.sandbox, before, securities, "sandbox"),
    )


def _set(
    endpoint: Endpoint | None, before: Api | None, securities: Securities, environment: Environment
) -> Endpoint | None:
    if endpoint is None:
        return None
    old = before.endpoint(environment) if before else None
    chosen = securities.get(environment, old.security if old else None)
    return replace(endpoint, security=chosen)


def bind_secrets(api: Api, before: Api | None, used: Uses = NO_USES) -> Api:
    """
    Return *api* with all secrets: new ones are bound to the origins of its endpoints, and others are kept.

    A stored secret is only kept for origins that it was entered for, in the same header, and encrypted unless it was
    entered to be sent unencrypted, so that nobody without the secret can have it revealed. *used* are the origins of
    its revisions.

    Raises InvalidFields: a secret is missing, must be entered again, or would be sent over http.
    """
    check, bound = Check(), {}
    for environment in ENVIRONMENTS:
        endpoint = api.endpoint(environment)
        known = _known(before, environment)
        token = api.token_endpoint(environment)
        origins = api.origins(environment) | ({str(token.origin)} if token else set())
        bound[environment] = _bind(check, endpoint, known, environment, origins) if endpoint else None
    check.finish()
    return keep_for_revisions(replace(api, production=bound["production"], sandbox=bound["sandbox"]), before, used)


def _bind(
    check: Check,
    endpoint: Endpoint,
    known: Sequence[EndpointSecurity],
    environment: Environment,
    origins: frozenset[str],
) -> Endpoint:
    security = endpoint.security
    if security is None:
        return endpoint
    field = f"{SECURITY_FIELD}{environment}."
    same = [each for each in known if each.kind is security.kind]
    kept = next((each for each in same if _explain_need(security, origins, each) is None), same[0] if same else None)
    secret = security.secret
    if secret is None:
        secret = kept.secret if kept else None
        if why := _explain_need(security, origins, kept):
            check.add(field + SECRETS[security.kind], why)
    elif kept and kept.secret and kept.secret.digest == secret.digest and kept.is_for(origins):
        secret = kept.secret
    elif not secret.origins:
        secret = replace(secret, origins=origins)
    elif why := _explain_origins(secret, origins):
        check.add(field + SECRETS[security.kind], why)
    if not (are_https(origins) or security.allow_unencrypted):
        message = "The secret would be sent unencrypted. Use an https endpoint, or set allowUnencrypted."
        check.add(f"{field}allowUnencrypted", message)
    return replace(endpoint, security=replace(security, secret=secret))


def _explain_need(security: EndpointSecurity, origins: frozenset[str], stored: EndpointSecurity | None) -> str | None:
    """Return why the secret must be entered for *security* although there is a *stored* one; None: it may be kept."""
    if stored is None or stored.secret is None:
        return "Enter the secret."
    if why := _explain_origins(stored.secret, origins):
        return why
    before, after = (token_endpoint(each.token.url).origin if each.token else None for each in (stored, security))
    if before != after:
        return f"Enter the secret again to send it to {after}. It was entered for the token endpoint at {before}."
    if security.header.lower() != stored.header.lower():
        return f"Enter the secret again to send it in {security.header}. It was entered for {stored.header}."
    if security.allow_unencrypted and not stored.allow_unencrypted:
        return "Enter the secret again to allow that it is sent unencrypted."
    return None


def _explain_origins(secret: SealedSecret, origins: frozenset[str]) -> str | None:
    if origins <= secret.origins:
        return None
    wanted, entered = (", ".join(sorted(each)) for each in (origins, secret.origins))
    return f"Enter the secret again to send it to {wanted}. It was entered for {entered}."


def keep_for_revisions(api: Api, before: Api | None, used: Uses) -> Api:
    """
    Return *api* with the endpoint security of *before* that revisions at the origins in *used* need.

    The current one applies to revisions without other origins than those of *api*, even if it is none.
    """
    kept = {
        (environment, security): None
        for environment in ENVIRONMENTS
        for origins in used.get(environment, ())
        if not origins <= api.origins(environment) and not _is_for(api.endpoint(environment), origins)
        for security in [each for each in _known(before, environment) if each.is_for(origins)][:1]
    }
    return replace(api, kept_security=tuple(kept))


def restore_security(api: Api) -> Api:
    """Return *api* with the endpoint security that was kept for its origins, where the current one is for others."""
    return replace(
        api, production=_restore(api, api.production, "production"), sandbox=_restore(api, api.sandbox, "sandbox")
    )


def _restore(api: Api, endpoint: Endpoint | None, environment: Environment) -> Endpoint | None:
    origins = api.origins(environment)
    if endpoint is None or _is_for(endpoint, origins):
        return endpoint
    kept = (each for name, each in api.kept_security if name == environment and each.is_for(origins))
    return replace(endpoint, security=next(kept, endpoint.security))


def _is_for(endpoint: Endpoint | None, origins: frozenset[str]) -> bool:
    return bool(endpoint and endpoint.security and endpoint.security.is_for(origins))


def _known(api: Api | None, environment: Environment) -> list[EndpointSecurity]:
    """Return the endpoint security that *api* has or keeps in *environment*, the current one first."""
    if api is None:
        return []
    endpoint = api.endpoint(environment)
    current = [endpoint.security] if endpoint and endpoint.security else []
    return current + [security for name, security in api.kept_security if name == environment]
