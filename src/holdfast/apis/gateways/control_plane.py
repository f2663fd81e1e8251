"""
Control planes as values: the publisher processes that share a database, each with a name.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from holdfast.apis.gateways.gateway import LOCAL_OF

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 63


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """
    A process that serves pages, REST and gateways; *id* identifies the process, *name* the place where it runs.

    *discovery* are the addresses (HOST:PORT) where gateways on other machines connect, *publisher_pin* is the SHA-256
    of its TLS key, None with http, and *settings* has a digest of each setting that gateways depend on.
    """

    id: str
    name: str
    version: str
    started_at: datetime  # aware, UTC
    seen_at: datetime  # on the database's clock
    discovery: tuple[str, ...] = ()
    publisher_pin: bytes | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def local_gateway(self) -> str:
        """The name of the gateway next to it, if it shares its database with other control planes."""
        return f"{LOCAL_OF}{self.name}"


def find_deviations(control_planes: Sequence[ControlPlane]) -> dict[str, tuple[str, ...]]:
    """
    Return the variables of settings that differ from those of most *control_planes*, by the id of each that deviates.

    If two values are as frequent, that of the control plane that started first counts. Names must differ. A control
    plane that doesn't have a variable runs a version without it.
    """
    in_order = sorted(control_planes, key=lambda control_plane: (control_plane.started_at, control_plane.id))
    names = Counter(control_plane.name for control_plane in in_order)
    deviating = {
        control_plane.id: ["HOLDFAST_NAME"] if names[control_plane.name] > 1 else [] for control_plane in in_order
    }
    for variable in sorted({variable for control_plane in in_order for variable in control_plane.settings}):
        having = [control_plane for control_plane in in_order if variable in control_plane.settings]
        values = Counter(control_plane.settings[variable] for control_plane in having)
        usual, _ = values.most_common(1)[0]  # the first of equals
        for control_plane in having:
            if control_plane.settings[variable] != usual:
                deviating[control_plane.id].append(variable)
    return {control_plane: tuple(variables) for control_plane, variables in deviating.items() if variables}


def check_control_plane_name(name: str) -> str:
    """Return *name* if a control plane can have it. Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} can't be the name of a control plane. Use 1-{_LONGEST} letters, digits, dots, hyphens or "
            "underscores, with a letter or digit at both ends"
        )
    return name


def derive_name(host: str) -> str:
    """Return the name of the control plane on *host* (the machine's own name) if none is set."""
    return _NOT_IN_NAMES.sub("-", host)[:_LONGEST].strip(".-_") or "control-plane"
