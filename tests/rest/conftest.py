"""An API to import certificates for."""

import pytest

from rest.calls import SANDBOX, create_api


@pytest.fixture
def api(client):
    """The API Pizza of berta, with a secure production endpoint and a plain sandbox."""
    return create_api(client, sandbox=SANDBOX)
