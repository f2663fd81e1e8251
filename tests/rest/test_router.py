"""Operations describe and write their responses as with FastAPI's router."""

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from typing_extensions import TypedDict

from holdfast.rest.router import Router


def door_with(router):
    class Owner(TypedDict):
        name: str

    class Book(TypedDict):
        """A book."""

        title: str
        owners: list[Owner]

    @router.get("/books/{title}")
    def read_book(title: str) -> Book:
        return {"title": title, "owners": [{"name": "ann", "age": 7}], "pages": 9}  # type: ignore[typeddict-unknown-key,typeddict-item]

    @router.get("/books")
    def list_books() -> list[Book]:
        return []

    door = FastAPI()
    door.include_router(router)
    return door


def door_of_ours():
    return door_with(Router(tags=["Books"], dependencies=()))


def door_of_fastapi():
    return door_with(APIRouter(tags=["Books"], generate_unique_id_function=lambda route: route.name))


@pytest.mark.parametrize("ask_first", [False, True])
def test_the_description_is_that_of_fastapis_router(ask_first):
    door = door_of_ours()
    if ask_first:
        TestClient(door).get("/books/dune")
    assert door.openapi() == door_of_fastapi().openapi()


def test_responses_are_those_of_fastapis_router():
    ours, fastapis = (TestClient(door).get("/books/dune").content for door in (door_of_ours(), door_of_fastapi()))
    assert ours == fastapis == b'{"title":"dune","owners":[{"name":"ann"}]}'
