"""
The entries of the navigation, in the order in which pages show them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.failures import diagnosis
from holdfast.services.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Entry:
    """A link in the side navigation, shown to users with *permission*; None: to everyone who has signed in."""

    key: str  # what the page passes to `render` as its section
    label: str
    path: str
    icon: str
    permission: Permission | None = None
    # Counts what waits on the page; a badge shows a number above zero. Runs for every page, so it has to be fast.
    count: Callable[[Runtime, Context], int] | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as one page shows it."""

    entry: Entry
    is_current: bool
    badge: int


@dataclass(frozen=True, slots=True)
class Tab:
    """A page of an API; *path* is relative to the API's."""

    key: str  # what the page passes to `render` as its page
    label: str
    path: str


def count_failures(runtime: Runtime, context: Context) -> int:
    """Return the number in the badge of *Failures*: failing backends that nobody has acknowledged."""
    return diagnosis.count_open(context, runtime.failures)


# A new page gets an entry here, and passes the key as its section.
ENTRIES = (
    Entry("home", "Home", "/", "home"),
    Entry("apis", "APIs", "/apis", "stack-2"),
    Entry("certificates", "Certificates", "/certificates", "lock", Permission.VIEW_ENDPOINT_CERTIFICATES),
    Entry("failures", "Failures", "/failures", "plug-connected-x", count=count_failures),
    Entry("gateways", "Gateways", "/gateways", "server-2"),
    Entry("audit", "Audit log", "/audit", "history", Permission.READ_AUDIT_LOG),
    Entry("notifications", "Notifications", "/notifications", "bell", Permission.MANAGE_NOTIFICATIONS),
    Entry("exceptions", "Exceptions", "/exceptions", "shield-off"),
    Entry("users", "Users", "/users", "users", Permission.MANAGE_USERS),
)
API_TABS = (
    Tab("overview", "Overview", ""),
    Tab("endpoints", "Endpoints", "/endpoints"),
    Tab("traffic", "Traffic", "/traffic"),
    Tab("definition", "Definition", "/definition"),
    Tab("callers", "Callers", "/callers"),
    Tab("deployments", "Deployments", "/deployments"),
    Tab("lifecycle", "Lifecycle", "/lifecycle"),
)


def list_links(runtime: Runtime, context: Context, section: str) -> list[Link]:
    """List the entries that the user of *context* sees on a page of *section*."""
    return [
        Link(entry, entry.key == section, entry.count(runtime, context) if entry.count else 0)
        for entry in ENTRIES
        if entry.permission is None or context.user.may(entry.permission)
    ]
