"""Entity tags are computed from stored content, not from what REST writes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.connection_settings import ConnectionSettings, Protocol
from holdfast.apis.catalog.description import FullApi
from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.catalog.lifecycle import State
from holdfast.services.versions import make_api_tag

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ENDPOINT = parse_endpoint("https://pizza.test")
API = Api("1", "default", "Pizza", "/pizza", "1.0.0", State.CREATED, ENDPOINT, None, "", "anna", NOW, NOW)
DESCRIBED = FullApi(API, {"tags": ["food"]})


def test_the_tag_of_an_api_does_not_depend_on_defaults_of_rest():
    """Clients keep tags: if one changed without the content, their next change would be rejected."""
    assert make_api_tag(DESCRIBED) == "8bf77c47e29551291fd91c8f323399d5"


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Pasta"},
        {"context": "/pasta"},
        {"version": "2"},
        {"state": State.PUBLISHED},
        {"description": "good"},
        {"provider": "otto"},
        {"production": None},
        {"production": None, "sandbox": ENDPOINT},
        {"production": replace(ENDPOINT, connection=ConnectionSettings(protocol=Protocol.HTTP1))},
        {"updated_at": NOW + timedelta(seconds=1)},
    ],
    ids="-".join,
)
def test_each_field_of_an_api_changes_its_tag(change):
    assert make_api_tag(replace(DESCRIBED, api=replace(API, **change))) != make_api_tag(DESCRIBED)


def test_each_stored_member_changes_the_tag():
    assert make_api_tag(replace(DESCRIBED, members={"tags": ["food", "new"]})) != make_api_tag(DESCRIBED)
