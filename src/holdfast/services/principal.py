"""
On whose behalf a use case runs.
"""

from dataclasses import dataclass

from holdfast.services.errors import NotPermitted
from holdfast.services.permissions import EVERY_PERMISSION, Permission


@dataclass(frozen=True, slots=True)
class Principal:
    """A user who has signed in, and the organization that everything they do is bound to."""

    organization: str
    user: str
    permissions: frozenset[Permission] = EVERY_PERMISSION

    def may(self, permission: Permission) -> bool:
        """Say whether they are allowed it."""
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Raise NotPermitted unless they are allowed it."""
        if not self.may(permission):
            raise NotPermitted(permission)
