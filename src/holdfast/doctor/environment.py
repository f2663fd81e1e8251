"""
What surrounds the process: the platform, and the variables that it was given.
"""

import os
from collections.abc import Iterator

from holdfast.doctor.check import Check
from holdfast.network.sockets import CannotStart
from holdfast.server.admin_password import given_password
from holdfast.server.platforms import SUPPORTED, platform_problem, this_platform
from holdfast.server.settings import Settings
from holdfast.server.variables import unknown_variables


def platform() -> Check:
    """See that Holdfast is made for this machine; where it can't run at all, the command ends before."""
    current = this_platform()
    if platform_problem(current):
        text = f"This is {current.system} {current.version} on {current.machine}, which Holdfast isn't tested on."
        return Check.warning("platform", text, f"Use {SUPPORTED}, or test what you rely on.")
    libc = "glibc " if current.system == "Linux" else ""
    return Check.ok("platform", f"{current.system}, {libc}{current.version}, {current.machine}.")


def variables() -> Iterator[Check]:
    """Name variables that mean nothing."""
    unknown = unknown_variables(os.environ)
    for name, advice in unknown.items():
        yield Check.warning("variables", f"{name} isn't a setting of Holdfast, so it has no effect.", advice)
    if not unknown:
        yield Check.ok("variables", "All HOLDFAST_* variables that are set are known.")


def admin_password(settings: Settings) -> Iterator[Check]:
    """See that HOLDFAST_ADMIN_PASSWORD, if it is set, can be used."""
    try:
        given_password(settings)
    except CannotStart as error:
        yield Check.failed("admin password", str(error), "Correct it before the next start.")
