"""
The listeners of each group of gateways.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from holdfast.apis.catalog.endpoint import Environment
from holdfast.apis.gateways.group import LISTENERS, Group, Listener
from holdfast.certificates.formats.credentials import Credential
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS, BackendLimits
from holdfast.gateway.resources.downstream import build_gateway_secret
from holdfast.gateway.resources.listeners import build_listener
from holdfast.gateway.resources.resource import Resource
from holdfast.network.addresses import Address, Network

NOWHERE: Mapping[Environment, Sequence[Address]] = MappingProxyType({})


class GroupListeners:
    """Builds listeners, with a group's own addresses or those in the publisher's settings."""

    def __init__(
        self,
        plain: Mapping[Environment, Sequence[Address]],
        secure: Mapping[Environment, Sequence[Address]] = NOWHERE,
        limits: BackendLimits = DEFAULT_LIMITS,
        trusted_proxies: Sequence[Network] = (),
    ) -> None:
        """*plain* listeners serve http; *secure* ones serve https."""
        self._plain = plain
        self._secure = secure
        self._limits = limits
        self._trusted_proxies = trusted_proxies
        self._secret: Resource | None = None

    def present(self, credential: Credential) -> None:
        """Let the gateway on this machine present *credential* to callers; others have their own."""
        self._secret = build_gateway_secret(credential)

    def build(self, group: Group) -> list[Resource]:
        """Build the listeners of *group*, after the secret that they need."""
        addresses = {listener: self._list_addresses(group, listener) for listener in LISTENERS}
        listeners = [listener for listener in LISTENERS if addresses[listener]]
        secrets = [self._secret] if self._secret and any(listener.tls for listener in listeners) else []
        return secrets + [self._build(listener, addresses[listener]) for listener in listeners]

    def _list_addresses(self, group: Group, listener: Listener) -> Sequence[Address]:
        if group.is_unreadable:
            return ()
        settings = self._secure if listener.tls else self._plain
        return group.listen.get(listener.member) or settings.get(listener.environment, ())

    def _build(self, listener: Listener, addresses: Sequence[Address]) -> Resource:
        return build_listener(
            listener.environment, addresses, self._limits, tls=listener.tls, trusted_proxies=self._trusted_proxies
        )
