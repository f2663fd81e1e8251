"""
Endpoints with their settings, and other values, as text for readers of the audit log.
"""

from collections.abc import Mapping, Sequence

# Members that are the same in each endpoint security.
_CONSTANT = {"enabled", "apiKeyIdentifierType"}
# Random, so that another secret is another id; the beginning shows that.
_IDS = {"secretId": "secret ID", "passwordId": "password ID"}
_SHOWN = 8  # characters of an id


def write_flag(*, is_set: bool) -> str:
    """Write a value that is true or false."""
    return "yes" if is_set else "no"


def describe_endpoint(url: object, settings: object) -> str:
    """Describe an endpoint; *settings* are JSON, possibly from another version."""
    text = _join(settings) if isinstance(settings, Mapping) else ""
    return f"{url} ({text})" if text else str(url)


def _join(values: Mapping[str, object]) -> str:
    return ", ".join(filter(None, (_describe(name, value) for name, value in values.items() if name not in _CONSTANT)))


def _describe(name: str, value: object) -> str:
    """Describe a setting; one that isn't set says nothing."""
    if name in _IDS:
        return f"{_IDS[name]} {str(value)[:_SHOWN]}" if value else ""
    if isinstance(value, Mapping):
        text = _join(value)
        return f"{name} ({text})" if text else ""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"{name} {' and '.join(map(_describe_item, value))}" if value else ""
    if isinstance(value, bool):
        return f"{name} {write_flag(is_set=value)}"
    return "" if value is None or value == "" else f"{name} {value}"


def _describe_item(value: object) -> str:
    if isinstance(value, Mapping) and "url" in value:
        return describe_endpoint(value["url"], {name: setting for name, setting in value.items() if name != "url"})
    if isinstance(value, Mapping):
        return f"({_join(value)})"
    if isinstance(value, bool):
        return write_flag(is_set=value)
    return "" if value is None else str(value)
