"""
The certificates that backends present, from Envoy's log of a sample of requests.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage
from google.protobuf.message import DecodeError

from holdfast.apis.traffic.measures import Measures
from holdfast.gateway.resources.constants import CERTIFICATE_TAG

MAX_CLUSTERS = 20_000  # whose certificate is remembered; the one that was presented longest ago is forgotten
ENOUGH = 50.0  # requests per second that are reported
_NOTHING = Measures()
_FINGERPRINT = re.compile("[0-9a-f]{64}")


class PresentedCertificates:
    """The last certificate of each cluster (SHA-256, hex). Lives on one event loop."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, str]] = {}  # with the start of the request, in ns since 1970
        self._new: set[str] = set()  # clusters that have presented one since the last flush

    def take(self, message: bytes) -> None:
        """Read a message of the log (`StreamAccessLogsMessage`); one that can't be read is ignored."""
        try:
            entries = StreamAccessLogsMessage.FromString(message).http_logs.log_entry
        except DecodeError:
            return
        for entry in entries:
            common = entry.common_properties
            certificate = common.custom_tags.get(CERTIFICATE_TAG, "")
            if common.route_name and _FINGERPRINT.fullmatch(certificate):
                # Each thread of Envoy has its own stream, so requests don't arrive in their order.
                latest = common.start_time.ToNanoseconds(), certificate
                self._last[common.route_name] = max(latest, self._last.pop(common.route_name, latest))
                self._new.add(common.route_name)
        while len(self._last) > MAX_CLUSTERS:
            self._new.discard(oldest := next(iter(self._last)))
            self._last.pop(oldest)

    def add_to(self, clusters: Mapping[str, Measures]) -> dict[str, Measures]:
        """Return *clusters* of a flush with the certificates of those whose requests were verified."""
        # A request may have been counted by the flush before, and logged after it.
        late, self._new = self._new - clusters.keys(), set()
        verified_clusters = {name for name, measures in clusters.items() if any(measures.tls_versions)}
        certificates = {name: self._last[name][1] for name in late | (verified_clusters & self._last.keys())}
        return dict(clusters) | {
            name: replace(clusters.get(name, _NOTHING), certificate=certificate)
            for name, certificate in certificates.items()
        }
