"""
A process that isn't a child: whether it runs, signals to it, and its end.
"""

import asyncio
import contextlib
import os
import signal
import sys

from holdfast.gateway.process.launcher import read_start_time

LOOK_AGAIN = 0.1  # seconds, where the kernel doesn't report the end of a process


def is_running(pid: int, start: str) -> bool:
    """Return whether the process that started at *start* still runs; another one with its ID doesn't count."""
    return read_start_time(pid) == start


def send_signal(pid: int, start: str, number: signal.Signals) -> bool:
    """
    Send a signal to the process that started at *start*; return False if it has ended.

    Another process that has its ID by now gets no signal. Raises PermissionError.
    """
    descriptor = _open(pid)  # first, because it stands for the same process even if the ID is reused
    try:
        if not is_running(pid, start):
            return False
        if sys.platform == "linux" and descriptor is not None:
            signal.pidfd_send_signal(descriptor, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        return False
    finally:
        if descriptor is not None:
            os.close(descriptor)
    return True


class DetachedProcess:
    """A running process that isn't a child of this one. Lives on one event loop."""

    def __init__(self, pid: int, start: str) -> None:
        """Watch the process with this ID and start time; if it has ended, `ended` is set from the start."""
        self.pid = pid
        self.ended = asyncio.Event()
        self._start = start
        # The descriptor comes first, because it stands for the same process even if the ID is reused.
        self._descriptor = _open(pid)
        self._polling: asyncio.TimerHandle | None = None
        if not is_running(pid, start):
            self._end()
        elif self._descriptor is None:
            self._polling = asyncio.get_running_loop().call_later(LOOK_AGAIN, self._look)
        else:
            asyncio.get_running_loop().add_reader(self._descriptor, self._end)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has ended."""
        if self.ended.is_set():
            return
        with contextlib.suppress(ProcessLookupError):
            if sys.platform == "linux" and self._descriptor is not None:
                signal.pidfd_send_signal(self._descriptor, number)
            elif is_running(self.pid, self._start):
                os.kill(self.pid, number)

    async def end(self, within: float) -> None:
        """Send SIGTERM, and SIGKILL if it still runs after *within* seconds; wait for its end."""
        self.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(within):
                await self.ended.wait()
        except TimeoutError:
            self.send_signal(signal.SIGKILL)
            await self.ended.wait()

    def release(self) -> None:
        """Stop watching; the process continues. Call nothing else afterwards."""
        if self._polling:
            self._polling.cancel()
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

    def _look(self) -> None:
        if is_running(self.pid, self._start):
            self._polling = asyncio.get_running_loop().call_later(LOOK_AGAIN, self._look)
        else:
            self._end()

    def _end(self) -> None:
        # In a container, this process may be PID 1 and so the parent that has to reap it.
        with contextlib.suppress(ChildProcessError):
            if sys.platform == "linux" and self._descriptor is not None:
                os.waitid(os.P_PIDFD, self._descriptor, os.WEXITED | os.WNOHANG)
            else:
                os.waitpid(self.pid, os.WNOHANG)
        self.release()
        self.ended.set()


def _open(pid: int) -> int | None:
    """Return a descriptor that becomes readable when the process ends; None if it has ended, or there are none."""
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:  # it has ended; or an old kernel, or a sandbox without it
        return None
