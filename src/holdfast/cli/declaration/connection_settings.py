"""
Converts the connection settings of endpoints in files.
"""

from typing import Any

from holdfast.apis.catalog.connection_settings import SETTINGS, ConnectionSettings, SettingKind, read_connection
from holdfast.apis.errors import InvalidField, InvalidFields
from holdfast.cli.declaration.fields import Fields


def read_connection_settings(fields: Fields | None) -> ConnectionSettings | None:
    """Convert connection settings; None if there are none, or if they are invalid."""
    if fields is None:
        return None
    values: dict[str, Any] = {}
    for name, setting in SETTINGS.items():
        match setting.kind:
            case SettingKind.FLAG:
                values[name] = fields.read_flag(setting.name, otherwise=None)
            case SettingKind.STATUSES:
                values[name] = fields.read_texts(setting.name)
            case _:
                values[name] = fields.read_text(setting.name)
    names = {setting.member: setting.name for setting in SETTINGS.values()}
    connection = fields.check("protocol", lambda: _read(values), names)
    fields.finish()
    return connection


def _read(values: dict[str, Any]) -> ConnectionSettings:
    try:
        return read_connection(values)
    except InvalidField as error:  # its field must not be lost
        raise InvalidFields([error]) from error
