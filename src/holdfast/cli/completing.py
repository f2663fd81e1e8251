"""
What a shell offers after the Tab key: names that the publisher knows, asked for at that moment.
"""

import re
from contextlib import suppress
from threading import Thread

from holdfast.cli import credentials
from holdfast.cli.client import PAGE, Client
from holdfast.cli.contexts import read_contexts
from holdfast.cli.failures import CommandFailed

WITHIN = 1.0  # seconds; nobody waits longer for the Tab key
# A shell takes what is offered into its line; a name that would be more than one plain word there is left out.
_WORD = re.compile(r"\w[\w.-]*")


def aliases(incomplete: str) -> list[str]:
    """Offer aliases of endpoint certificates."""
    return _offered(incomplete, "/endpoint-certificates", "certificates", "alias")


def apis(incomplete: str) -> list[str]:
    """Offer names of APIs."""
    return _offered(incomplete, "/apis", "list", "name")


def _offered(incomplete: str, path: str, entries: str, name: str) -> list[str]:
    """Give the names of at most a page of things; none where that takes too long or cannot be told."""
    found: list[str] = []

    def look() -> None:
        # Whatever is wrong, the command itself will say.
        with suppress(CommandFailed, TypeError), Client(*credentials.find(), timeout=WITHIN) as client:
            found.extend(dict.fromkeys(str(each[name]) for each in client.get(path, limit=PAGE)[entries]))

    # Looking up a host's name has no time limit of its own, so the thread is not waited for.
    looking = Thread(target=look, daemon=True)
    looking.start()
    looking.join(WITHIN)
    return [each for each in found if each.startswith(incomplete) and _WORD.fullmatch(each)]


def contexts(incomplete: str) -> list[str]:
    """Offer names of contexts; nobody is asked."""
    with suppress(CommandFailed):
        return [name for name in read_contexts().by_name if name.startswith(incomplete)]
    return []
