"""
The endpoint security of an API: which secret stays, and where it may be sent.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint, Environment, token_endpoint
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
        known = _list_known(before, environment)
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
    same = [earlier for earlier in known if earlier.kind is security.kind]
    stored: list[_Stored] = [(earlier, earlier.secret) for earlier in same]
    secret = _bind_secret(check, field + SECRETS[security.kind], security, security.secret, stored, origins)
    password = None
    if security.has_password:
        stored = [(earlier, earlier.password) for earlier in same if earlier.password]
        password = _bind_secret(check, field + PASSWORD, security, security.password, stored, origins)
    if not (are_https(origins) or security.allow_unencrypted):
        message = "The secret would be sent unencrypted. Use an https endpoint, or set allowUnencrypted."
        check.add(f"{field}allowUnencrypted", message)
    return replace(endpoint, security=replace(security, secret=secret, password=password))


# A stored secret, and the endpoint security that it is part of.
_Stored = tuple[EndpointSecurity, SealedSecret | None]


def _bind_secret(
    check: Check,
    field: str,
    security: EndpointSecurity,
    entered: SealedSecret | None,
    stored: Sequence[_Stored],
    origins: frozenset[str],
) -> SealedSecret | None:
    """Return one secret of *security*, the *entered* one or one of those *stored*; a problem is about *field*."""
    first = stored[0] if stored else None
    chosen = next((candidate for candidate in stored if _explain_need(security, origins, candidate) is None), first)
    kept = chosen[1] if chosen else None
    if entered is None:
        if why := _explain_need(security, origins, chosen):
            check.add(field, why)
        return kept
    if kept and kept.digest == entered.digest and kept.origins.issuperset(origins):
        return kept
    if not entered.origins:
        return replace(entered, origins=origins)
    if why := _explain_origins(entered, origins):
        check.add(field, why)
    return entered


def _explain_need(security: EndpointSecurity, origins: frozenset[str], known: _Stored | None) -> str | None:
    """Return why a secret must be entered for *security* although one is *known*; None: it may be kept."""
    stored, secret = known or (None, None)
    if stored is None or secret is None:
        return "Enter the secret."
    if why := _explain_origins(secret, origins):
        return why
    before, after = (
        token_endpoint(variant.token.url).origin if variant.token else None for variant in (stored, security)
    )
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
    wanted, entered = (", ".join(sorted(bound)) for bound in (origins, secret.origins))
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
        for security in [candidate for candidate in _list_known(before, environment) if candidate.is_for(origins)][:1]
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
    kept = (candidate for name, candidate in api.kept_security if name == environment and candidate.is_for(origins))
    return replace(endpoint, security=next(kept, endpoint.security))


def _is_for(endpoint: Endpoint | None, origins: frozenset[str]) -> bool:
    return bool(endpoint and endpoint.security and endpoint.security.is_for(origins))


def _list_known(api: Api | None, environment: Environment) -> list[EndpointSecurity]:
    """Return the endpoint security that *api* has or keeps in *environment*, the current one first."""
    if api is None:
        return []
    endpoint = api.endpoint(environment)
    current = [endpoint.security] if endpoint and endpoint.security else []
    return current + [security for name, security in api.kept_security if name == environment]
