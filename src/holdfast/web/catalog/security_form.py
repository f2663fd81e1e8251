"""
Endpoint security in the form of the Endpoints page.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment
from holdfast.apis.catalog.endpoint_security import SecurityDraft
from holdfast.apis.catalog.security_members import PASSWORD, SECRETS, read_security, write_security
from holdfast.apis.errors import InvalidField
from holdfast.services.catalog.endpoint_security import SECURITY_FIELD
from holdfast.services.credentials.sealing import Drafts

MembersTyped = Mapping[Environment, dict[str, Any]]  # by member in REST
NOTHING_TYPED: MembersTyped = MappingProxyType({})
_TEXTS = (
    *("type", "username", "password", "apiKeyIdentifier", "apiKeyValue"),
    *("tokenUrl", "grantType", "clientId", "clientSecret", "customParameters"),
)
NONE = "NONE"


async def _read_form(request: Request) -> MembersTyped:
    """Read the fields `production_security_type`, `sandbox_security_type` and so on."""
    form = await request.form()
    typed: dict[Environment, dict[str, Any]] = {}
    for environment in ENVIRONMENTS:
        values = {name: form.get(f"{environment}_security_{name}") for name in (*_TEXTS, "allowUnencrypted")}
        members: dict[str, Any] = {name: values[name] for name in _TEXTS if isinstance(values[name], str)}
        # Without a type, the form had no endpoint security.
        if members.get("type"):
            typed[environment] = members | {"allowUnencrypted": values["allowUnencrypted"] == "true"}
    return typed


TypedSecurity = Annotated[MembersTyped, Depends(_read_form)]


def read_typed(typed: MembersTyped) -> tuple[Drafts, dict[str, str]]:
    """Return the valid endpoint security by environment, and the errors in the others by REST's fields."""
    drafts: dict[Environment, SecurityDraft | None] = {}
    errors: dict[str, str] = {}
    for environment, members in typed.items():
        try:
            drafts[environment] = read_security(members, f"{SECURITY_FIELD}{environment}.")
        except InvalidField as error:
            errors |= error.fields()
    return drafts, errors


def choose_security(api: Api, typed: MembersTyped) -> MembersTyped:
    """Return the members for the form: typed ones, or else saved ones. Secrets are never among them."""
    chosen: dict[Environment, dict[str, Any]] = {}
    for environment in ENVIRONMENTS:
        endpoint = api.endpoint(environment)
        security = endpoint.security if endpoint else None
        members = typed.get(environment) or (write_security(security) if security else {"type": NONE})
        chosen[environment] = {
            name: urlencode(value) if isinstance(value, dict) else value
            for name, value in members.items()
            if name not in SECRETS.values()
        }
    return chosen


def has_secrets(typed: MembersTyped) -> bool:
    """Return whether a secret was typed."""
    return any(members.get(name) for members in typed.values() for name in SECRETS.values())


def list_stored(api: Api) -> Mapping[Environment, list[str]]:
    """Return the members whose secrets are stored, by environment."""
    stored: dict[Environment, list[str]] = {}
    for environment in ENVIRONMENTS:
        endpoint = api.endpoint(environment)
        if endpoint and (security := endpoint.security):
            stored[environment] = [SECRETS[security.kind], *([PASSWORD] if security.has_password else [])]
    return stored


def summarize(api: Api) -> str:
    """Return the types of endpoint security that *api* has, in WSO2's spelling."""
    kinds = [endpoint.security.kind.value for endpoint in api.endpoints if endpoint.security]
    return ", ".join(dict.fromkeys(kinds)).upper() or NONE
