"""
Revisions: immutable copies of an API that groups of gateways can serve instead of its working copy.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast.apis.errors import InvalidField
from holdfast.apis.text import check_prose

MAX_REVISIONS = 5  # of an API, as in WSO2
MAX_DESCRIPTION = 255  # characters, as in WSO2
# Members that are never part of a revision, but always current: who can call an API, where it is deployed, and whether
# it is the default version.
CURRENT_MEMBERS = frozenset({"gatewayEnvironments", "isDefaultVersion", "securityScheme"})
_NUMBER = re.compile(r"(?:Revision[ -]?)?(\d{1,9})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision of an API. Numbers start with 1 and are never used again."""

    id: str
    api_id: str
    organization: str
    number: int
    description: str
    created_by: str  # the name of a user
    created_at: datetime  # aware, UTC

    @property
    def name(self) -> str:
        """The name, as in WSO2."""
        return f"Revision {self.number}"


@dataclass(frozen=True, slots=True)
class RevisionContent:
    """The content of a revision: settings of the API, members of its description, and its definition (JSON)."""

    settings: Mapping[str, Any]
    members: Mapping[str, Any]
    definition: str | None


def check_revision_description(description: str) -> str:
    """Return *description* as stored. Raises InvalidField."""
    description = description.strip()
    if len(description) > MAX_DESCRIPTION:
        raise InvalidField("description", f"The description is longer than {MAX_DESCRIPTION} characters.")
    return check_prose(description, "description", "The description")


def read_number(text: str) -> int | None:
    """Return the number in *text*, such as `3`, `Revision 3` or `Revision-3`; None if it isn't one."""
    match = _NUMBER.fullmatch(text.strip())
    return int(match[1]) if match else None


def keep_current(members: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any]:
    """Return the *members* of a revision with those that are always current."""
    own = {name: value for name, value in members.items() if name not in CURRENT_MEMBERS}
    return own | {name: value for name, value in current.items() if name in CURRENT_MEMBERS}
