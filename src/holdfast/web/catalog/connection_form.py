"""
The connection settings in the form of the Endpoints page.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import Depends, Request

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.connection_settings import SETTINGS, ConnectionSettings, SettingKind, read_connection
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment
from holdfast.apis.errors import InvalidField

Values = Mapping[Environment, dict[str, Any]]  # by field of ConnectionSettings
NO_VALUES: Values = MappingProxyType({})
_SEPARATORS = re.compile(r"[\s,;]+")


async def _read_form(request: Request) -> Values:
    """Read the fields `production_protocol`, `sandbox_protocol` and so on."""
    form = await request.form()
    values_of: dict[Environment, dict[str, Any]] = {}
    for environment in ENVIRONMENTS:
        fields = {name: form.get(f"{environment}_{name}") for name in SETTINGS}
        texts = {name: value.strip() for name, value in fields.items() if isinstance(value, str)}
        # Browsers don't send unchecked boxes; without a protocol, the form had no settings for the environment.
        if texts.get("protocol"):
            values_of[environment] = {
                name: _read_value(setting.kind, texts.get(name)) for name, setting in SETTINGS.items()
            }
    return values_of


def _read_value(kind: SettingKind, text: str | None) -> object:
    match kind:
        case SettingKind.FLAG:
            return text == "true"
        case SettingKind.STATUSES:
            return [status for status in _SEPARATORS.split(text or "") if status]
        case _:
            return text


TypedConnections = Annotated[Values, Depends(_read_form)]


def read_connections(form: Values) -> tuple[dict[Environment, ConnectionSettings], dict[str, str]]:
    """Return the valid settings by environment, and the errors in the others by environment and field."""
    names = {setting.member: name for name, setting in SETTINGS.items()}
    connections: dict[Environment, ConnectionSettings] = {}
    errors: dict[str, str] = {}
    for environment, values in form.items():
        try:
            connections[environment] = read_connection(values)
        except InvalidField as error:
            errors[f"{environment}.{names[error.field]}"] = str(error)
    return connections, errors


def choose_connections(api: Api, form: Values) -> Values:
    """Return the values for the form: typed ones, or else saved ones, or else the defaults."""
    connections = {
        environment: endpoint.connection if (endpoint := api.find_endpoint(environment)) else ConnectionSettings()
        for environment in ENVIRONMENTS
    }
    return {environment: form.get(environment) or connections[environment].values for environment in ENVIRONMENTS}
