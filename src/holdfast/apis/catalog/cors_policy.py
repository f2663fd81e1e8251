"""
Which web pages of other origins may call an API: WSO2's member `corsConfiguration`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.apis.catalog.endpoint import Origin
from holdfast.apis.errors import InvalidField
from holdfast.apis.url import parse_url

MEMBER = "corsConfiguration"
ANY = "*"
MAX_ENTRIES, MAX_LENGTH = 100, 255
MAX_TOTAL = 8192  # characters of a list: Envoy rejects routes with a header of more than 16 KiB
# WSO2's defaults, for members that are left out.
METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS")
HEADERS = ("authorization", "Access-Control-Allow-Origin", "Content-Type", "SOAPAction", "apikey", "Internal-Key")
_SEPARATORS = frozenset('(),/:;<=>?@[\\]{}" \t')


@dataclass(frozen=True, slots=True)
class CorsPolicy:
    """The answer to browsers (https://fetch.spec.whatwg.org, CORS protocol); `*` is any origin."""

    origins: tuple[str, ...]
    methods: tuple[str, ...] = METHODS
    headers: tuple[str, ...] = HEADERS
    allow_credentials: bool = False

    @property
    def member(self) -> dict[str, Any]:
        """The policy as the member of a description."""
        return {
            "corsConfigurationEnabled": True,
            "accessControlAllowOrigins": list(self.origins),
            "accessControlAllowMethods": list(self.methods),
            "accessControlAllowHeaders": list(self.headers),
            "accessControlAllowCredentials": self.allow_credentials,
        }


def read_cors(value: Any) -> CorsPolicy | None:
    """
    Read the member; None if it is missing or not enabled.

    Raises:
        InvalidField: It is enabled, and a value is invalid or would let any page act as a signed-in user.
    """
    if value is None:
        return None
    if not isinstance(value, dict):
        raise InvalidField(MEMBER, "Use an object with corsConfigurationEnabled and accessControlAllowOrigins.")
    if not _read_flag(value, "corsConfigurationEnabled"):
        return None
    policy = CorsPolicy(
        tuple(_read_origin(entry) for entry in _read_texts(value, "accessControlAllowOrigins", ())),
        tuple(
            _read_token(entry, "accessControlAllowMethods")
            for entry in _read_texts(value, "accessControlAllowMethods", METHODS)
        ),
        tuple(
            _read_token(entry, "accessControlAllowHeaders")
            for entry in _read_texts(value, "accessControlAllowHeaders", HEADERS)
        ),
        _read_flag(value, "accessControlAllowCredentials"),
    )
    if not policy.origins:
        text = "List at least one origin, such as https://shop.example, or * for any origin."
        raise InvalidField(f"{MEMBER}.accessControlAllowOrigins", text)
    everything = [*policy.origins, *policy.methods, *policy.headers]
    if policy.allow_credentials and ANY in everything:
        text = "With credentials, list origins, methods and headers instead of *."
        raise InvalidField(f"{MEMBER}.accessControlAllowCredentials", text)
    return policy


def _read_flag(value: Mapping[str, Any], name: str) -> bool:
    flag = value.get(name)
    if flag is not None and not isinstance(flag, bool):
        raise InvalidField(f"{MEMBER}.{name}", "Use true or false.")
    return bool(flag)


def _read_texts(value: Mapping[str, Any], name: str, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    texts = value.get(name)
    if texts is None:
        return otherwise
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InvalidField(f"{MEMBER}.{name}", "Use a list of texts.")
    if len(texts) > MAX_ENTRIES or any(len(text) > MAX_LENGTH for text in texts):
        raise InvalidField(f"{MEMBER}.{name}", f"Use at most {MAX_ENTRIES} entries of {MAX_LENGTH} characters.")
    if sum(map(len, texts)) > MAX_TOTAL:
        raise InvalidField(f"{MEMBER}.{name}", f"Use at most {MAX_TOTAL} characters in all entries together.")
    return tuple(dict.fromkeys(text.strip() for text in texts))


def _read_origin(text: str) -> str:
    """Return an origin as browsers send it (RFC 6454, section 6.2)."""
    if text == ANY:
        return text
    try:
        url = parse_url(text)
        if url.path or url.query is not None:
            raise ValueError(text)
    except ValueError as error:
        problem = f"{text!r} isn't an origin. Use scheme, host and port, such as https://shop.example, or * for any."
        raise InvalidField(f"{MEMBER}.accessControlAllowOrigins", problem) from error
    return str(Origin(url.scheme, url.host, url.port))


def _read_token(text: str, name: str) -> str:
    """Return a method or the name of a header (RFC 9110, section 5.6.2)."""
    if not text or not text.isascii() or not text.isprintable() or _SEPARATORS & set(text):
        kind = "method" if name.endswith("Methods") else "header"
        raise InvalidField(f"{MEMBER}.{name}", f"{text!r} isn't the name of a {kind}.")
    return text
