"""
The Public Suffix List (publicsuffix.org): below which names anybody can register hosts.
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


class Suffix(Enum):
    """Whose suffix it is: a registry's, such as co.uk, or a provider's for its customers, such as github.io."""

    ICANN = "icann"
    PRIVATE = "private"


def suffix_of(name: str) -> Suffix | None:
    """Say whether *name*, a host name, is a public suffix itself; None: it isn't."""
    if not _suffixes(only_icann=False).is_public(name):
        return None
    return Suffix.ICANN if _suffixes(only_icann=True).is_public(name) else Suffix.PRIVATE


@cache
def _suffixes(*, only_icann: bool) -> PublicSuffixList:
    # Reading the list takes 0.2 s and 4 MB, and few certificates have a wildcard that needs it.
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(accept_unknown=False, only_icann=only_icann)
