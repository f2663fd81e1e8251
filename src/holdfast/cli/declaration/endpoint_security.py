"""
Endpoint security in configuration files: the secret by reference, and what differs from the publisher.

The publisher never returns a secret, so a changed one is recognized by `secretVersion`.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from holdfast.apis.catalog.endpoint_security import EndpointSecurity, SecurityKind
from holdfast.apis.catalog.security_members import PASSWORD, SECRETS, write_security
from holdfast.apis.catalog.token_settings import Grant
from holdfast.cli.declaration.current_state import ExistingApi
from holdfast.cli.declaration.desired_state import WantedApi, WantedSecurity
from holdfast.cli.declaration.fields import Problems
from holdfast.cli.declaration.variables import PREFIX

_NONE = "none"


def list_securities(api: WantedApi) -> Iterator[tuple[str, WantedSecurity]]:
    """Yield the environments whose endpoint security a file decides on, if they have an endpoint."""
    if api.production and api.production_security:
        yield "production", api.production_security
    if api.sandbox and api.sandbox_security:
        yield "sandbox", api.sandbox_security


def compare_securities(
    api: WantedApi, before: ExistingApi | None, problems: Problems
) -> Iterator[tuple[str, str | None, str]]:
    """Yield the fields of endpoint security with the texts before and after; a missing secret is a problem."""
    for environment, goal in list_securities(api):
        present = _find_members(before, environment)
        old, new = _show(present), _show(_describe(goal.security))
        yield f"{environment}Security", old if before else None, new
        if goal.security is None:
            continue
        after = _describe(goal.security)
        needs_secret = _needs_secret(present, after)
        needs_password = goal.security.has_password and (needs_secret or PASSWORD not in present)
        for name, is_needed, value, variable in (
            ("secret", needs_secret, goal.secret, goal.secret_variable),
            ("password", needs_password, goal.password, goal.password_variable),
        ):
            if is_needed and value is None:
                what = f"the variable {PREFIX}{variable}" if variable else f"{name}File or {name}Variable"
                problems.add(goal.place, f"Set {what}: the {name} must be sent, and it isn't known.")


def write_securities(api: WantedApi, present: Mapping[str, Any]) -> dict[str, Any]:
    """Return `endpoint_security` of a request, with secrets; environments that no file decides on stay."""
    members = {environment: dict(values) for environment, values in present.items()}
    for environment, goal in list_securities(api):
        members[environment] = _describe(goal.security)
        if goal.security and goal.secret is not None:
            members[environment][SECRETS[goal.security.kind]] = goal.secret
        if goal.security and goal.password is not None:
            members[environment][PASSWORD] = goal.password
    return members


def export_security(api: ExistingApi, environment: str) -> dict[str, Any]:
    """Return endpoint security as files have it, without the secret; empty: none."""
    members = _find_members(api, environment)
    names = {"type": "type", "username": "username", "apiKeyIdentifier": "header", "secretVersion": "secretVersion"}
    names |= {"tokenUrl": "tokenUrl", "clientId": "clientId", "allowUnencrypted": "allowUnencrypted"}
    values = {name: members[member] for member, name in names.items() if member in members}
    if parameters := members.get("customParameters"):
        values["parameters"] = urlencode(parameters)
    if members.get("grantType") == Grant.PASSWORD:
        values["grantType"] = Grant.PASSWORD.lower()
    return values | {"type": values["type"].lower()} if values else {}


def _describe(security: EndpointSecurity | None) -> dict[str, Any]:
    return write_security(security) if security else {"type": _NONE.upper()}


def _find_members(api: ExistingApi | None, environment: str) -> dict[str, Any]:
    config = (api.body.get("endpointConfig") or {}) if api else {}
    members: dict[str, Any] = (config.get("endpoint_security") or {}).get(environment) or {}
    return members


def _needs_secret(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether the publisher requires the secret for a change of endpoint security at the same endpoints."""
    if after.get("allowUnencrypted") and not before.get("allowUnencrypted"):
        return True
    header = "apiKeyIdentifier"
    if str(before.get(header, "")).lower() != str(after.get(header, "")).lower():
        return True
    return (before.get("type"), _write_version(before)) != (after.get("type"), _write_version(after))


def _write_version(members: Mapping[str, Any]) -> str:
    return str(members.get("secretVersion", ""))


def _show(members: Mapping[str, Any]) -> str:
    kind = str(members.get("type") or _NONE)
    if kind not in set(SecurityKind):
        return _NONE
    name = members.get("username") or members.get("apiKeyIdentifier")
    if kind == SecurityKind.OAUTH:
        parameters = urlencode(members.get("customParameters") or {})
        user = f" for {members['username']}" if members.get("username") else ""
        name = f"{members.get('clientId')} at {members.get('tokenUrl')}{user}"
        name += f" ({parameters})" if parameters else ""
    version = f", secretVersion: {_write_version(members)}" if _write_version(members) else ""
    suffix = ", allowUnencrypted: true" if members.get("allowUnencrypted") else ""
    return f"{kind.lower()}: {name}{version}{suffix}"
