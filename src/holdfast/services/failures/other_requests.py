"""
Failed requests that other control planes know: each has those that its gateways reported.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import replace

import structlog
from pydantic import TypeAdapter, ValidationError

from holdfast.services.control_planes.mailbox import Mailbox, NoReply
from holdfast.services.errors import ControlPlaneSilent
from holdfast.services.failures.failed_calls import FailedCall
from holdfast.services.failures.failures import Failures

log = structlog.get_logger()
KIND = "failed-request"
WITHIN = 2.0  # seconds, including the wait for a turn
AT_ONCE = 8  # searches: any user can start them
_CALL: TypeAdapter[tuple[FailedCall]] = TypeAdapter(tuple[FailedCall])
_UNKNOWN = b""


class OtherRequests:
    """Finds failed requests at other control planes, and lets them find those of this one."""

    def __init__(self, mailbox: Mailbox, failures: Failures) -> None:
        self._mailbox = mailbox
        self._failures = failures
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._loop = asyncio.get_running_loop()
        mailbox.handle(KIND, self._answer)

    def find(self, organization: str, request_id: str) -> FailedCall | None:
        """
        Return a failed request of an organization, without a test; None if no control plane knows it.

        Call it in a thread. Raises ControlPlaneSilent.
        """
        if not self._mailbox.others:
            return None
        return asyncio.run_coroutine_threadsafe(self._find(organization, request_id), self._loop).result()

    async def _find(self, organization: str, request_id: str) -> FailedCall | None:
        question = json.dumps([organization, request_id]).encode()
        is_complete = True
        try:
            async with asyncio.timeout(WITHIN), self._turns:
                asking = [
                    asyncio.create_task(self._mailbox.ask(other, KIND, question, WITHIN))
                    for other in self._mailbox.others
                ]
                try:
                    for answer in asyncio.as_completed(asking):
                        try:
                            if call := _read(await answer):
                                return call
                        except NoReply as error:
                            log.warning("control plane doesn't say whether it knows a request", reason=str(error))
                            is_complete = False
                finally:
                    for task in asking:
                        task.cancel()
        except TimeoutError:
            is_complete = False
        if not is_complete:
            raise ControlPlaneSilent
        return None

    async def _answer(self, asker: str, question: bytes) -> AsyncGenerator[bytes, None]:
        del asker
        organization, request_id = json.loads(question)
        call = self._failures.find_request(organization, request_id)
        yield _CALL.dump_json((replace(call, probe=None),)) if call else _UNKNOWN


def _read(answer: bytes) -> FailedCall | None:
    try:
        return _CALL.validate_json(answer)[0] if answer else None
    except ValidationError as error:
        raise NoReply("the other control plane's version describes failures differently") from error
