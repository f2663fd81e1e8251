"""
The connection settings in the form of the Endpoints page.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import Depends, Form

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.connection_settings import ConnectionSettings, read_connection
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment
from holdfast.apis.errors import InvalidField

Values = Mapping[Environment, dict[str, Any]]  # by field of ConnectionSettings
NOTHING_TYPED: Values = MappingProxyType({})


def _read_form(
    production_protocol: Annotated[str, Form()] = "",
    production_connection_per_caller: Annotated[bool, Form()] = False,
    production_rewrite_responses: Annotated[bool, Form()] = False,
    sandbox_protocol: Annotated[str, Form()] = "",
    sandbox_connection_per_caller: Annotated[bool, Form()] = False,
    sandbox_rewrite_responses: Annotated[bool, Form()] = False,
) -> Values:
    connections: dict[Environment, dict[str, Any]] = {
        "production": {
            "protocol": production_protocol,
            "connection_per_caller": production_connection_per_caller,
            "rewrite_responses": production_rewrite_responses,
        },
        "sandbox": {
            "protocol": sandbox_protocol,
            "connection_per_caller": sandbox_connection_per_caller,
            "rewrite_responses": sandbox_rewrite_responses,
        },
    }
    # Browsers don't send unchecked boxes; without a protocol, the form had no settings for the environment.
    return {environment: values for environment, values in connections.items() if values["protocol"]}


TypedConnections = Annotated[Values, Depends(_read_form)]


def read_typed(typed: Values) -> tuple[dict[Environment, ConnectionSettings], dict[str, str]]:
    """Return the valid settings by environment, and the errors in the others by environment and REST name."""
    connections: dict[Environment, ConnectionSettings] = {}
    errors: dict[str, str] = {}
    for environment, values in typed.items():
        try:
            connections[environment] = read_connection(values, f"{environment}.")
        except InvalidField as error:
            errors |= error.fields()
    return connections, errors


def choose_connections(api: Api, typed: Values) -> Values:
    """Return the values for the form: typed ones, or else saved ones, or else the defaults."""
    saved = {
        environment: endpoint.connection if (endpoint := api.endpoint(environment)) else ConnectionSettings()
        for environment in ENVIRONMENTS
    }
    return {environment: typed.get(environment) or saved[environment].values for environment in ENVIRONMENTS}
