"""
TLS with callers at this gateway: its own certificate, and listeners that wait for one.

A private key stays on the machine that has its file, so the control plane sends none to gateways on other machines.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from holdfast.gateway.discovery.cache import Cache, ResourceKey
from holdfast.gateway.resources.constants import GATEWAY_SECRET
from holdfast.gateway.resources.resource import LISTENER, SECRET, Resource

if TYPE_CHECKING:  # cryptography takes memory, and most gateways need no certificate
    from holdfast.certificates.formats.credentials import Credential
    from holdfast.network.presented_files import GatewayCertificate

OWN_OPTIONS = ("--tls-cert", "--tls-key")
OPTIONS_OF_PUBLISHER = ("--gateway-tls-cert", "--gateway-tls-key")
_KEY: ResourceKey = (SECRET, GATEWAY_SECRET)


class CallersTls:
    """Lets Envoy have listeners with TLS once there is a certificate. Lives on one event loop."""

    def __init__(
        self, cache: Cache, files: "GatewayCertificate | None" = None, options: tuple[str, str] = OWN_OPTIONS
    ) -> None:
        """Present the certificate in *files*; None: the one that the control plane sends. *options* would set one."""
        self._cache = cache
        self._files = files
        self._options = options
        self._waiting: dict[str, Resource] = {}
        if files:
            files.on_change = self._present
            if files.current:
                self._present(files.current)

    async def follow(self) -> None:
        """Follow changes of the files, until cancelled."""
        if self._files:
            await self._files.watch()

    def is_own(self, key: ResourceKey) -> bool:
        """Return whether this machine provides a resource, so that the control plane's doesn't count."""
        return self._files is not None and key == _KEY

    def list_waiting(self, type_url: str) -> Mapping[str, Resource]:
        """Return the resources of a type that wait for a certificate, by name."""
        return self._waiting if type_url == LISTENER else {}

    def admit(
        self, upserts: Iterable[Resource], removals: Iterable[ResourceKey]
    ) -> tuple[list[Resource], list[ResourceKey]]:
        """Return what Envoy may have of a change: no listener that needs a certificate if there is none."""
        changes = {
            (upsert.type_url, upsert.name): upsert
            for upsert in upserts
            if not self.is_own((upsert.type_url, upsert.name))
        }
        gone = [key for key in removals if not self.is_own(key)]
        for type_url, name in (*gone, *changes):
            if type_url == LISTENER:
                self._waiting.pop(name, None)
        if _KEY in changes or (self._cache.get(*_KEY) and _KEY not in gone):
            return [*changes.values(), *self._take_waiting()], gone
        # Those that are open have just lost their certificate.
        open_listeners = {(LISTENER, name): resource for name, resource in self._cache.get_resources(LISTENER).items()}
        listeners = {key: open_listeners[key] for key in open_listeners.keys() - set(gone)} | changes
        for key in filter(_needs_certificate, listeners):
            self._waiting[key[1]] = listeners[key]
            changes.pop(key, None)
            gone.append(key)
        return list(changes.values()), gone

    def find_problems(self, now: datetime) -> Iterator[str]:
        """Return why callers can't connect over TLS, or will soon be unable to."""
        if self._files and (problem := self._files.get_state(now).problem):
            yield problem
        if self._waiting:
            yield (
                f"The gateway has no certificate for callers, so it doesn't listen for {', '.join(self._waiting)}. "
                f"Set {' and '.join(self._options)}."
            )

    def _present(self, credential: "Credential") -> None:
        from holdfast.gateway.resources.downstream import build_gateway_secret  # loads Envoy's messages

        self._cache.apply([build_gateway_secret(credential), *self._take_waiting()])

    def _take_waiting(self) -> list[Resource]:
        waiting, self._waiting = self._waiting, {}
        return list(waiting.values())


def _needs_certificate(key: ResourceKey) -> bool:
    return key[0] == LISTENER and key[1].endswith("/tls")
