"""The routes of several groups: equal ones are built once."""

from holdfast.gateway.resources.apis import build_api
from holdfast.gateway.resources.scopes import Scopes
from store.values import make_api

PIZZA, PASTA = (make_api(name, context=f"/shop/{name}", production="http://a.test") for name in ("pizza", "pasta"))


def test_equal_routes_of_groups_are_built_once():
    first, second, third = scopes = Scopes(), Scopes(), Scopes()
    pizza, pasta = (build_api(api, {}) for api in (PIZZA, PASTA))
    for each in scopes:
        each.replace(PIZZA.id, None, pizza)
    third.replace(PASTA.id, None, pasta)
    built = {}
    (ours,), _ = first.take_changes(built)
    (same,), _ = second.take_changes(built)
    (other,), _ = third.take_changes(built)
    assert same is ours
    assert (other.name, other.version == ours.version) == (ours.name, False)
    assert len(built) == 2
