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

SecurityValues = Mapping[Environment, dict[str, Any]]  # by member in REST
NO_VALUES: SecurityValues = MappingProxyType({})
_TEXTS = (
    *("type", "username", "password", "apiKeyIdentifier", "apiKeyValue"),
    *("tokenUrl", "grantType", "clientId", "clientSecret", "customParameters"),
)
NONE = "NONE"


async def _read_form(request: Request) -> SecurityValues:
    """Read the fields `production_security_type`, `sandbox_security_type` and so on."""
    form = await request.form()
    values_of: dict[Environment, dict[str, Any]] = {}
    for environment in ENVIRONMENTS:
        values = {name: form.get(f"{environment}_security_{name}") for name in (*_TEXTS, "allowUnencrypted")}
        members: dict[str, Any] = {name: values[name] for name in _TEXTS if isinstance(values[name], str)}
        # Without a type, the form had no endpoint security.
        if members.get("type"):
            values_of[environment] = members | {"allowUnencrypted": values["allowUnencrypted"] == "true"}
    return values_of


TypedSecurity = Annotated[SecurityValues, Depends(_read_form)]


def read_drafts(form: SecurityValues) -> tuple[Drafts, dict[str, str]]:
    """Return the valid endpoint security by environment, and the errors in the others by REST's fields."""
    drafts: dict[Environment, SecurityDraft | None] = {}
    errors: dict[str, str] = {}
    for environment, members in form.items():
        try:
            drafts[environment] = read_security(members, f"{SECURITY_FIELD}{environment}.")
        except InvalidField as error:
            errors |= error.map_to_fields()
    return drafts, errors


def choose_security(api: Api, form: SecurityValues) -> SecurityValues:
    """Return the members for the form: typed ones, or else saved ones. Secrets are never among them."""
    choices: dict[Environment, dict[str, Any]] = {}
    for environment in ENVIRONMENTS:
        endpoint = api.find_endpoint(environment)
        security = endpoint.security if endpoint else None
        members = form.get(environment) or (write_security(security) if security else {"type": NONE})
        choices[environment] = {
            name: urlencode(value) if isinstance(value, dict) else value
            for name, value in members.items()
            if name not in SECRETS.values()
        }
    return choices


def has_secrets(form: SecurityValues) -> bool:
    """Return whether a secret was typed."""
    return any(members.get(name) for members in form.values() for name in SECRETS.values())


def list_stored_secrets(api: Api) -> Mapping[Environment, list[str]]:
    """Return the members whose secrets are stored, by environment."""
    secrets: dict[Environment, list[str]] = {}
    for environment in ENVIRONMENTS:
        endpoint = api.find_endpoint(environment)
        if endpoint and (security := endpoint.security):
            secrets[environment] = [SECRETS[security.kind], *([PASSWORD] if security.has_password else [])]
    return secrets


def summarize(api: Api) -> str:
    """Return the types of endpoint security that *api* has, in WSO2's spelling."""
    kinds = [endpoint.security.kind.value for endpoint in api.endpoints if endpoint.security]
    return ", ".join(dict.fromkeys(kinds)).upper() or NONE
