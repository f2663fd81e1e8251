"""
Versions that Envoy rejected, and the return to the versions that were in force before.

Envoy itself keeps the previous version when it rejects one. So does the agent, for the next Envoy and the next agent.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from holdfast.gateway.agent.in_force import EnvoyProgress
from holdfast.gateway.discovery.cache import Cache, ResourceKey
from holdfast.gateway.resources.resource import LISTENER, Resource


class Rejections:
    """
    The versions that were replaced by one that is being applied, and the versions that were rejected.

    Listeners aren't followed: one that can't be bound now may be bound later. Lives on one event loop.
    """

    def __init__(
        self,
        cache: Cache,
        in_force: EnvoyProgress,
        now: Callable[[], datetime],
        restore: Callable[[Resource], None],
    ) -> None:
        """*restore* stores and serves a version again."""
        self._cache = cache
        self._in_force = in_force
        self._now = now
        self._restore = restore
        self._before: dict[ResourceKey, dict[str, Resource]] = {}  # by version
        self._messages: dict[ResourceKey, tuple[str, str]] = {}  # the rejected version, and Envoy's text

    def remember(self, upserts: Iterable[Resource], removals: Iterable[ResourceKey]) -> None:
        """Remember what *upserts* and *removals* are about to replace."""
        for key in removals:
            self._forget(key)
        for resource in upserts:
            key = (resource.type_url, resource.name)
            current = self._cache.get(*key)
            if current and current.version != resource.version and resource.type_url != LISTENER:
                self._messages.pop(key, None)
                self._before.setdefault(key, {})[current.version] = current

    def find(self, key: ResourceKey, version: str) -> str:
        """Return why *version* isn't served; empty if it wasn't rejected."""
        rejected_version, message = self._messages.get(key, ("", ""))
        return message if version and rejected_version == version else ""

    def reject(self, key: ResourceKey, version: str, message: str) -> None:
        """Return to the version that Envoy kept when it rejected *version*, if there is one that hasn't expired."""
        resources = self._before.pop(key, {})
        versions = {envoy.acknowledged.get(key, "") for envoy in self._in_force.envoys}
        before = resources.get(versions.pop()) if len(versions) == 1 else None
        if before and (before.expires_at is None or before.expires_at > self._now()):
            self._messages[key] = (version, message)
            self._restore(before)

    def accept(self, key: ResourceKey, version: str) -> None:
        """Forget what *version* replaced, because it is in force, unless another one has replaced it since."""
        current = self._cache.get(*key)
        if current and current.version == version:
            self._forget(key)

    def forget_all(self) -> bool:
        """Forget what was rejected, because another Envoy may accept it; return whether anything was."""
        were_some = bool(self._messages)
        self._messages.clear()
        self._before.clear()
        return were_some

    def _forget(self, key: ResourceKey) -> None:
        self._before.pop(key, None)
        self._messages.pop(key, None)
