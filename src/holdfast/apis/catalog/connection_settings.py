"""
Connection settings of an endpoint: how gateways connect to it and treat its responses.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import Enum, StrEnum, auto
from typing import Any

from holdfast.apis.errors import InvalidField

DEFAULT_CONNECT_MS, DEFAULT_IDLE_MS = 5_000, 60_000
DEFAULT_RETRIES, DEFAULT_FAILURES = 1, 5
DAY_MS = 24 * 60 * 60 * 1000
MAX_STATUSES = 20


class Protocol(StrEnum):
    """The HTTP version that gateways use with a backend."""

    AUTO = "auto"  # https: HTTP/2 where the backend supports it, otherwise HTTP/1.1; http: HTTP/1.1
    HTTP1 = "http1"
    HTTP2 = "http2"  # https: by ALPN; http: with prior knowledge (RFC 9113, section 3.3)


class SettingKind(Enum):
    """The kind of values of a setting."""

    PROTOCOL = auto()
    FLAG = auto()
    NUMBER = auto()
    STATUSES = auto()  # HTTP status codes


@dataclass(frozen=True, slots=True)
class Setting:
    """
    A connection setting: its *name* in configuration files, and its member in an endpoint's `config` in REST.

    Numbers are from *lowest* to *highest*, both included; None means what *default* says.
    """

    name: str
    member: str
    kind: SettingKind
    about: str
    lowest: int = 0
    highest: int = 0
    default: int | None = None

    @property
    def is_wso2(self) -> bool:
        """Whether its member is WSO2's."""
        return self.member != self.name

    @property
    def description(self) -> str:
        """Its meaning, range and default, as text."""
        if self.kind is not SettingKind.NUMBER:
            return self.about
        default = f" Default: {self.default:,}." if self.default else ""
        return f"{self.about} {self.range}.{default}"

    @property
    def range(self) -> str:
        """The allowed values, as a phrase."""
        return f"{self.lowest:,} to {self.highest:,}"


def _define_setting(
    name: str,
    about: str,
    kind: SettingKind,
    bounds: tuple[int, int] = (0, 0),
    default: int | None = None,
    member: str = "",
) -> dict[str, Setting]:
    return {"setting": Setting(name, member or name, kind, about, *bounds, default)}


def _define_number(
    name: str, about: str, lowest: int, highest: int, default: int | None = None, member: str = ""
) -> Any:
    metadata = _define_setting(name, about, SettingKind.NUMBER, (lowest, highest), default, member)
    return field(default=None, metadata=metadata)


def _define_flag(name: str, about: str, *, default: bool) -> Any:
    return field(default=default, metadata=_define_setting(name, about, SettingKind.FLAG))


def _define_statuses(name: str, about: str) -> Any:
    return field(default=(), metadata=_define_setting(name, about, SettingKind.STATUSES, (400, 599)))


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """
    Connection settings of an endpoint; `changed` and REST omit settings with their default value.

    Where WSO2 has a setting of the same meaning, the member in REST has WSO2's name.
    """

    protocol: Protocol = field(
        default=Protocol.AUTO,
        metadata=_define_setting("protocol", "HTTP version for the backend.", SettingKind.PROTOCOL),
    )
    connection_per_caller: bool = _define_flag(
        "connectionPerCaller", "Never share connections between callers (for NTLM and Negotiate).", default=False
    )
    rewrite_responses: bool = _define_flag(
        "rewriteResponses", "Replace the backend's address in redirects and cookie paths.", default=True
    )
    connect_timeout_ms: int | None = _define_number(
        "connectTimeoutMs", "Longest time to connect, including TLS.", 50, 60_000, DEFAULT_CONNECT_MS
    )
    idle_timeout_ms: int | None = _define_number(
        "idleTimeoutMs",
        "Longest time in which neither side sends anything.",
        *(1, DAY_MS, DEFAULT_IDLE_MS, "actionDuration"),
    )
    response_timeout_ms: int | None = _define_number(
        "responseTimeoutMs", "Longest time until the response is complete, including retries.", 10, DAY_MS
    )
    retries: int | None = _define_number(
        "retries", "How many times a failed request is sent again, at most.", 0, 5, DEFAULT_RETRIES
    )
    retry_statuses: tuple[int, ...] = _define_statuses(
        "retryStatusCodes", "Status codes of the backend after which a request is sent again."
    )
    try_timeout_ms: int | None = _define_number(
        "tryTimeoutMs", "Longest time for one try of a request that can be sent again.", 10, DAY_MS
    )
    retry_all_methods: bool = _define_flag(
        "retryAllMethods", "Also send POST and PATCH again, which the backend may then process twice.", default=False
    )
    suspend_ms: int | None = _define_number(
        "suspendMs",
        "How long the backend isn't called after repeated failures.",
        *(1, DAY_MS, None, "suspendDuration"),
    )
    suspend_max_ms: int | None = _define_number(
        "suspendMaxMs",
        "Longest suspension, if it keeps failing; each one is longer than the last.",
        *(1, DAY_MS, None, "suspendMaxDuration"),
    )
    suspend_after: int | None = _define_number(
        "suspendAfter",
        "How many failures in a row suspend the backend.",
        *(1, 1000, DEFAULT_FAILURES, "retryTimeOut"),
    )
    suspend_statuses: tuple[int, ...] = _define_statuses(
        "suspendStatusCodes", "Status codes of the backend that count as failures."
    )
    max_connections: int | None = _define_number("maxConnections", "Connections at once, for each gateway.", 1, 100_000)
    max_pending_requests: int | None = _define_number(
        "maxPendingRequests", "Requests that wait for a connection, for each gateway.", 1, 100_000
    )
    max_requests: int | None = _define_number("maxRequests", "Open requests at once, for each gateway.", 1, 100_000)

    @property
    def values(self) -> dict[str, Any]:
        """All settings, as JSON, by field name."""
        values = asdict(self) | {"protocol": self.protocol.value}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @property
    def changed(self) -> dict[str, Any]:
        """The settings that differ from the defaults, as JSON, by field name."""
        return {name: value for name, value in self.values.items() if value != _DEFAULTS[name]}

    @property
    def members(self) -> dict[str, Any]:
        """The settings that differ from the defaults, by their names in an endpoint's `config` in REST."""
        return {SETTINGS[name].member: value for name, value in self.changed.items()}


