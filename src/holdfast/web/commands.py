"""
The `holdfast` and `curl` commands that do the same as a page or dialog, for use in scripts.
"""

from shlex import quote
from urllib.parse import quote as percent_encoded

from fastapi import Request

from holdfast.apis.publisher_paths import PREFIX


def build_commands(request: Request, action: str, **values: str) -> tuple[str, str]:
    """
    Build the `holdfast` and the `curl` command for *action*; the reader fills in the words in capitals.

    Values are quoted for a POSIX shell, or percent-encoded in URLs. A command is empty if there is none, or if `curl`
    would take a password as an argument, which other processes can read.
    """
    command, curl = _ACTIONS[action]
    quoted = {name: quote(value) for name, value in values.items()}
    quoted |= {f"{name}_url": percent_encoded(value, safe="") for name, value in values.items()}
    quoted["body"] = quote(_BODIES.get(action, ""))
    rest = f"{str(request.base_url).rstrip('/')}{PREFIX}"
    return (
        f"holdfast {command.format(**quoted)}" if command else "",
        f"curl -u USER {curl.format(rest=rest, **quoted)}" if curl else "",
    )


_PRODUCTION = '"endpoint_type": "http", "production_endpoints": {"url": "PRODUCTION"}'
# What `curl --json` sends, as {body} of its line.
_BODIES = {
    "create": f'{{"name": "NAME", "context": "CONTEXT", "version": "VERSION", "endpointConfig": {{{_PRODUCTION}}}}}',
    "environments": '{"gatewayEnvironments": ["NAME"]}',
    "trust": '{"names": ["NAME"]}',
    "exception": '{"reason": "REASON", "until": "TIME"}',
    "request": '{"subject": "NAME"}',
    "enroll": '{"name": "NAME", "group": "GROUP", "labels": {"KEY": "VALUE"}}',
    "change user": '{"roles": ["ROLE"], "disabled": false}',
    "create token": '{"name": "NAME", "scopes": ["SCOPE"], "expiresTime": "TIME"}',
}
_LIFECYCLE = {"Publish": "publish", "Demote to Created": "demote", "Deprecate": "deprecate", "Retire": "retire"}
_ACTIONS: dict[str, tuple[str, str]] = {
    "create": (
        "api create NAME CONTEXT VERSION --production PRODUCTION",
        "--json {body} {rest}/apis",
    ),
    "delete API": ("api delete {api}", "-X DELETE '{rest}/apis/{api_id_url}'"),
    "endpoints": ("", "-X PUT --json {config} '{rest}/apis/{api_id_url}'"),
    "environments": (
        "api set {api} --environment NAME",
        "-X PUT --json {body} '{rest}/apis/{api_id_url}'",
    ),
    "upload": (
        "certificate add ALIAS {endpoint} FILE --wait",
        "-F alias=ALIAS -F endpoint={endpoint} -F certificate=@FILE {rest}/endpoint-certificates",
    ),
    "replace": (
        "certificate replace {alias} FILE --keep-previous --wait",
        "-X PUT -F certificate=@FILE '{rest}/endpoint-certificates/{alias_url}?keepPrevious=true'",
    ),
    "retire": ("certificate retire {alias} --wait", "-X POST '{rest}/endpoint-certificates/{alias_url}/retire'"),
    "undo": ("certificate undo {alias} --wait", "-X POST '{rest}/endpoint-certificates/{alias_url}/undo'"),
    "delete": ("certificate delete {alias}", "-X DELETE '{rest}/endpoint-certificates/{alias_url}'"),
    "restore": ("", "-X POST '{rest}/removed-endpoint-certificates/{removed_url}/restore'"),
    "details": ("certificate show {alias}", "'{rest}/endpoint-certificates/{alias_url}'"),
    "test": ("endpoint test {endpoint}", "-F endpoint={endpoint} {rest}/endpoints/probe"),
    "trust": (
        "trust set {endpoint} --names NAME --wait",
        "-X PUT --json {body} '{rest}/endpoints/trust-settings?endpoint={endpoint_url}'",
    ),
    "exception": (
        "trust except {endpoint} --reason REASON --for 8h",
        "-X PUT --json {body} '{rest}/endpoints/trust-exception?endpoint={endpoint_url}'",
    ),
    "verify": (
        "trust verify {endpoint} --wait",
        "-X DELETE '{rest}/endpoints/trust-exception?endpoint={endpoint_url}'",
    ),
    "present": (
        "",
        "-X PUT -F certificate=@FILE '{rest}/endpoints/client-certificate?endpoint={endpoint_url}'",
    ),
    "present nothing": ("", "-X DELETE '{rest}/endpoints/client-certificate?endpoint={endpoint_url}'"),
    "request": (
        "",
        "--json {body} '{rest}/endpoints/client-certificate/request?endpoint={endpoint_url}'",
    ),
    "answer": (
        "",
        "-X PUT -F certificate=@FILE '{rest}/endpoints/client-certificate/answer?endpoint={endpoint_url}'",
    ),
    "discard": ("", "-X DELETE '{rest}/endpoints/client-certificate/request?endpoint={endpoint_url}'"),
    "enroll": ("gateway enroll NAME --group GROUP --label KEY=VALUE", "--json {body} {rest}/gateways"),
    "revoke gateway": ("gateway revoke {gateway}", "-X DELETE '{rest}/gateways/{gateway_url}'"),
    "create user": ("user create NAME --role ROLE", ""),
    "change user": (
        "user change {user} --role ROLE --enable",
        "-X PUT --json {body} '{rest}/users/{user_url}'",
    ),
    "set password": ("user password {user}", ""),
    "create token": ("", "--json {body} {rest}/tokens"),
    "revoke token": ("", "-X DELETE '{rest}/tokens/{token_url}'"),
    "delete user": ("user delete {user}", "-X DELETE '{rest}/users/{user_url}'"),
} | {
    action: (
        f"api {verb} {{api}}",
        f"-X POST '{{rest}}/apis/change-lifecycle?apiId={{api_id_url}}&action={percent_encoded(action)}'",
    )
    for action, verb in _LIFECYCLE.items()
}
