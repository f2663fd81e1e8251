"""
What a dialog does, as a command and as `curl`: for people who do it again, in a script.
"""

from shlex import quote
from urllib.parse import quote as percent_encoded

from fastapi import Request

PREFIX = "/api/am/publisher/v4"


def as_commands(request: Request, action: str, **values: str) -> tuple[str, str]:
    """
    Give the command and the `curl` line for *action*; words in capitals are for the reader to fill in.

    Every value is quoted for a POSIX shell, or percent-encoded within a URL.
    """
    command, curl = _ACTIONS[action]
    quoted = {name: quote(value) for name, value in values.items()}
    quoted |= {f"{name}_url": percent_encoded(value, safe="") for name, value in values.items()}
    rest = f"{str(request.base_url).rstrip('/')}{PREFIX}"
    return f"holdfast {command.format(**quoted)}", f"curl -u USER {curl.format(rest=rest, **quoted)}"


# Its braces are doubled, as every line is formatted.
_EXCEPTION = '\'{{"reason": "REASON", "until": "TIME"}}\''
_ACTIONS: dict[str, tuple[str, str]] = {
    "upload": (
        "certificate add ALIAS {endpoint} FILE --wait",
        "-F alias=ALIAS -F endpoint={endpoint} -F certificate=@FILE {rest}/endpoint-certificates",
    ),
    "replace": (
        "certificate replace {alias} FILE --keep-previous --wait",
        "-X PUT -F certificate=@FILE '{rest}/endpoint-certificates/{alias_url}?keepPrevious=true'",
    ),
    "delete": ("certificate delete {alias}", "-X DELETE '{rest}/endpoint-certificates/{alias_url}'"),
    "details": ("certificate show {alias}", "'{rest}/endpoint-certificates/{alias_url}'"),
    "test": ("endpoint test {endpoint}", "-F endpoint={endpoint} {rest}/endpoints/probe"),
    "trust": ("trust show {endpoint}", "'{rest}/endpoints/trust-settings?endpoint={endpoint_url}'"),
    "exception": (
        "trust except {endpoint} --reason REASON --for 8h",
        f"-X PUT --json {_EXCEPTION} '{{rest}}/endpoints/trust-exception?endpoint={{endpoint_url}}'",
    ),
}
