"""A failed request is found at each control plane, whichever gateway reported it."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from acting import context_of
from holdfast.gateway.failures.causes import Cause
from holdfast.server.clock import utc_now
from holdfast.services.errors import ControlPlaneSilent, NotFound
from holdfast.services.failures import diagnosis, other_requests
from holdfast.services.failures.failures import Failures
from holdfast.services.failures.other_requests import OtherRequests
from neighbours import control_plane, until
from services.test_remembering_failures import REFUSED, rejected, request


@asynccontextmanager
async def knowing(store, names="abc"):
    """Run control planes; yield the failures of each, and what the first one uses to ask the others."""
    async with AsyncExitStack() as stack:
        each = [await stack.enter_async_context(control_plane(store, name)) for name in names]
        await until(lambda: all(len(one.mailbox.others) == len(names) - 1 for one in each))
        failures = [Failures(lambda: None, utc_now) for _ in each]
        others = [OtherRequests(one.mailbox, known) for one, known in zip(each, failures, strict=True)]
        yield each, failures, others


async def find(store, user, failures, others, request_id):
    context = context_of(store, user, utc_now())
    return await asyncio.to_thread(diagnosis.find_request, context, failures, others, request_id)


def test_a_request_is_found_wherever_it_was_reported(store, anna, otto):
    async def story():
        async with knowing(store) as (_, failures, others):
            failures[2].record(request("r1"))
            failures[1].record(rejected("r2"))
            for own, ask in zip(failures, others, strict=True):
                found = await find(store, anna, own, ask, "r1")
                assert (found.call.cause, found.call.evidence.reason) == (Cause.CONNECTION_REFUSED, REFUSED)
                assert (await find(store, anna, own, ask, "r2")).call.cause is Cause.API_NOT_FOUND
                with pytest.raises(NotFound):
                    await find(store, otto, own, ask, "r1")
                with pytest.raises(NotFound):
                    await find(store, anna, own, ask, "unknown")

    asyncio.run(story())


def test_a_silent_control_plane_makes_only_unknown_requests_uncertain(store, anna, monkeypatch):
    monkeypatch.setattr(other_requests, "WITHIN", 1.5)

    async def never(asker, question):
        del asker, question
        await asyncio.Event().wait()
        yield b""

    async def story():
        async with knowing(store) as (each, failures, others):
            each[1].mailbox.handle(other_requests.KIND, never)
            failures[2].record(request("r1"))
            assert await find(store, anna, failures[0], others[0], "r1")
            with pytest.raises(ControlPlaneSilent):
                await find(store, anna, failures[0], others[0], "unknown")

    asyncio.run(story())
