"""
Shell completion: fixed words, and names that the publisher lists.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Thread
from typing import Any

from holdfast.apis.catalog.endpoint import ENVIRONMENTS
from holdfast.apis.catalog.group_members import get_first_endpoint
from holdfast.cli.failures import CommandFailed
from holdfast.cli.requests import credentials
from holdfast.cli.requests.client import PAGE, Client
from holdfast.cli.requests.contexts import read_contexts

WITHIN = 1.0  # seconds to wait for the publisher
ROLES = ("admin", "creator", "publisher", "viewer")
ANCHORS = ("imported", "imported-and-public", "public")
TLS_VERSIONS = ("1.2", "1.3")
# Shells insert completions unquoted, so offer only names that are one plain word.
_WORD = re.compile(r"\w[\w.:@-]*|https?://\w[\w.:/-]*")


def complete_roles(incomplete: str) -> list[str]:
    """Complete the roles of users."""
    return _select_plain(ROLES, incomplete)


def complete_anchors(incomplete: str) -> list[str]:
    """Complete the kinds of trust anchors."""
    return _select_plain(ANCHORS, incomplete)


def complete_tls_versions(incomplete: str) -> list[str]:
    """Complete TLS versions."""
    return _select_plain(TLS_VERSIONS, incomplete)


def complete_contexts(incomplete: str) -> list[str]:
    """Complete names of contexts."""
    with suppress(CommandFailed):
        return _select_plain(read_contexts().by_name, incomplete)
    return []


def complete_aliases(incomplete: str) -> list[str]:
    """Complete aliases of endpoint certificates."""
    return _query(incomplete, lambda client: _list_names(client.get("/endpoint-certificates", limit=PAGE), "alias"))


def complete_apis(incomplete: str) -> list[str]:
    """Complete names of APIs, with the version if there are several."""

    def look(client: Client) -> list[str]:
        apis = client.get("/apis", limit=PAGE)["list"]
        times = Counter(str(api["name"]) for api in apis)
        return [api["name"] if times[api["name"]] == 1 else f"{api['name']}:{api['version']}" for api in apis]

    return _query(incomplete, look)


def complete_users(incomplete: str) -> list[str]:
    """Complete names of users."""
    return _query(incomplete, lambda client: _list_names(client.get("/users", limit=PAGE), "name"))


def complete_gateways(incomplete: str) -> list[str]:
    """Complete names of gateways."""
    return _query(incomplete, lambda client: _list_names(client.get("/gateways", limit=PAGE), "name"))


def complete_groups(incomplete: str) -> list[str]:
    """Complete names of groups of gateways, which everyone can read."""
    return _query(
        incomplete, lambda client: [environment["name"] for environment in client.get("/settings")["environment"]]
    )


def complete_channels(incomplete: str) -> list[str]:
    """Complete the name of a notification channel."""
    return _query(incomplete, lambda client: _list_names(client.get("/notification-channels"), "name"))


def complete_endpoints(incomplete: str) -> list[str]:
    """Complete the endpoint URLs of APIs."""

    def look(client: Client) -> list[str]:
        apis = client.get("/apis", limit=PAGE, expand="true")["list"]
        configs = [api.get("endpointConfig") or {} for api in apis]
        firsts = [get_first_endpoint(config, environment) for config in configs for environment in ENVIRONMENTS]
        return [endpoint["url"] for endpoint in firsts if endpoint]

    return _query(incomplete, look)


def _query(incomplete: str, look: Callable[[Client], list[str]]) -> list[str]:
    """Query the publisher; return nothing if that fails or takes too long."""
    words: list[str] = []
    try:
        publisher, who = credentials.find()
    except CommandFailed:
        return []  # the command itself reports the failure

    def ask() -> None:
        failures = (CommandFailed, AttributeError, KeyError, TypeError)
        with suppress(*failures), Client(publisher, who, timeout=WITHIN) as client:
            words.extend(look(client))

    # A DNS lookup has no timeout, so don't wait for the thread.
    asking = Thread(target=ask, daemon=True)
    asking.start()
    asking.join(WITHIN)
    return _select_plain(words, incomplete)


def _list_names(answer: dict[str, Any], member: str) -> list[str]:
    entries = answer["certificates" if member == "alias" else "list"]
    return [entry[member] for entry in entries]


def _select_plain(words: Iterable[Any], incomplete: str) -> list[str]:
    candidates = dict.fromkeys(str(word) for word in words)
    return [word for word in candidates if word.startswith(incomplete) and _WORD.fullmatch(word)]
