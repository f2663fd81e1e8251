"""
Gateways as values: names, labels, and the certificates that they connect with.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from holdfast.apis.errors import InvalidField
from holdfast.apis.gateways.group import DEFAULT_GROUP
from holdfast.apis.text import check_visible

LOCAL_GATEWAY = "local"  # the gateway on the publisher's machine, which needs no certificate
LOCAL_OF = f"{LOCAL_GATEWAY}@"  # followed by the name of the control plane, if several share a database
MAX_GATEWAYS = 1_000
MAX_LABELS = 16
MAX_GROUP = 60  # characters
# Paths below /gateways, and names of the gateway that isn't enrolled.
RESERVED = frozenset({LOCAL_GATEWAY, "embedded", "enforcement", "groups", "join"})
# A DNS label (RFC 1123), in one case, so that no two names differ only in how they are written.
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?")


class GatewayState(StrEnum):
    """Whether a gateway can connect."""

    LOCAL = "LOCAL"  # always: it is on the publisher's machine
    WAITING = "WAITING"  # for the machine that joins with the token
    NOT_JOINED = "NOT_JOINED"  # and its token has expired
    ENROLLED = "ENROLLED"
    EXPIRED = "EXPIRED"  # its certificate has; it must join again


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate of a gateway, without its content."""

    fingerprint: str  # SHA-256 of the DER, lower-case hex
    not_before: datetime  # aware, UTC
    not_after: datetime
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a gateway belongs: the group whose APIs it serves, and labels for people."""

    group: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Gateway:
    """
    A gateway that may connect, or that is to join.

    *certificate* is the newest one, None until the gateway joins; *join_by* is the expiry of an unused join token.
    """

    id: str
    organization: str
    name: str
    placement: Placement
    created_at: datetime
    enrolled_at: datetime | None = None
    certificate: IssuedCertificate | None = None
    join_by: datetime | None = None

    def assess_state(self, now: datetime) -> GatewayState:
        """Return whether it can connect at *now*."""
        if self.certificate:
            return GatewayState.ENROLLED if now < self.certificate.not_after else GatewayState.EXPIRED
        return GatewayState.WAITING if self.join_by and now < self.join_by else GatewayState.NOT_JOINED


def is_local_gateway(name: str) -> bool:
    """Return whether *name* is that of a gateway next to a control plane; no enrolled gateway can have such a name."""
    return name == LOCAL_GATEWAY or name.startswith(LOCAL_OF)


def check_gateway_name(name: str) -> str:
    """Return *name* if a gateway can have it. Raises InvalidField."""
    if not _NAME.fullmatch(name):
        text = "Use 1-63 lower-case letters, digits or hyphens, with a letter or digit at both ends."
        raise InvalidField("name", text)
    if name in RESERVED:
        raise InvalidField("name", f"{name} is reserved. Choose another name.")
    return name


def check_placement(group: str, labels: Mapping[str, str]) -> Placement:
    """Check the group and the labels of a gateway; an empty group is the default one. Raises InvalidField."""
    name = check_visible(group.strip(), "group", "The group") or DEFAULT_GROUP
    if len(name) > MAX_GROUP:
        raise InvalidField("group", f"The name of a group has at most {MAX_GROUP} characters.")
    if len(labels) > MAX_LABELS:
        raise InvalidField("labels", f"There are {len(labels)} labels; the limit is {MAX_LABELS}.")
    for key, value in labels.items():
        if not _LABEL.fullmatch(key) or not (value == "" or _LABEL.fullmatch(value)):
            raise InvalidField(
                "labels",
                "Use KEY=VALUE, each with at most 63 letters, digits, dots, hyphens, underscores or slashes, and a "
                "letter or digit at both ends.",
            )
    return Placement(name, dict(labels))
