"""The routes of several groups: equal ones are built once."""

from holdfast.gateway.resources.apis import build_api
from holdfast.gateway.resources.scopes import Scopes
from store.values import make_api

PIZZA, PASTA = (make_api(name, context=f"/shop/{name}", production="http://a.test") for name in ("pizza", "pasta"))


def test_equal_routes_of_groups_are_built_once():
    first, second, third = scopes = Scopes(), Scopes(), Scopes()
    pizza, pasta = (build_api(api, {}) for api in (PIZZA, PASTA))
    for scope in scopes:
        scope.replace(PIZZA.id, None, pizza)
    third.replace(PASTA.id, None, pasta)
    bodies = {}
    (ours,), _ = first.take_changes(bodies)
    (same,), _ = second.take_changes(bodies)
    (theirs,), _ = third.take_changes(bodies)
    assert same is ours
    assert (theirs.name, theirs.version == ours.version) == (ours.name, False)
    assert len(bodies) == 2
