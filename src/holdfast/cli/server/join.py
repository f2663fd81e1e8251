"""
The implementation of `holdfast gateway join`.
"""

from pathlib import Path

from holdfast.apis.gateways.join_token import NoJoinToken, read_token
from holdfast.cli.failures import CommandFailed, InvalidUsage
from holdfast.cli.server.agent_options import AgentOptions
from holdfast.cli.server.agent_process import become_agent
from holdfast.cli.server.failures import failures_in_words
from holdfast.cli.terminal.output import tell
from holdfast.gateway.agent.joining import JoinFailed, join
from holdfast.gateway.agent.journal import STATE_FILE
from holdfast.gateway.agent.known_control_planes import write_control_planes
from holdfast.gateway.agent.membership import Membership, UnusableMembership, read_membership, write_membership
from holdfast.gateway.process.directory import gateway_directory


def join_and_run(url: str, token: str, options: AgentOptions) -> None:
    """
    Join the publisher at *url*, and become `holdfast gateway run`. Raises CommandFailed, InvalidUsage.

    The process is replaced, because SIGHUP starts a gateway again with its arguments, and a token works only once.
    """
    try:
        join_token = read_token(token)
    except NoJoinToken as error:
        raise InvalidUsage(str(error)) from error
    # The directory is locked, so a gateway that runs there is noticed before the token is used up.
    with failures_in_words(), gateway_directory(options.data):
        try:
            membership = join(url, join_token)
        except JoinFailed as error:
            raise CommandFailed(str(error)) from error
        store_membership(options.data, url, membership)
    become_agent(options.to_arguments())


def store_membership(data: Path, url: str, membership: Membership) -> None:
    """Store that the gateway in *data* has joined the publisher at *url*, and print that. Raises OSError."""
    _forget_others(data, membership)
    write_membership(data, membership)
    write_control_planes(data, membership.control_planes)
    tell(f"Joined {url} as {membership.name}, in the group {membership.group}.")


def _forget_others(data: Path, membership: Membership) -> None:
    """Remove what another publisher or group served, which this gateway must not serve while it isn't connected."""
    try:
        before = read_membership(data)
    except UnusableMembership:
        before = None
    if before is None or (before.publisher, before.group) != (membership.publisher, membership.group):
        (data / STATE_FILE).unlink(missing_ok=True)
