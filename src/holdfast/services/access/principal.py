"""
On whose behalf a use case runs.
"""

from dataclasses import dataclass

from holdfast.services.access.permissions import EVERY_PERMISSION, Permission
from holdfast.services.access.scopes import scopes_permitting
from holdfast.services.errors import NotPermitted, ScopeMissing


@dataclass(frozen=True, slots=True)
class Principal:
    """A user who has signed in, and the organization that everything they do is bound to."""

    organization: str
    name: str
    permissions: frozenset[Permission] = EVERY_PERMISSION
    beyond_scopes: frozenset[Permission] = frozenset()  # what the user may, and the token that they show may not
    address: str | None = None  # where the request comes from, behind trusted proxies; None: not from a request

    @property
    def account(self) -> str:
        """Who it is, among the users of all organizations."""
        return f"{self.organization}\n{self.name}"

    def may(self, permission: Permission) -> bool:
        """Say whether they are allowed it."""
        return permission in self.permissions

    def require(self, *either: Permission) -> None:
        """Raise NotPermitted unless they are allowed one of these: ScopeMissing when another token would be."""
        if not self.permissions.isdisjoint(either):
            return
        if self.beyond_scopes.isdisjoint(either):
            raise NotPermitted(either[0])
        raise ScopeMissing(either[0], scopes_permitting(self.beyond_scopes.intersection(either)))
