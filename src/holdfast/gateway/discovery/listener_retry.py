"""
Retries of listeners that a gateway couldn't bind because another program uses the address.
"""

import asyncio
from collections.abc import Callable, Mapping

from holdfast.gateway.discovery.bind_failure import read_bind_failures
from holdfast.gateway.discovery.cache import Gateway
from holdfast.gateway.discovery.subscription import Subscription
from holdfast.gateway.resources.resource import LISTENER, ROUTES

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0  # seconds until a listener is sent again


class ListenerRetry:
    """The retries on one stream; *wake* makes it send due updates. Envoy itself never retries (measured)."""

    def __init__(self, gateway: Gateway, subscriptions: Mapping[str, Subscription], wake: Callable[[], None]) -> None:
        self._gateway, self._subscriptions, self._wake = gateway, subscriptions, wake
        self._acknowledged: set[str] = set()
        self._pause = FIRST_PAUSE
        self._timer: asyncio.TimerHandle | None = None

    def take_answer(self) -> None:
        """Schedule or end retries after the gateway has acknowledged or rejected listeners."""
        before, self._acknowledged = self._acknowledged, _list_names(self._gateway.acknowledged)
        if self._pause > FIRST_PAUSE and self._acknowledged - before:
            # Envoy drops all routes with its last listener, and doesn't request them for a new one (measured).
            self._send_again(ROUTES)
        names = [
            name for name in _list_names(self._gateway.rejected) if name in read_bind_failures(self._find_message(name))
        ]
        if not names:
            self._pause = FIRST_PAUSE
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._pause, self._retry, names)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def cancel(self) -> None:
        """Cancel pending retries, because the stream has ended."""
        if self._timer:
            self._timer.cancel()

    def _find_message(self, name: str) -> str:
        return self._gateway.rejected[LISTENER, name].message

    def _retry(self, names: list[str]) -> None:
        self._timer = None
        self._send_again(LISTENER, names)

    def _send_again(self, type_url: str, names: list[str] | None = None) -> None:
        if subscription := self._subscriptions.get(type_url):
            subscription.forget(list(subscription.sent) if names is None else names)
            self._wake()


def _list_names(resources: Mapping[tuple[str, str], object]) -> set[str]:
    return {name for type_url, name in resources if type_url == LISTENER}
