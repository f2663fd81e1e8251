"""
The measures of a period, as they are stored.
"""

from functools import partial
from typing import Any

from holdfast.apis.traffic.measures import Measures
from holdfast.store.stored_values import read_stored


def read_measures(organization: str, api_id: str, members: Any) -> Measures | None:
    """Return stored measures of an API; None if they can't be read."""
    return read_stored(partial(Measures.restore, members), "traffic", organization, api=api_id)
