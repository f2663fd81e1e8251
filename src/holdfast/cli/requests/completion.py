"""
What a shell offers after the Tab key: fixed words, and names that the publisher knows, asked for at that moment.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Thread
from typing import Any

from holdfast.cli.failures import CommandFailed
from holdfast.cli.requests import credentials
from holdfast.cli.requests.client import PAGE, Client
from holdfast.cli.requests.contexts import read_contexts

WITHIN = 1.0  # seconds; nobody waits longer for the Tab key
ROLES = ("admin", "creator", "publisher", "viewer")
ANCHORS = ("imported", "imported-and-public", "public")
TLS_VERSIONS = ("1.2", "1.3")
# A shell takes what is offered into its line; a name that would be more than one plain word there is left out.
_WORD = re.compile(r"\w[\w.:@-]*|https?://\w[\w.:/-]*")


def roles(incomplete: str) -> list[str]:
    """Offer the roles of users."""
    return _plain(ROLES, incomplete)


def anchors(incomplete: str) -> list[str]:
    """Offer what can be a trust anchor."""
    return _plain(ANCHORS, incomplete)


def tls_versions(incomplete: str) -> list[str]:
    """Offer versions of TLS."""
    return _plain(TLS_VERSIONS, incomplete)


def contexts(incomplete: str) -> list[str]:
    """Offer names of contexts."""
    with suppress(CommandFailed):
        return _plain(read_contexts().by_name, incomplete)
    return []


def aliases(incomplete: str) -> list[str]:
    """Offer aliases of endpoint certificates."""
    return _asked(incomplete, lambda client: _named(client.get("/endpoint-certificates", limit=PAGE), "alias"))


def apis(incomplete: str) -> list[str]:
    """Offer names of APIs, with the version where there are several."""

    def look(client: Client) -> list[str]:
        apis = client.get("/apis", limit=PAGE)["list"]
        times = Counter(str(api["name"]) for api in apis)
        return [api["name"] if times[api["name"]] == 1 else f"{api['name']}:{api['version']}" for api in apis]

    return _asked(incomplete, look)


def users(incomplete: str) -> list[str]:
    """Offer names of users."""
    return _asked(incomplete, lambda client: _named(client.get("/users", limit=PAGE), "name"))


def endpoints(incomplete: str) -> list[str]:
    """Offer the URLs of the endpoints of APIs."""

    def look(client: Client) -> list[str]:
        apis = client.get("/apis", limit=PAGE, expand="true")["list"]
        configs = [api.get("endpointConfig") or {} for api in apis]
        members = ("production_endpoints", "sandbox_endpoints")
        return [config[member]["url"] for config in configs for member in members if config.get(member)]

    return _asked(incomplete, look)


def _asked(incomplete: str, look: Callable[[Client], list[str]]) -> list[str]:
    """Ask the publisher; offer nothing where that takes too long or cannot be told."""
    words: list[str] = []
    try:
        publisher, who = credentials.find()
    except CommandFailed:
        return []  # whatever is wrong, the command itself will say

    def ask() -> None:
        known = (CommandFailed, AttributeError, KeyError, TypeError)
        with suppress(*known), Client(publisher, who, timeout=WITHIN) as client:
            words.extend(look(client))

    # Looking up a host's name has no time limit of its own, so the thread is not waited for.
    asking = Thread(target=ask, daemon=True)
    asking.start()
    asking.join(WITHIN)
    return _plain(words, incomplete)


def _named(answer: dict[str, Any], member: str) -> list[str]:
    entries = answer["certificates" if member == "alias" else "list"]
    return [entry[member] for entry in entries]


def _plain(words: Iterable[Any], incomplete: str) -> list[str]:
    known = dict.fromkeys(str(word) for word in words)
    return [word for word in known if word.startswith(incomplete) and _WORD.fullmatch(word)]
