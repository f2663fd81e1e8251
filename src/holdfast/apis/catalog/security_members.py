"""
Endpoint security in WSO2's form: the members of `endpointConfig.endpoint_security.production` and `.sandbox`.

Secrets are read, and always written as an empty text.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from holdfast.apis.catalog.endpoint_security import (
    EndpointSecurity,
    SecurityDraft,
    SecurityKind,
    check_secret,
    check_security,
    read_kind,
)
from holdfast.apis.catalog.token_settings import Grant, TokenSettings, read_grant, read_parameters
from holdfast.apis.errors import InvalidField

SECURITY = "endpoint_security"  # of `endpointConfig`
PASSWORD = "password"  # the member that contains the second secret, with the password grant  # noqa: S105
# The member that contains the secret.
SECRETS = {SecurityKind.BASIC: PASSWORD, SecurityKind.API_KEY: "apiKeyValue", SecurityKind.OAUTH: "clientSecret"}
_HEADER = "HEADER"


def read_security(members: Mapping[str, Any] | None, field: str) -> SecurityDraft | None:
    """
    Read the endpoint security of one environment; None: requests have no credential.

    Raises InvalidField; *field* is prefixed to the name of the wrong member.
    """
    if not members or members.get("enabled") in (False, "false"):
        return None
    kind = read_kind(members.get("type"), field)
    if kind is None:
        return None
    allows_unencrypted = members.get("allowUnencrypted")
    if allows_unencrypted not in (None, True, False):
        raise InvalidField(f"{field}allowUnencrypted", "Use true or false.")
    version = _read_text(members, "secretVersion", field)
    security = EndpointSecurity(kind, allow_unencrypted=bool(allows_unencrypted), secret_version=version)
    match kind:
        case SecurityKind.BASIC:
            security = replace(security, username=_read_text(members, "username", field))
        case SecurityKind.API_KEY:
            place = _read_text(members, "apiKeyIdentifierType", field) or _HEADER
            if place.upper() != _HEADER:
                message = "Only headers can contain an API key: URLs are written to logs. Use HEADER."
                raise InvalidField(f"{field}apiKeyIdentifierType", message)
            security = replace(security, header=_read_text(members, "apiKeyIdentifier", field))
        case SecurityKind.OAUTH:
            grant = read_grant(_read_text(members, "grantType", field), field)
            parameters = read_parameters(members.get("customParameters"), field)
            url, client = _read_text(members, "tokenUrl", field), _read_text(members, "clientId", field)
            username = _read_text(members, "username", field) if grant is Grant.PASSWORD else ""
            security = replace(security, token=TokenSettings(url, client, parameters, grant), username=username)
    final_security = check_security(security, field)
    secret = _read_secret(members, SECRETS[kind], field)
    return SecurityDraft(
        final_security, secret, _read_secret(members, PASSWORD, field) if final_security.has_password else ""
    )


def write_security(security: EndpointSecurity) -> dict[str, Any]:
    """Return the members of *security*, with an empty text as each secret."""
    members: dict[str, Any] = {"enabled": True, "type": security.kind.value}
    match security.kind:
        case SecurityKind.BASIC:
            members |= {"username": security.username}
        case SecurityKind.API_KEY:
            members |= {"apiKeyIdentifier": security.header, "apiKeyIdentifierType": _HEADER}
    if token := security.token:
        members |= {"grantType": token.grant.value, "tokenUrl": token.url, "clientId": token.client_id}
        members["customParameters"] = dict(token.parameters)
        if security.has_password:
            members |= {"username": security.username, PASSWORD: ""}
    if security.allow_unencrypted:
        members["allowUnencrypted"] = True
    if security.secret_version:
        members["secretVersion"] = security.secret_version
    return {**members, SECRETS[security.kind]: ""}


def summarize_security(security: EndpointSecurity | None) -> dict[str, Any]:
    """Return the member `security` for audit events and entity tags; of secrets, it has only the random ids."""
    if security is None:
        return {}
    members = {name: value for name, value in write_security(security).items() if name not in SECRETS.values()}
    members["secretId"] = security.secret.id if security.secret else ""
    if security.has_password:
        members["passwordId"] = security.password.id if security.password else ""
    return {"security": members}


def _read_secret(members: Mapping[str, Any], name: str, field: str) -> str:
    return check_secret(_read_text(members, name, field), f"{field}{name}")


def _read_text(members: Mapping[str, Any], name: str, field: str) -> str:
    value = members.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidField(f"{field}{name}", "Use a text.")
    return value
