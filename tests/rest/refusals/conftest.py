"""Rejected requests change nothing, so all tests of a file share one API and its endpoint certificate."""

import pytest

from issuing import issue
from rest.calls import SANDBOX, assert_unchanged, create_api, upload


@pytest.fixture(scope="module")
def berta(join):
    return join("berta")


@pytest.fixture(scope="module")
def client(sign_in, berta):
    return sign_in(berta)


@pytest.fixture(scope="module")
def api(client):
    """The API Pizza, with a secure production endpoint, a plain sandbox, and a certificate called "kept"."""
    body = create_api(client, sandbox=SANDBOX)
    assert upload(client, issue("pizza.test").pem, "kept").status_code == 201
    return body


@pytest.fixture(scope="module")
def nothing_changes(shared_runtime, berta, api):
    """Check that the block changes nothing of what berta's organization has."""
    del api
    return lambda: assert_unchanged(shared_runtime, berta.organization)
