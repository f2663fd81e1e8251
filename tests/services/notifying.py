"""
People who are notified in tests: a clerk whose time the test sets, channels, and failures of backends.
"""

import asyncio
import uuid

from acting import context_of
from holdfast.apis.notifications.channel import ChannelDraft
from holdfast.gateway.control.states import GatewayStates
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.failures.access_log import FailedRequest
from holdfast.gateway.failures.evidence import Evidence
from holdfast.services.failures.failures import Failures
from holdfast.services.gateways.statuses import Sources
from holdfast.services.notifications import channels
from holdfast.services.notifications.clerk import Clerk
from holdfast.services.notifications.evaluation import ConditionSources
from holdfast.services.notifications.sending import Sender
from holdfast.store.sealing import Sealing
from receivers import SECRET

URL = "https://holdfast.example"


class Office:
    """A control plane that notifies people, and what it observes."""

    def __init__(self, store, clock, sender=None, server_certificates=lambda _: ()):
        groups = Groups()
        self.store, self.sealing, self.clock = store, Sealing(lambda: (bytes(32),)), clock
        self.failures = Failures(lambda: None, clock)
        self.gateways = Sources("cp-1", groups, GatewayStates())
        self.sender = sender or Sender(URL)
        sources = ConditionSources(self.failures, self.gateways, server_certificates)
        self.clerk = Clerk(store, self.sealing, self.sender, sources, clock)

    def add(self, who, kind="webhook", name="ops", **values):
        """Create a channel."""
        defaults = {"webhook": {"secret": SECRET}}
        draft = ChannelDraft(**{**defaults.get(kind, {}), **values})
        return channels.create_channel(context_of(self.store, who, self.clock()), self.sealing, name, kind, draft)

    def look(self):
        """Evaluate everything now."""
        self.clerk.evaluate(self.store, self.clock(), everything=True)

    def send(self):
        """Send what is due."""
        asyncio.run(self.clerk.send_all(self.store))

    def run(self, **by):
        """Let time pass, evaluate everything and send what is due."""
        self.clock.advance(**by)
        self.look()
        self.send()

    def status(self, who, name="ops"):
        """Return the state of a channel."""
        return channels.get_channel(context_of(self.store, who, self.clock()), name)

    def test(self, who, name="ops"):
        """Send a test message."""
        context = context_of(self.store, who, self.clock())
        return asyncio.run(channels.send_test(context, self.sealing, self.sender, name))

    def fail(self, api, reason="TLS_error:|268435581:SSL routines:OPENSSL_internal:certificate has expired", times=1):
        """Report requests that failed at the production backend of *api*."""
        for _ in range(times):
            self.failures.record(
                FailedRequest(
                    gateway="eu-1",
                    cluster=f"{api.organization}/{api.id}/production",
                    upstream="10.0.0.1:443",
                    evidence=Evidence(reason=reason),
                    request_id=str(uuid.uuid4()),
                    at=self.clock(),
                )
            )
