"""Every error that names a field has a response in REST and on pages, without being listed in several places."""

import pkgutil
from importlib import import_module

import pytest

import holdfast
from holdfast.apis.errors import InvalidField, InvalidFields, TransitionRefused
from holdfast.refusals import Busy, Refusal, TryLater
from holdfast.rest.errors import PROBLEMS
from holdfast.services.errors import EndpointNeedsNoCertificate
from holdfast.store.errors import StoreBusy


def every_kind(*roots):
    for package in ("apis", "certificates", "services", "store"):
        for module in pkgutil.walk_packages([f"{holdfast.__path__[0]}/{package}"], f"holdfast.{package}."):
            if ".migrations" not in module.name:
                import_module(module.name)
    waiting, kinds = list(roots), set()
    while waiting:
        kinds.add(kind := waiting.pop())
        waiting.extend(kind.__subclasses__())
    return kinds - set(roots)


def test_rest_has_a_status_for_every_refusal():
    without = {kind for kind in every_kind(Refusal, TryLater) if not set(kind.__mro__) & PROBLEMS.keys()}
    assert without == set()


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (InvalidField("alias", "Too long."), {"alias": "Too long."}),
        (InvalidFields([InvalidField("a", "1"), InvalidField("b", "2")]), {"a": "1", "b": "2"}),
        (EndpointNeedsNoCertificate("http://a"), {"endpoint": str(EndpointNeedsNoCertificate("http://a"))}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_refusal_names_its_fields(error, fields):
    assert error.map_to_fields() == error.map_to_fields("otherwise") == fields


def test_a_refusal_without_a_field_is_shown_where_the_form_says():
    error = TransitionRefused("Publish", "RETIRED", [])
    assert error.map_to_fields() == {}
    assert error.map_to_fields("action") == {"action": str(error)}


def test_a_busy_database_is_busy():
    assert isinstance(StoreBusy(), Busy)
    assert PROBLEMS.keys() & set(StoreBusy.__mro__) == {Busy}
