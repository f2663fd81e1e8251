"""
The fields and formats of access logs.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Formatter
from types import MappingProxyType

from holdfast.gateway.resources.constants import API_NAME, API_VERSION, ERROR_HEADER, PATH_STATE

# Each field is a command of Envoy's formatter. Callers choose the values of some, so these are truncated.
_ID = '%COALESCE({"operators":[{"command":"REQ","param":"X-REQUEST-ID"},{"command":"RESP","param":"X-REQUEST-ID"}]})%'
# As the caller sent it, before it is rewritten; without a filter state, the request was rejected earlier.
_PATH = (
    f'%COALESCE({{"operators":[{{"command":"FILTER_STATE","param":"{PATH_STATE}:PLAIN"}},'
    '{"command":"PATH","param":"NQ:PATH"}]}):2048%'
)
FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
        "request_id": _ID,
        "trace_id": "%TRACE_ID%",
        "api": API_NAME,
        "version": API_VERSION,
        "environment": "",  # the listener's
        "route": "%ROUTE_NAME%",
        "method": "%REQ(:METHOD):32%",
        "path": _PATH,
        "protocol": "%PROTOCOL%",
        "status": "%RESPONSE_CODE%",
        "failure": f"%RESP({ERROR_HEADER}):64%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "flags": "%RESPONSE_FLAGS%",
        "upstream": "%UPSTREAM_HOST%",
        "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
        "duration_ms": "%DURATION%",
        "backend_ms": "%RESPONSE_DURATION%",
        "bytes_received": "%BYTES_RECEIVED%",
        "bytes_sent": "%BYTES_SENT%",
        "client_ip": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        "caller_subject": "%DOWNSTREAM_PEER_SUBJECT%",
        "caller_fingerprint": "%DOWNSTREAM_PEER_FINGERPRINT_256%",
        "tls_version": "%DOWNSTREAM_TLS_VERSION%",
        "upstream_tls_version": "%UPSTREAM_TLS_VERSION%",
    }
)
# Later filters add the query and the credentials of the endpoint, so these are kept before, as the caller sent them.
_OF_CALLER: Mapping[str, str] = MappingProxyType(
    {
        "query": "%CEL(request.query):2048%",
        "user_agent": "%REQ(USER-AGENT):512%",
        "host": "%REQ(:AUTHORITY):255%",
    }
)
# Query strings and headers can contain secrets and personal data.
ONLY_IF_NAMED = frozenset(_OF_CALLER)
DEFAULT_FIELDS = tuple(FIELDS)
_STATE = "holdfast.caller."  # begins the names of filter states
_HEADER = re.compile(r"header\.([A-Za-z0-9-]{1,64})")
_SECRET = re.compile("(?i)authorization|proxy-authorization|cookie|.*(token|secret|password|api-?key|signature).*")
JSON = "json"


class FormatUnusable(ValueError):
    """The text isn't a format of access logs; the message says why."""


@dataclass(frozen=True, slots=True)
class AccessLogFormat:
    """The lines of an access log: JSON with these fields, or *text*, a template of Envoy's formatter."""

    fields: tuple[str, ...] = DEFAULT_FIELDS
    text: str = ""

    def find_states(self) -> dict[str, str]:
        """Return Envoy's command for each filter state that is kept before other filters change the request."""
        return {
            _STATE + name: _OF_CALLER.get(name) or f"%REQ({name.removeprefix('header.').upper()}):512%"
            for name in dict.fromkeys(self.fields)
            if name not in FIELDS
        }

    def list_commands(self, environment: str) -> dict[str, str]:
        """Return Envoy's command for each field, for the listener of *environment*."""
        return {name: _write_command(name, environment) for name in self.fields}

    def build_line(self, environment: str) -> str:
        """Return the template of a line of text, for the listener of *environment*."""
        pieces = ((literal.replace("%", "%%"), name) for literal, name, _, _ in Formatter().parse(self.text))
        return "".join(literal + (_write_command(name, environment) if name else "") for literal, name in pieces) + "\n"


def parse_format(text: str) -> AccessLogFormat:
    """
    Return the format in *text*: `json`, `json:FIELD,...`, or a line of text with `{FIELD}`.

    Raises FormatUnusable.
    """
    kind, _, names = text.partition(":")
    if text == JSON:
        return AccessLogFormat()
    if kind == JSON:
        fields = tuple(name.strip() for name in names.split(","))
        for name in fields:
            _check(name)
        return AccessLogFormat(tuple(dict.fromkeys(fields)))
    if not (placeholders := tuple(_read_names(text))):
        raise FormatUnusable(
            f"{text!r} names no field. Use json, json:FIELD,... or a text such as '{{time}} {{status}}'"
        )
    return AccessLogFormat(placeholders, text)


def check_format(text: str) -> str:
    """Return *text* if it is a format. Raises FormatUnusable."""
    parse_format(text)
    return text


def _read_names(text: str) -> Iterator[str]:
    try:
        pieces = list(Formatter().parse(text))
    except ValueError as error:
        raise FormatUnusable(f"{text!r} isn't a format: {error}") from error
    if not text.isprintable():
        raise FormatUnusable("a format is one line without control characters")
    for _, name, specification, conversion in pieces:
        if name is not None:
            if specification or conversion:
                raise FormatUnusable(f"{{{name}}} can't have a separate format")
            _check(name)
            yield name


def _check(name: str) -> None:
    header = _HEADER.fullmatch(name)
    if header and _SECRET.fullmatch(header[1]):
        raise FormatUnusable(f"{name} isn't logged, because it contains a secret")
    if name not in FIELDS and name not in _OF_CALLER and not header:
        names = ", ".join((*FIELDS, *_OF_CALLER))
        raise FormatUnusable(f"{name!r} isn't a field. Fields are {names} and header.NAME")


def _write_command(name: str, environment: str) -> str:
    if name == "environment":
        return environment
    return FIELDS.get(name) or f"%FILTER_STATE({_STATE}{name}:PLAIN)%"
