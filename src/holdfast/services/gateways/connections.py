"""
Which connections of gateways count, if a gateway is connected to several control planes for a moment.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from holdfast.gateway.discovery.cache import Gateway
from holdfast.gateway.discovery.groups import Groups
from holdfast.services.gateways.elsewhere import Connection, OtherControlPlanes


@dataclass(frozen=True, slots=True)
class Connections:
    """
    The connections to this control plane that don't count, and those to others that do.

    The newest connection of a gateway counts. A gateway can't have less there than it had before, because a control
    plane reads the latest changes before it sends anything to a gateway that connects.
    """

    older_streams: Sequence[Gateway] = ()
    elsewhere: Mapping[str, Sequence[Connection]] = field(default_factory=dict)  # by group

    def select(self, gateways: Iterable[Gateway]) -> Iterator[Gateway]:
        """Yield those of *gateways* whose connection to this control plane counts."""
        for gateway in gateways:
            if not any(gateway is other for other in self.older_streams):
                yield gateway

    def list_names(self, groups: Groups) -> set[str]:
        """Return the names of all connected gateways."""
        names = {gateway.id for gateway in groups.gateways}
        return names.union(connection.gateway.name for group in self.elsewhere.values() for connection in group)


ONLY_LOCAL = Connections()


def find_connections(groups: Groups, others: OtherControlPlanes) -> Connections:
    """Return which connections count."""
    if not others.connections:
        return ONLY_LOCAL
    gateways = groups.gateways
    older_streams = [gateway for gateway in gateways if _is_superseded(gateway, others.connections.get(gateway.id))]
    local = {gateway.id for gateway in Connections(older_streams).select(gateways)}
    elsewhere: dict[str, list[Connection]] = {}
    for name, connection in others.connections.items():
        if name not in local:
            elsewhere.setdefault(connection.gateway.group, []).append(connection)
    return Connections(older_streams, elsewhere)


def _is_superseded(gateway: Gateway, connection: Connection | None) -> bool:
    """Return whether *connection*, to another control plane, is newer than one to this control plane."""
    recorded_at = connection.gateway.recorded_at if connection else None
    return bool(recorded_at and gateway.recorded_at and recorded_at > gateway.recorded_at)
