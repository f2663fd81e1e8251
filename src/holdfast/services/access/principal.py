"""
The user who runs a use case.
"""

from dataclasses import dataclass

from holdfast.services.access.permissions import EVERY_PERMISSION, Permission
from holdfast.services.access.scopes import list_scopes_permitting
from holdfast.services.errors import NotPermitted, ScopeMissing


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in user, and the organization to which everything they do is bound."""

    organization: str
    name: str
    permissions: frozenset[Permission] = EVERY_PERMISSION
    beyond_scopes: frozenset[Permission] = frozenset()  # permissions that the user has, but their token doesn't
    address: str | None = None  # the client's, behind trusted proxies; None: there is no request

    @property
    def account(self) -> str:
        """An identifier that is unique among the users of all organizations."""
        return f"{self.organization}\n{self.name}"

    def may(self, permission: Permission) -> bool:
        """Return whether the user has *permission*."""
        return permission in self.permissions

    def require(self, *either: Permission) -> None:
        """Raise NotPermitted unless the user has one of these permissions, ScopeMissing if only the token lacks it."""
        if not self.permissions.isdisjoint(either):
            return
        if self.beyond_scopes.isdisjoint(either):
            raise NotPermitted(either[0])
        raise ScopeMissing(either[0], list_scopes_permitting(self.beyond_scopes.intersection(either)))
