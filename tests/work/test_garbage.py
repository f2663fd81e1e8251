"""Garbage is collected, even if it was created among objects that stay."""

import weakref

import pytest

from holdfast.work.garbage import pause_collection, retain

pytestmark = pytest.mark.long


class Node:
    def __init__(self) -> None:
        self.itself = self


def test_garbage_that_was_created_among_objects_that_stay_is_collected_in_the_end():
    with pause_collection():
        garbage = weakref.ref(Node())
    assert garbage()
    retain()
    assert garbage() is None
