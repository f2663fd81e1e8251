"""
The first start of `holdfast gateway run --join`: a gateway joins its publisher without a person.
"""

import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from holdfast.apis.gateways.enrollment_key import UnusableEnrollmentKeys, is_enrollment_key, read_enrollment_keys
from holdfast.apis.gateways.join_token import NoJoinToken, read_token
from holdfast.cli.failures import CommandFailed, InvalidUsage
from holdfast.cli.server.failures import failures_in_words
from holdfast.cli.server.join import store_membership
from holdfast.cli.terminal.output import tell
from holdfast.gateway.agent.joining import JoinFailed, PublisherUnreachable, join, join_with_key
from holdfast.gateway.agent.membership import Membership, UnusableMembership, read_membership
from holdfast.gateway.process.directory import gateway_directory
from holdfast.server.clock import utc_now

MAX_FILE = 16 * 1024  # characters
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  # seconds between attempts to reach the publisher


@dataclass(frozen=True, slots=True)
class JoinOptions:
    """
    The options for joining: the publisher's URL, and the file with a join token or enrollment key.

    With an enrollment key, the gateway is called *name*, and *ca_file* has the CA of the publisher's certificate.
    """

    url: str
    token_file: Path
    ca_file: Path | None
    name: str | None


def join_if_needed(data: Path, options: JoinOptions) -> None:
    """
    Join, unless the gateway in *data* has joined before.

    Waits for a publisher that can't be reached. A gateway whose certificate has expired joins again if it can;
    otherwise it still starts, because it can serve callers.

    Raises CommandFailed, InvalidUsage.
    """
    try:
        before = read_membership(data)
    except UnusableMembership:
        before = None
    if before and utc_now() < before.validity[1]:
        return
    signal.signal(signal.SIGTERM, _leave)  # as process 1 of a container, Python would ignore it
    try:
        _join(data, options, is_waiting=before is None)
    except CommandFailed as error:
        if before is None:
            raise
        tell(f"{error} The gateway's certificate has expired, so it starts without a publisher.")


def _join(data: Path, options: JoinOptions, *, is_waiting: bool) -> None:
    pause = FIRST_PAUSE
    while True:
        # Read each time: an orchestrator can replace the file meanwhile.
        with failures_in_words(), gateway_directory(data):
            try:
                membership = _exchange(options)
            except PublisherUnreachable as error:
                if not is_waiting:
                    raise CommandFailed(str(error)) from error
                tell(f"{error} Trying again in {pause:g} seconds.")
            except JoinFailed as error:
                raise CommandFailed(str(error)) from error
            else:
                store_membership(data, options.url, membership)
                return
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def _exchange(options: JoinOptions) -> Membership:
    text = _read(options.token_file)
    try:
        if not is_enrollment_key(text):
            return join(options.url, read_token(text))
        key = read_enrollment_keys(text)[0].text
    except NoJoinToken as error:
        raise InvalidUsage(f"{options.token_file}: {error}") from error
    except UnusableEnrollmentKeys as error:
        raise InvalidUsage(f"{options.token_file}: {error}") from error
    name = make_name(options.name or socket.gethostname())
    return join_with_key(options.url, key, name, options.ca_file)


def make_name(host: str) -> str:
    """Return the name of a gateway that is called like a machine: in lower case, with hyphens instead of dots."""
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in host.lower())
    return letters[:63].strip("-")


def _read(file: Path) -> str:
    try:
        with file.expanduser().open(encoding="utf-8") as source:
            return source.read(MAX_FILE).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it isn't text"
        raise CommandFailed(f"Can't read {file}: {why}.") from error


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)
