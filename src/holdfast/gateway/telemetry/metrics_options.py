"""
The collector that a gateway sends metrics to, over OTLP.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.gateway.telemetry.collector import check_url, read_roots

if TYPE_CHECKING:
    from holdfast.gateway.telemetry.delivery import Delivery


@dataclass(frozen=True, slots=True)
class MetricsOptions:
    """A collector's URL (empty: metrics aren't sent), and the file with its CAs (None: the public ones)."""

    url: str = ""
    ca_file: Path | None = None

    def to_arguments(self) -> Iterator[str]:
        """Return the arguments of the agent's process."""
        if self.url:
            yield f"--metrics={self.url}"
            if self.ca_file:
                yield f"--metrics-ca-file={self.ca_file.expanduser().absolute()}"

    def check(self) -> None:
        """Raise CollectorUnusable if the collector can't be used."""
        if self.url:
            check_url(self.url)
            read_roots(self.ca_file)

    def open(self) -> "Delivery | None":
        """Return the delivery to the collector; None: there is none. Raises CollectorUnusable."""
        if not self.url:
            return None
        # Most gateways send none, and an agent should stay small.
        from holdfast.gateway.telemetry.delivery import METRICS, Delivery

        return Delivery(METRICS, self.url, self.ca_file)


NO_METRICS = MetricsOptions()
