"""
Settings of commands that work on a local data directory.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from holdfast.network.sockets import CannotStart
from holdfast.server.logs import configure_logging
from holdfast.server.settings import Settings

CHECKS_LOG = "critical"  # the level for checks, whose results contain all that others log


def read_settings(options: Mapping[str, Any], log_level: str = "") -> Settings:
    """
    Read settings from *options* (None: not given) and variables, and configure logging.

    *log_level* is used instead of the setting, if any. Raises CannotStart.
    """
    try:
        settings = Settings(**{name: value for name, value in options.items() if value is not None})
        settings.data.expanduser()
    except ValidationError as error:
        first = error.errors()[0]
        name, text = str(first["loc"][0]), str(first["input"])
        source = f"HOLDFAST_{name.upper()}" if options.get(name) is None else f"--{name.replace('_', '-')}"
        reason = str(first["msg"]).removeprefix("Value error, ").replace("Input should", f"{text!r} should")
        raise CannotStart(f"{source}: {reason}.") from error
    except RuntimeError as error:
        raise CannotStart(
            f"Can't expand {settings.data}: there is no home directory. Choose a directory with --data."
        ) from error
    configure_logging(log_level or settings.log_level)
    return settings
