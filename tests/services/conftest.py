"""Fixtures that publish APIs and import certificates."""

import pytest

from acting import context_of
from holdfast.services.catalog import apis, lifecycle
from holdfast.services.catalog.apis import ApiDraft
from holdfast.services.trust import endpoint_certificates
from issuing import issue

PIZZA = "https://pizza.test"


@pytest.fixture
def publish(store, clock):
    """Create an API and publish it."""

    def make(who, name, production=PIZZA, sandbox=None):
        api = apis.create_api(
            context_of(store, who, clock()), ApiDraft(name, f"/{name.lower()}", "1", production, sandbox)
        )
        return lifecycle.change_lifecycle(context_of(store, who, clock()), api.id, "Publish")

    return make


@pytest.fixture
def import_pem(store, clock):
    """Import a certificate."""
    return lambda who, alias, endpoint, data: endpoint_certificates.import_certificate(
        context_of(store, who, clock()), alias, endpoint, data
    )


@pytest.fixture
def served_api(anna, publish):
    """A published API with a backend at PIZZA."""
    return publish(anna, "Pizza")


@pytest.fixture
def import_another(anna, served_api, import_pem):
    """Import another certificate for the backend of *served_api*."""
    del served_api
    return lambda alias="a": import_pem(anna, alias, PIZZA, issue("pizza.test").pem)
