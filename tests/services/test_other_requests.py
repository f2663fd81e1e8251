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
from services.test_remembering_failures import REFUSED, make_request, reject


@asynccontextmanager
async def knowing(store, names="abc"):
    """Run control planes; yield the failures of each, and what the first one uses to ask the others."""
    async with AsyncExitStack() as stack:
        control_planes = [await stack.enter_async_context(control_plane(store, name)) for name in names]
        await until(lambda: all(len(one.mailbox.others) == len(names) - 1 for one in control_planes))
        failures = [Failures(lambda: None, utc_now) for _ in control_planes]
        finders = [OtherRequests(one.mailbox, own) for one, own in zip(control_planes, failures, strict=True)]
        yield control_planes, failures, finders


async def find(store, user, failures, finder, request_id):
    context = context_of(store, user, utc_now())
    return await asyncio.to_thread(diagnosis.find_request, context, failures, finder, request_id)


def test_a_request_is_found_wherever_it_was_reported(store, anna, otto):
    async def story():
        async with knowing(store) as (_, failures, finders):
            failures[2].record(make_request("r1"))
            failures[1].record(reject("r2"))
            for own, ask in zip(failures, finders, strict=True):
                outcome = await find(store, anna, own, ask, "r1")
                assert (outcome.call.cause, outcome.call.evidence.reason) == (Cause.CONNECTION_REFUSED, REFUSED)
                assert (await find(store, anna, own, ask, "r2")).call.cause is Cause.API_NOT_FOUND
                with pytest.raises(NotFound):
                    await find(store, otto, own, ask, "r1")
                with pytest.raises(NotFound):
                    await find(store, anna, own, ask, "unknown")

    asyncio.run(story())


@pytest.mark.long
def test_a_silent_control_plane_makes_only_unknown_requests_uncertain(store, anna, monkeypatch):
    monkeypatch.setattr(other_requests, "WITHIN", 1.5)

    async def never(asker, question):
        del asker, question
        await asyncio.Event().wait()
        yield b""

    async def story():
        async with knowing(store) as (control_planes, failures, finders):
            control_planes[1].mailbox.handle(other_requests.KIND, never)
            failures[2].record(make_request("r1"))
            assert await find(store, anna, failures[0], finders[0], "r1")
            with pytest.raises(ControlPlaneSilent):
                await find(store, anna, failures[0], finders[0], "unknown")

    asyncio.run(story())
