"""
Connection settings of an endpoint: how gateways connect to it and treat its responses.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from holdfast.apis.errors import InvalidField


class Protocol(StrEnum):
    """The HTTP version that gateways use with a backend."""

    AUTO = "auto"  # https: HTTP/2 where the backend supports it, otherwise HTTP/1.1; http: HTTP/1.1
    HTTP1 = "http1"
    HTTP2 = "http2"  # https: by ALPN; http: with prior knowledge (RFC 9113, section 3.3)


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """Connection settings of an endpoint; `changed` and REST omit settings with their default value."""

    protocol: Protocol = Protocol.AUTO
    connection_per_caller: bool = False  # callers never share a connection to the backend
    rewrite_responses: bool = True  # Location and cookie paths

    @property
    def values(self) -> dict[str, Any]:
        """All settings, as JSON, by field name."""
        return asdict(self) | {"protocol": self.protocol.value}

    @property
    def changed(self) -> dict[str, Any]:
        """The settings that differ from the defaults, as JSON, by field name."""
        return {name: value for name, value in self.values.items() if value != _DEFAULTS[name]}

    @property
    def members(self) -> dict[str, Any]:
        """The settings that differ from the defaults, by their names in an endpoint's `config` in REST."""
        return {REST_NAMES[name]: value for name, value in self.changed.items()}


DEFAULT_CONNECTION = ConnectionSettings()
_DEFAULTS = asdict(DEFAULT_CONNECTION)
# Field -> its member of `endpointConfig.production_endpoints.config` or `endpointConfig.sandbox_endpoints.config`.
REST_NAMES = {
    "protocol": "protocol",
    "connection_per_caller": "connectionPerCaller",
    "rewrite_responses": "rewriteResponses",
}


def read_connection(values: Mapping[str, Any], field: str = "") -> ConnectionSettings:
    """
    Read connection settings from *values* by field name; missing settings and None mean the default.

    Raises:
        InvalidField: A value has the wrong type, or two settings conflict; *field* is prefixed to the setting's name.
    """
    known = {setting.name for setting in fields(ConnectionSettings)}
    members = {name: value for name, value in values.items() if name in known and value is not None}
    protocol = _protocol(members.pop("protocol", Protocol.AUTO), field)
    for name, value in members.items():
        if not isinstance(value, bool):
            raise InvalidField(f"{field}{REST_NAMES[name]}", "Use true or false.")
    settings = ConnectionSettings(protocol, **members)
    if settings.connection_per_caller and settings.protocol is Protocol.HTTP2:
        # HTTP/2 forbids connection authentication (RFC 9113, section 9.2); backends require HTTP/1.1 instead.
        message = "One connection per caller requires HTTP/1.1. Choose HTTP/1.1 or automatic as the protocol."
        raise InvalidField(f"{field}{REST_NAMES['connection_per_caller']}", message)
    return settings


def _protocol(value: object, field: str) -> Protocol:
    try:
        return Protocol(value)  # type: ignore[arg-type]  # any JSON value
    except ValueError as error:
        message = f"The protocol must be one of {', '.join(Protocol)}."
        raise InvalidField(f"{field}{REST_NAMES['protocol']}", message) from error
