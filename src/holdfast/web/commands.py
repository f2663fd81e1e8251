"""
The `holdfast` and `curl` commands that do the same as a page or dialog, for use in scripts.
"""

from shlex import quote
from urllib.parse import quote as percent_encoded

from fastapi import Request

from holdfast.apis.publisher_paths import PREFIX
from holdfast.services.access.principal import Principal


def build_commands(request: Request, caller: Principal, action: str, **values: str) -> tuple[str, str]:
    """
    Build the `holdfast` and the `curl` command of *caller* for *action*; the reader fills in the words in capitals.

    Values are quoted for a POSIX shell, or percent-encoded in URLs. A command is empty if there is none, or if `curl`
    would take a password as an argument, which other processes can read.
    """
    command, curl = _ACTIONS[action]
    arguments = {name: quote(value) for name, value in values.items()}
    arguments |= {f"{name}_url": percent_encoded(value, safe="") for name, value in values.items()}
    arguments["body"] = quote(_BODIES.get(action, ""))
    rest = f"{str(request.base_url).rstrip('/')}{PREFIX}"
    return (
        f"holdfast {command.format(**arguments)}" if command else "",
        f"curl -u {quote(caller.name)} {curl.format(rest=rest, **arguments)}" if curl else "",
    )


_PRODUCTION = '"endpoint_type": "http", "production_endpoints": {"url": "PRODUCTION"}'
# What `curl --json` sends, as {body} of its line.
_BODIES = {
    "create": f'{{"name": "NAME", "context": "CONTEXT", "version": "VERSION", "endpointConfig": {{{_PRODUCTION}}}}}',
    "describe": '{"description": "TEXT"}',
    "environments": '{"gatewayEnvironments": ["NAME"]}',
    "request rules": '{"isDefaultVersion": true, "onlyListedOperations": true, "maxTps": {"production": 100}}',
    "trust": '{"names": ["NAME"]}',
    "exception": '{"reason": "REASON", "until": "TIME"}',
    "request": '{"subject": "NAME"}',
    "create group": '{"name": "NAME", "urls": {"production": "URL"}, "listen": {"production": ["IP:PORT"]}}',
    "change group": '{"urls": {"production": "URL"}, "listen": {"production": ["IP:PORT"]}}',
    "enroll": '{"name": "NAME", "group": "GROUP", "labels": {"KEY": "VALUE"}}',
    "change user": '{"roles": ["ROLE"], "disabled": false}',
    "change channel": '{"events": ["KIND"]}',
    "create revision": '{"description": "TEXT"}',
    "deploy": '[{"name": "ENVIRONMENT"}]',
    "undeploy": '[{"name": "ENVIRONMENT"}]',
    "silence": '{"kind": "KIND", "about": "OBJECT", "reason": "REASON", "until": "TIME"}',
    "create token": '{"name": "NAME", "scopes": ["SCOPE"], "expiresTime": "TIME"}',
}
_LIFECYCLE = {
    "Publish": "publish",
    "Deploy as a Prototype": "prototype",
    "Demote to Created": "demote",
    "Block": "block",
    "Re-Publish": "republish",
    "Deprecate": "deprecate",
    "Retire": "retire",
}
_ACTIONS: dict[str, tuple[str, str]] = {
    "create": (
        "api create NAME CONTEXT VERSION --production PRODUCTION",
        "--json {body} {rest}/apis",
    ),
    "delete API": ("api delete {api}", "-X DELETE '{rest}/apis/{api_id_url}'"),
    "endpoints": ("", "-X PUT --json {config} '{rest}/apis/{api_id_url}'"),
    "import definition": ("", "-F file=@FILE {rest}/apis/import-openapi"),
    "replace definition": ("", "-X PUT -F file=@FILE '{rest}/apis/{api_id_url}/swagger'"),
    "describe": ("api set {api} --description TEXT", "-X PUT --json {body} '{rest}/apis/{api_id_url}'"),
    "request rules": ("", "-X PUT --json {body} '{rest}/apis/{api_id_url}'"),
    "copy": ("", "-X POST '{rest}/apis/copy-api?apiId={api_id_url}&newVersion=VERSION'"),
    "add caller": (
        "",
        "-F alias=ALIAS -F tier= -F certificate=@FILE '{rest}/apis/{api_id_url}/client-certificates'",
    ),
    "replace caller": (
        "",
        "-X PUT -F certificate=@FILE '{rest}/apis/{api_id_url}/client-certificates/{alias_url}'",
    ),
    "delete caller": ("", "-X DELETE '{rest}/apis/{api_id_url}/client-certificates/{alias_url}'"),
    "environments": (
        "api set {api} --environment NAME",
        "-X PUT --json {body} '{rest}/apis/{api_id_url}'",
    ),
    "create revision": (
        "revision create {api} --description TEXT",
        "--json {body} '{rest}/apis/{api_id_url}/revisions'",
    ),
    "deploy": (
        "revision deploy {api} {revision} --environment ENVIRONMENT",
        "--json {body} '{rest}/apis/{api_id_url}/deploy-revision?revisionId={revision_id_url}'",
    ),
    "undeploy": (
        "revision undeploy {api} {revision} --environment ENVIRONMENT",
        "--json {body} '{rest}/apis/{api_id_url}/undeploy-revision?revisionId={revision_id_url}'",
    ),
    "delete revision": (
        "revision delete {api} {revision}",
        "-X DELETE '{rest}/apis/{api_id_url}/revisions/{revision_id_url}'",
    ),
    "restore revision": (
        "revision restore {api} {revision}",
        "-X POST '{rest}/apis/{api_id_url}/restore-revision?revisionId={revision_id_url}'",
    ),
    "upload": (
        "certificate add ALIAS {endpoint} FILE --wait",
        "-F alias=ALIAS -F endpoint={endpoint} -F certificate=@FILE {rest}/endpoint-certificates",
    ),
    "replace": (
        "certificate replace {alias} FILE --keep-previous --wait",
        "-X PUT -F certificate=@FILE '{rest}/endpoint-certificates/{alias_url}?keepPrevious=true'",
    ),
    "pin": ("certificate pin {alias} --wait", "-X POST '{rest}/endpoint-certificates/{alias_url}/pin'"),
    "unpin": ("certificate unpin {alias} --wait", "-X DELETE '{rest}/endpoint-certificates/{alias_url}/pin'"),
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
    "create group": (
        "gateway-group create NAME --url production=URL --listen production=IP:PORT",
        "--json {body} {rest}/gateways/groups",
    ),
    "change group": (
        "gateway-group set {group} --url production=URL --listen production=IP:PORT",
        "-X PUT --json {body} '{rest}/gateways/groups/{group_url}'",
    ),
    "delete group": ("gateway-group delete {group}", "-X DELETE '{rest}/gateways/groups/{group_url}'"),
    "create channel": (
        "notification create NAME --kind {kind} --url URL --secret-file FILE --recipient ADDRESS",
        "",
    ),
    "change channel": (
        "notification set {channel} --event KIND",
        "-X PUT --json {body} '{rest}/notification-channels/{channel_url}'",
    ),
    "delete channel": ("notification delete {channel}", "-X DELETE '{rest}/notification-channels/{channel_url}'"),
    "silence": (
        "notification silence --kind KIND --about OBJECT --reason REASON --for 4h",
        "--json {body} {rest}/silences",
    ),
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
