"""
What users may be allowed beside what everybody of an organization may.
"""

from collections.abc import Iterable
from enum import StrEnum


class Permission(StrEnum):
    """A permission, by its name in the database."""

    MANAGE_CLIENT_CERTIFICATES = "client_certificates"


EVERY_PERMISSION = frozenset(Permission)


def permissions(names: Iterable[str]) -> frozenset[Permission]:
    """Read permissions by their names; names of other versions of Holdfast allow nothing."""
    known = set(names)
    return frozenset(each for each in Permission if each.value in known)
