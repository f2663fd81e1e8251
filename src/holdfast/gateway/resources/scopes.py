"""
The routes of each API by scope, so that a change to an API rebuilds only its scope.
"""

from collections import defaultdict
from collections.abc import Hashable
from itertools import chain

from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment
from holdfast.gateway.resources.apis import ApiResources
from holdfast.gateway.resources.resource import ROUTES, Resource
from holdfast.gateway.resources.routes import build_scoped_routes, name_scope

BuiltScopes = dict[tuple[Environment, str, tuple[bytes, ...]], Resource]  # by environment, scope and routes


class Scopes:
    """The routes of all APIs, by environment and scope."""

    def __init__(self) -> None:
        self._routes: dict[tuple[Environment, str], dict[Hashable, tuple[bytes, ...]]] = defaultdict(dict)
        self._changed: set[tuple[Environment, str]] = set()

    def replace(self, api: Hashable, before: ApiResources | None, after: ApiResources | None) -> None:
        """Replace the routes of *before* with those of *after*."""
        for environment in ENVIRONMENTS:
            old = before.routes[environment] if before else ()
            new = after.routes[environment] if after else ()
            if old == new:
                continue
            if before:
                self._routes[environment, before.scope].pop(api, None)
                self._changed.add((environment, before.scope))
            if after and new:
                self._routes[environment, after.scope][api] = new
                self._changed.add((environment, after.scope))

    def take_changes(self, scopes: BuiltScopes) -> tuple[list[Resource], list[tuple[str, str]]]:
        """
        Return the scopes that changed since the last call, rebuilt, and the keys of those without routes.

        A scope that is in *scopes* isn't built again; others are added to it.
        """
        resources, gone = [], []
        for environment, scope in sorted(self._changed):
            routes = self._routes[environment, scope]
            if routes:
                key = environment, scope, tuple(chain.from_iterable(routes.values()))
                if key not in scopes:
                    scopes[key] = build_scoped_routes(*key)
                resources.append(scopes[key])
            else:
                del self._routes[environment, scope]
                gone.append((ROUTES, name_scope(environment, scope)))
        self._changed.clear()
        return resources, gone
