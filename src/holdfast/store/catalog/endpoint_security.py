"""
Endpoint security in the columns of APIs, and queries for it.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import Environment
from holdfast.apis.catalog.endpoint_security import EndpointSecurity, SealedSecret, SecurityKind
from holdfast.apis.catalog.token_settings import Grant, TokenSettings
from holdfast.store.stored_values import read_stored
from holdfast.store.tables import ApiRow

_PASSWORD_GRANT = "password_grant"  # has the secrets of this grant; others have one, outside  # noqa: S105
_SECRETS = ("secret", "password")


def write_column(api: Api, environment: Environment) -> dict[str, Any] | None:
    """Return the value of the column of *environment*."""
    endpoint = api.find_endpoint(environment)
    values = _write(endpoint.security) if endpoint and endpoint.security else {}
    if kept_values := [_write(security) for name, security in api.kept_security if name == environment]:
        values["earlier"] = kept_values
    return values or None


def _write(security: EndpointSecurity) -> dict[str, Any]:
    values: dict[str, Any] = {
        "kind": security.kind.value,
        "username": security.username,
        "header": security.header,
        "allow_unencrypted": security.allow_unencrypted,
        "secret_version": security.secret_version,
    }
    if security.token:
        token = security.token
        values["token"] = {"url": token.url, "client_id": token.client_id, "parameters": dict(token.parameters)}
    secrets = {name: _write_secret(secret) for name, secret in zip(_SECRETS, security.secrets, strict=False) if secret}
    if security.has_password:
        # A publisher of an earlier version finds no secret, and locks the endpoint instead of using another grant.
        return values | {_PASSWORD_GRANT: secrets}
    return values | secrets


def _write_secret(secret: SealedSecret) -> dict[str, Any]:
    return {
        "id": secret.id,
        "sealed": b64encode(secret.sealed).decode(),
        "digest": secret.digest,
        "origins": sorted(secret.origins),
    }


def read_kept(row: ApiRow) -> tuple[tuple[Environment, EndpointSecurity], ...]:
    """Return the endpoint security in the columns of an API that is kept for revisions, with its environment."""
    columns: dict[Environment, Any] = {"production": row.production_security, "sandbox": row.sandbox_security}
    return tuple((name, security) for name, values in columns.items() if values for security in _read_kept(values))


def _read_kept(values: Mapping[str, Any] | None) -> tuple[EndpointSecurity, ...]:
    return tuple(filter(None, map(read, (values or {}).get("earlier", ()))))


def read(values: Mapping[str, Any] | None) -> EndpointSecurity | None:
    """Return the current endpoint security in a column. Raises ValueError or TypeError for what isn't any."""
    if values is None:
        return None
    if "kind" not in values:
        if values.keys() <= {"earlier"}:
            return None
        raise ValueError("it has no kind")
    of_password_grant, token = values.get(_PASSWORD_GRANT), values.get("token")
    grant = Grant.CLIENT_CREDENTIALS if of_password_grant is None else Grant.PASSWORD
    secrets = values if of_password_grant is None else of_password_grant
    secret, password = (_read_secret(secrets.get(name)) for name in _SECRETS)
    return EndpointSecurity(
        SecurityKind(values["kind"]),
        values["username"],
        values["header"],
        values["allow_unencrypted"],
        TokenSettings(token["url"], token["client_id"], tuple(sorted(token["parameters"].items())), grant)
        if token
        else None,
        values.get("secret_version", ""),
        secret,
        password,
    )


def _read_secret(values: Mapping[str, Any] | None) -> SealedSecret | None:
    if values is None:
        return None
    return SealedSecret(values["id"], b64decode(values["sealed"]), values["digest"], frozenset(values["origins"]))


def _read_all(values: Mapping[str, Any], organization: str) -> tuple[EndpointSecurity | None, ...]:
    """Return the current endpoint security in a column, and what is kept for revisions; nothing if it can't be read."""
    return read_stored(lambda: (read(values), *_read_kept(values)), "endpoint security", organization) or ()


def list_secrets(session: Session) -> Iterator[tuple[str, SealedSecret]]:
    """Yield all secrets, with their organizations."""
    columns = (ApiRow.organization_id, ApiRow.production_security, ApiRow.sandbox_security)
    has_any = or_(ApiRow.production_security.is_not(None), ApiRow.sandbox_security.is_not(None))
    for organization, *security_columns in session.execute(select(*columns).where(has_any)):
        for values in security_columns:
            for security in () if values is None else _read_all(values, organization):
                for secret in security.secrets if security else ():
                    if secret:
                        yield organization, secret


def replace_sealed(session: Session, organization: str, reseal: Callable[[bytes, str], bytes]) -> None:
    """Replace each sealed secret with the result of *reseal*, which gets the sealed secret and its id."""
    has_any = or_(ApiRow.production_security.is_not(None), ApiRow.sandbox_security.is_not(None))
    for row in session.scalars(select(ApiRow).where(ApiRow.organization_id == organization, has_any)):
        for column in ("production_security", "sandbox_security"):
            values = getattr(row, column)
            # What can't be read stays as it is.
            if values is not None and _read_all(values, organization):
                setattr(row, column, _reseal(values, reseal))
    session.flush()


def _reseal(values: dict[str, Any] | None, reseal: Callable[[bytes, str], bytes]) -> dict[str, Any] | None:
    if not values:
        return values
    if "earlier" in values:
        values = {**values, "earlier": [_reseal(value, reseal) for value in values["earlier"]]}
    if _PASSWORD_GRANT in values:
        values = {**values, _PASSWORD_GRANT: _reseal(values[_PASSWORD_GRANT], reseal)}
    for name in _SECRETS:
        if secret := values.get(name):
            resealed_text = b64encode(reseal(b64decode(secret["sealed"]), secret["id"])).decode()
            values = {**values, name: {**secret, "sealed": resealed_text}}
    return values
