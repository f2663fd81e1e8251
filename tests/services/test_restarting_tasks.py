"""A task that is restarted again and again, as while the database fails, leaves no listener behind each time."""

import asyncio
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import pytest

from holdfast.services.gateways.elsewhere import GatewaysElsewhere
from holdfast.store.errors import StoreFailure
from services.notifying import Office


class BrokenStore:
    """A database that can't be read."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[], object]] = []

    def on_note(self, _: object, listener: Callable[[], object]) -> None:
        self.listeners.append(listener)

    @contextmanager
    def read(self):
        raise StoreFailure("The database can't be read.", "Try again.")
        yield


def follow_gateways(store: Any, _: object) -> Callable[[], Any]:
    elsewhere = GatewaysElsewhere("cp-1")
    return lambda: elsewhere.follow(store, lambda: None)


def notify(store: Any, clock: object) -> Callable[[], Any]:
    clerk = Office(store, clock).clerk
    return lambda: clerk.follow(store)


@pytest.mark.parametrize("begin", [follow_gateways, notify])
def test_a_task_that_is_restarted_has_one_listener(clock, begin: Callable[..., Callable[[], Any]]):
    store = BrokenStore()

    async def story():
        follow = begin(store, clock)
        for _ in range(3):
            with pytest.raises(StoreFailure):
                await follow()

    asyncio.run(story())
    assert len(store.listeners) == 1