# By field of ConnectionSettings.
SETTINGS: Mapping[str, Setting] = {member.name: member.metadata["setting"] for member in fields(ConnectionSettings)}
# Field -> its member of `endpointConfig.production_endpoints.config` or `endpointConfig.sandbox_endpoints.config`.
REST_NAMES: Mapping[str, str] = {name: setting.member for name, setting in SETTINGS.items()}
DEFAULT_CONNECTION = ConnectionSettings()
_DEFAULTS = DEFAULT_CONNECTION.values


def read_connection(values: Mapping[str, Any], field: str = "") -> ConnectionSettings:
    """
    Read connection settings from *values* by field name; missing settings, None and empty texts mean the default.

    Numbers may be texts, as WSO2 writes them, and 0 means the default for WSO2's members.

    Raises:
        InvalidField: A value has the wrong type, or two settings conflict; *field* is prefixed to the setting's member.
    """
    given_settings: dict[str, Any] = {}
    for name, setting in SETTINGS.items():
        value = values.get(name)
        if value is None or value in ("", []) or (setting.is_wso2 and _to_int(value) == 0):
            continue
        try:
            given_settings[name] = _READERS[setting.kind](value, setting)
        except (ValueError, TypeError) as error:
            raise InvalidField(f"{field}{setting.member}", str(error)) from error
    settings = ConnectionSettings(**given_settings)
    if conflict := _find_conflict(settings):
        name, message = conflict
        raise InvalidField(f"{field}{SETTINGS[name].member}", message)
    return settings


def _find_conflict(settings: ConnectionSettings) -> tuple[str, str] | None:
    """Return the field of a setting that conflicts with another one, and a message."""
    if settings.connection_per_caller and settings.protocol is Protocol.HTTP2:
        # HTTP/2 forbids connection authentication (RFC 9113, section 9.2); backends require HTTP/1.1 instead.
        return (
            "connection_per_caller",
            "One connection per caller requires HTTP/1.1. Choose HTTP/1.1 or automatic as the protocol.",
        )
    whole = settings.response_timeout_ms
    if whole and settings.try_timeout_ms and settings.try_timeout_ms > whole:
        return "try_timeout_ms", f"A single try can't take longer than the whole response, {whole:,} ms."
    if settings.suspend_ms and settings.suspend_max_ms and settings.suspend_max_ms < settings.suspend_ms:
        return "suspend_max_ms", f"The longest suspension can't be shorter than the first one, {settings.suspend_ms:,}."
    return None


def _read_protocol(value: object, _: Setting) -> Protocol:
    try:
        return Protocol(value)  # type: ignore[arg-type]  # any JSON value
    except ValueError as error:
        raise ValueError(f"The protocol must be one of {', '.join(Protocol)}.") from error


def _read_flag(value: object, _: Setting) -> bool:
    if not isinstance(value, bool):
        raise TypeError("Use true or false.")
    return value


def _read_number(value: object, setting: Setting) -> int:
    number = _to_int(value)
    if number is None or not setting.lowest <= number <= setting.highest:
        raise ValueError(f"Use a whole number from {setting.range}.")
    return number


def _read_statuses(value: object, setting: Setting) -> tuple[int, ...]:
    statuses = [_to_int(item) for item in value] if isinstance(value, list | tuple) else [None]
    numbers = sorted(
        {status for status in statuses if status is not None and setting.lowest <= status <= setting.highest}
    )
    if None in statuses or len(numbers) != len(set(statuses)) or len(numbers) > MAX_STATUSES:
        raise ValueError(f"List at most {MAX_STATUSES} status codes from {setting.range}, such as 502 and 503.")
    return tuple(numbers)


def _to_int(value: object) -> int | None:
    """Return a JSON number or a text of digits as an integer; None if it isn't one."""
    if isinstance(value, str):
        text = value.strip()
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not float(value).is_integer():
        return None
    return int(value)


_READERS = {
    SettingKind.PROTOCOL: _read_protocol,
    SettingKind.FLAG: _read_flag,
    SettingKind.NUMBER: _read_number,
    SettingKind.STATUSES: _read_statuses,
}
