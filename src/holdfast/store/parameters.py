"""
Parameters of statements that are built once, when their module is loaded: building one takes as long as executing it.
"""

from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import BindParameter, bindparam

from holdfast.store.chunks import split_values

ORGANIZATION: BindParameter[str] = bindparam("organization")
VALUES: BindParameter[str] = bindparam("values", expanding=True)


def bind(organization: str, values: Iterable[str]) -> Iterator[Mapping[str, object]]:
    """Yield ORGANIZATION and VALUES for each execution of a statement, as `split_values` does."""
    return ({ORGANIZATION.key: organization, VALUES.key: chunk} for chunk in split_values(values))
