"""
Checks of the platform and the environment variables.
"""

import os
from collections.abc import Iterator

from holdfast.doctor.check import Check
from holdfast.network.sockets import CannotStart
from holdfast.server.access.admin_password import find_given_password
from holdfast.server.machine.platforms import SUPPORTED, describe_problem, find_platform
from holdfast.server.settings import Settings
from holdfast.server.variables import find_unknown_variables


def check_platform() -> Check:
    """Check that Holdfast supports this platform. Where it can't run at all, the command has ended before."""
    current = find_platform()
    if describe_problem(current):
        text = f"This is {current.system} {current.version} on {current.machine}, which Holdfast isn't tested on."
        return Check.warning("platform", text, f"Use {SUPPORTED}, or test the features you rely on.")
    libc = "glibc " if current.system == "Linux" else ""
    return Check.ok("platform", f"{current.system}, {libc}{current.version}, {current.machine}.")


def check_variables() -> Iterator[Check]:
    """Check for unknown HOLDFAST_* variables."""
    unknown = find_unknown_variables(os.environ)
    for name, advice in unknown.items():
        yield Check.warning("variables", f"{name} isn't a setting of Holdfast and has no effect.", advice)
    if not unknown:
        yield Check.ok("variables", "There are no unknown HOLDFAST_* variables.")


def check_admin_password(settings: Settings) -> Iterator[Check]:
    """Check that HOLDFAST_ADMIN_PASSWORD can be used, if it is set."""
    try:
        find_given_password(settings)
    except CannotStart as error:
        yield Check.failed("admin password", str(error), "Fix it before the next start.")
