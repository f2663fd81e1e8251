"""
The Public Suffix List (publicsuffix.org): the names under which anyone can register hosts.
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


class Suffix(Enum):
    """The kind of a suffix: a registry's, such as co.uk, or a provider's for its customers, such as github.io."""

    ICANN = "icann"
    PRIVATE = "private"


def find_suffix(name: str) -> Suffix | None:
    """Return the kind of public suffix that the host name *name* is, or None if it isn't one."""
    if not _load_suffixes(only_icann=False).is_public(name):
        return None
    return Suffix.ICANN if _load_suffixes(only_icann=True).is_public(name) else Suffix.PRIVATE


@cache
def _load_suffixes(*, only_icann: bool) -> PublicSuffixList:
    # Reading the list takes 0.2 s and 4 MB, and few certificates have a wildcard that needs it.
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(accept_unknown=False, only_icann=only_icann)
