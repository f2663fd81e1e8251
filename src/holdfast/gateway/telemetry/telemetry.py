"""
The telemetry of a gateway, which is configured on its machine, not by the control plane.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.gateway.resources.resource import LISTENER, Resource
from holdfast.gateway.telemetry.access_log_file import LINK, AccessLogSettings
from holdfast.gateway.telemetry.collector import Collector

if TYPE_CHECKING:
    from holdfast.gateway.telemetry.delivery import Delivery

_FORM = 2  # of what listeners get; increase it with each change, so that running Envoys get them again


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The settings; None: off."""

    access_log: AccessLogSettings | None = None
    collector: Collector | None = None
    metrics: "Delivery | None" = None
    gateway: str = ""  # its name, for traces

    @property
    def digest(self) -> str:
        """A hash of what listeners have of it: a running Envoy doesn't get them again if only these have changed."""
        if self.access_log is None and self.collector is None:
            return ""
        layout = self.access_log.layout if self.access_log else None
        roots = self.collector.roots.read_bytes() if self.collector and self.collector.roots else b""
        return hashlib.sha256(repr((_FORM, layout, self.collector)).encode() + roots).hexdigest()

    def add_to(self, resource: Resource, sockets: Path) -> Resource:
        """
        Return a listener that logs and traces its requests; any other resource unchanged.

        *sockets* has the link to the file. The version stays, because it is what the control plane asks about.
        """
        if resource.type_url != LISTENER or (self.access_log is None and self.collector is None):
            return resource
        # Most gateways do neither, and this loads Envoy's messages.
        from holdfast.gateway.telemetry.observed_listeners import observe_listener

        layout = self.access_log.layout if self.access_log else None
        body = observe_listener(resource.body, layout, sockets / LINK, self.collector, self.gateway)
        return replace(resource, body=body)


NO_TELEMETRY = Telemetry()
